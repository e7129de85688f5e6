"""Settings: defaults, a TOML file, secrets in files, the environment, the command line; the last one wins.

Environment names are `OFD_GATEWAY_` and the key, with `__` between the levels (`OFD_GATEWAY_INTAKE__IDLE_TIMEOUT`).
Durations are written like `3s`, `24h`, `45d`; lists are separated by commas. docs/configuration.md has every key.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import BaseModel, Field, JsonValue, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NestedSecretsSettingsSource,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from ofd_gateway.alert_settings import AlertsSettings
from ofd_gateway.buyer_settings import BuyersSettings, SmsSettings
from ofd_gateway.clock import FASTEST, ClockSetting
from ofd_gateway.config_file import find_config_file
from ofd_gateway.errors import OfdGatewayError
from ofd_gateway.fault_settings import FaultsSettings
from ofd_gateway.setting_values import (
    EMBEDDED,
    Address,
    BaseUrl,
    DatabaseChoice,
    Directory,
    Duration,
    Group,
    Moment,
    Networks,
    Remedies,
    Severities,
    SocketAddress,
    format_duration,
    parse_duration,
)
from ofd_gateway.web_settings import WebSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ofd_gateway.alerts.letters.retry import RetryParameters
    from ofd_gateway.dispatch import DispatchParameters
    from ofd_gateway.ffd.checks import CheckPolicy

__all__ = [
    "EMBEDDED",
    "ENVIRONMENT_PREFIX",
    "Address",
    "Duration",
    "Settings",
    "SettingsError",
    "default_state_dir",
    "format_duration",
    "load_settings",
    "parse_duration",
    "sources_of",
]

ENVIRONMENT_PREFIX: Final = "OFD_GATEWAY_"
SECRETS_VARIABLE: Final = f"{ENVIRONMENT_PREFIX}SECRETS_DIR"
_NO_SETTINGS: Final = frozenset({"CONFIG", "SECRETS_DIR", "TEST_DATABASE"})
_SECRET: Final[dict[str, JsonValue]] = {"secret": True}


class SettingsError(OfdGatewayError):
    """A setting is unknown or has no sense; the message names its key."""


class OfdSettings(Group):
    """Who we are."""

    inn: str = Field("7704211201", pattern=r"^(\d{10}|\d{12})$", description="INN of the operator (tag 1017)")
    name: str = Field("ofd-gateway", max_length=256, description="name of the operator (tag 1046)")


class IntakeSettings(Group):
    """What the registers' side takes and for how long it waits."""

    accept: Literal["any", "known"] = Field("any", description="`known`: only FNs and registers that were here before")
    undecodable: Literal["close", "code11"] = Field(
        "close", description="what a body that cannot be read gets: no answer, or a confirmation with code 11"
    )
    message_timeout: Duration = Field(timedelta(seconds=30), description="for one message to arrive whole")
    idle_timeout: Duration = Field(timedelta(seconds=300), description="without a byte between messages")
    write_timeout: Duration = Field(timedelta(seconds=30), description="for a register to read its confirmations")
    store_timeout: Duration = Field(timedelta(seconds=5), description="for a document to wait for the database")
    drain_timeout: Duration = Field(
        timedelta(seconds=30), description="for connections of a worker that is being replaced to end by themselves"
    )
    proxy_protocol: Literal["off", "v2"] = Field(
        "off", description="`v2`: a balancer begins each connection with the register's address (PROXY protocol)"
    )
    proxy_trusted: Networks = Field(
        ["127.0.0.0/8", "::1/128"],
        description="networks of the balancers; with `proxy_protocol` connections from elsewhere are closed",
    )
    max_connections: int = Field(20_000, ge=1, description="connections of one process")
    max_connections_per_fn: int = Field(4, ge=2, description="connections of one FN; the oldest idle one gives way")
    max_message_bytes: int = Field(32_810, ge=88, le=65_535, description="largest container")


class FfdSettings(Group):
    """How documents are judged and shown."""

    checks: Literal["enforce", "observe", "off"] = Field(
        "enforce", description="`enforce`: errors answer code 14; `observe`: only listed; `off`: no checks"
    )
    names: Literal["2021", "2017"] = Field("2021", description="generation of JSON names")
    severities: Severities = Field(
        default_factory=dict, description="severity of single rules: `R-S3=warning,R-X6=off`, a table in TOML"
    )

    def policy(self) -> CheckPolicy:
        """The policy for the checks room."""
        from ofd_gateway.ffd.checks import CheckPolicy

        return CheckPolicy(mode=self.checks, severities=self.severities)


class SmtpSettings(Group):
    """The server that takes letters; without a host they stay in the state directory."""

    host: str = Field("", description="name or address of the server; empty: letters are kept in the state directory")
    port: int = Field(25, ge=1, le=65_535, description="port of the server")
    tls: Literal["off", "starttls", "tls"] = Field("off", description="encryption of the connection")
    user: str = Field("", description="user, empty for none")
    password: str = Field("", repr=False, json_schema_extra=_SECRET, description="password of the user")
    sender: str = Field(
        "ofd-gateway@localhost", pattern=r"^[!-?A-~]+@[^@\s]+$", description="address that letters come from"
    )
    timeout: Duration = Field(timedelta(seconds=30), description="for each answer of the server")
    parallel: int = Field(4, ge=1, le=64, description="letters that one process sends at the same time")
    retry_min: Duration = Field(timedelta(seconds=30), description="first pause after a failure; it doubles")
    retry_max: Duration = Field(timedelta(hours=1), description="longest pause")
    attempts: int = Field(40, ge=1, description="attempts until a letter is given up")

    def retry(self) -> RetryParameters:
        """The pauses between attempts."""
        from ofd_gateway.alerts.letters.retry import RetryParameters

        return RetryParameters(first=self.retry_min, longest=self.retry_max, attempts=self.attempts)


class FnsSettings(Group):
    """The leg to the tax service (ФНС)."""

    url: BaseUrl = Field("", description="where documents go on to, `http://host:port/path`; empty: nowhere")
    token: str = Field(
        "",
        repr=False,
        pattern=r"^[!-~]*$",
        json_schema_extra=_SECRET,
        description="goes along as `Authorization: Bearer`, empty for none",
    )
    batch: int = Field(100, ge=1, le=1000, description="documents of one request, at most")
    parallel: int = Field(4, ge=1, le=64, description="requests of one process at the same time")
    timeout: Duration = Field(timedelta(seconds=30), description="for one request and its answer")
    retry_min: Duration = Field(timedelta(seconds=2), description="first pause after a failure; it doubles")
    retry_max: Duration = Field(timedelta(minutes=5), description="longest pause")
    tries: int = Field(3, ge=1, description="attempts without a decision until a document is late")
    late_after: Duration = Field(timedelta(minutes=15), description="time without a decision until it is late")
    remedies: Remedies = Field(
        default_factory=dict, description="what letters say is to be done, by the code of a refusal; a table in TOML"
    )

    def dispatch(self) -> DispatchParameters:
        """How much goes at once and what happens when it does not go."""
        from ofd_gateway.dispatch import DispatchParameters

        return DispatchParameters(
            batch=self.batch,
            retry_min=self.retry_min,
            retry_max=self.retry_max,
            tries=self.tries,
            late_after=self.late_after,
        )


class LogSettings(Group):
    """What is logged and how."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="least level that is written")
    format: Literal["auto", "json", "console"] = Field("auto", description="`auto`: text on a terminal, else JSON")


class ClockSettings(Group):
    """A virtual clock for trials and demonstrations; in production it would make every document's time wrong."""

    start: Moment = Field(None, description="trials only: the moment a virtual clock starts from")
    rate: float = Field(1.0, gt=0, le=FASTEST, description="trials only: how many times as fast it goes")
    anchor: Moment = Field(
        None, description="trials only: the real moment at which it shows the start; empty: when the gateway starts"
    )

    def setting(self) -> ClockSetting | None:
        """The virtual clock, once it is anchored; None for the machine's own."""
        if self.start is None or self.anchor is None:
            return None
        return ClockSetting(start=self.start, rate=self.rate, anchor=self.anchor)

    def anchored(self, now: datetime) -> ClockSettings:
        """The same with every value that a virtual clock needs, `now` being the real moment."""
        if self.start is None and self.rate == 1.0:
            return self
        return self.model_copy(update={"start": self.start or now, "anchor": self.anchor or now})


def default_state_dir() -> Path:
    """`/var/lib/ofd-gateway` for root, the user's data directory otherwise."""
    if os.geteuid() == 0:
        return Path("/var/lib/ofd-gateway")
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "ofd-gateway"


class Settings(BaseSettings):
    """The whole configuration of one gateway."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        validate_default=False,
        hide_input_in_errors=True,
    )

    listen: Address = Field(SocketAddress(host="127.0.0.1", port=7777), description="where registers connect")
    http: Address = Field(SocketAddress(host="127.0.0.1", port=8080), description="health, metrics, API")
    database: DatabaseChoice = Field(EMBEDDED, repr=False, description="`embedded` or a PostgreSQL URI")
    database_peer_timeout: Duration = Field(
        timedelta(seconds=15),
        description="after which a server ends the sessions of a gateway that is cut off; `0s`: as the server likes",
    )
    state_dir: Directory = Field(default_factory=default_state_dir, description="keys, the embedded database")
    workers: int = Field(1, ge=1, le=64, description="processes that serve registers")
    disposable: bool = Field(
        False,
        description="for tests: `DELETE /v1/data` forgets everything; only with the embedded database and one worker",
    )
    ofd: OfdSettings = OfdSettings()
    intake: IntakeSettings = IntakeSettings()
    ffd: FfdSettings = FfdSettings()
    alerts: AlertsSettings = AlertsSettings()
    smtp: SmtpSettings = SmtpSettings()
    fns: FnsSettings = FnsSettings()
    buyers: BuyersSettings = BuyersSettings()
    sms: SmsSettings = SmsSettings()
    web: WebSettings = WebSettings()
    faults: FaultsSettings = FaultsSettings()
    logs: LogSettings = LogSettings()
    clock: ClockSettings = ClockSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The command line, then the environment, then secrets, then the file."""
        secrets = _secrets(file_secret_settings)
        return (init_settings, env_settings, secrets, TomlConfigSettingsSource(settings_cls))

    def anchored(self, now: datetime) -> Settings:
        """The same settings, with a virtual clock that starts at the real moment `now` unless it says another."""
        return self.model_copy(update={"clock": self.clock.anchored(now)})

    @property
    def buyers_by_email(self) -> bool:
        """Whether receipts go to e-mail addresses."""
        return self.buyers.email == "on" or (self.buyers.email == "auto" and bool(self.smtp.host))

    @property
    def buyers_on(self) -> bool:
        """Whether receipts go on to buyers, by whichever way."""
        return self.buyers_by_email or bool(self.sms.host)

    def masked(self) -> dict[str, Any]:
        """The whole tree as plain values, passwords hidden."""
        tree = self.model_dump(mode="json")
        _mask(type(self), tree)
        return tree


def load_settings(config: Path | None = None, **overrides: Any) -> Settings:
    """The effective settings; `overrides` are what the command line gave, None meaning nothing.

    `config` is a TOML file; without one the file named by `OFD_GATEWAY_CONFIG` or one in the usual places is read.

    Raises:
        SettingsError: names the key and what is wrong with it, or the file that cannot be read.
    """
    model = _reading(_existing(config))
    _refuse_unknown_environment()
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        loaded = model(**given)
    except ValidationError as error:
        raise SettingsError(_explain(error)) from None
    except (ValueError, OSError) as error:
        raise SettingsError(f"{find_config_file(config) or 'the environment'}: {error}") from None
    _check_whole(loaded)
    return Settings.model_construct(**{name: getattr(loaded, name) for name in Settings.model_fields})


def sources_of(config: Path | None = None, **overrides: Any) -> dict[str, str]:
    """Dotted key to the place that set it, for every key of settings that load; keys at their default are absent."""
    file = _existing(config)
    model = _reading(file)
    given = {name: value for name, value in overrides.items() if value is not None}
    secrets = _secrets(SecretsSettingsSource(model))
    found: dict[str, str] = {}
    for source, place in (
        (TomlConfigSettingsSource(model)(), str(file)),
        (secrets(), f"{os.environ.get(SECRETS_VARIABLE)}/"),
        (EnvSettingsSource(model)(), ""),
        (given, "command line"),
    ):
        for key in _keys(source, model):
            found[key] = place or ENVIRONMENT_PREFIX + key.replace(".", "__").upper()
    return found


def _existing(config: Path | None) -> Path | None:
    file = find_config_file(config)
    if file is not None and not file.is_file():
        raise SettingsError(f"the configuration file {file} {'is no file' if file.exists() else 'does not exist'}")
    return file


def _reading(file: Path | None) -> type[Settings]:
    class Loaded(Settings):
        model_config = SettingsConfigDict(toml_file=file)

    return Loaded


def _secrets(default: PydanticBaseSettingsSource) -> NestedSecretsSettingsSource:
    return NestedSecretsSettingsSource(
        default,
        secrets_dir=os.environ.get(SECRETS_VARIABLE),
        secrets_dir_missing="error",
        secrets_prefix=ENVIRONMENT_PREFIX,
    )


def _keys(tree: Mapping[str, Any], model: type[BaseModel], prefix: str = "") -> list[str]:
    keys = []
    for name, value in tree.items():
        group = model.model_fields[name].annotation
        if isinstance(value, dict) and isinstance(group, type) and issubclass(group, Group):
            keys.extend(_keys(value, group, f"{prefix}{name}."))
        else:
            keys.append(prefix + name)
    return keys


def _mask(model: type[BaseModel], tree: dict[str, Any]) -> None:
    for name, field in model.model_fields.items():
        if field.json_schema_extra == _SECRET and tree[name]:
            tree[name] = "***"
        elif isinstance(field.annotation, type) and issubclass(field.annotation, Group):
            _mask(field.annotation, tree[name])


def _check_whole(settings: Settings) -> None:
    """What no single value shows: ids of rules, time zones, settings that need each other."""
    if settings.intake.proxy_protocol != "off" and not settings.intake.proxy_trusted:
        raise SettingsError("intake.proxy_trusted: with intake.proxy_protocol it names at least one network")
    if settings.disposable and (settings.database != EMBEDDED or settings.workers > 1):
        raise SettingsError(
            "disposable: only a gateway with the embedded database and one worker can forget everything"
        )
    if settings.ffd.severities:
        from ofd_gateway.ffd.checks import PolicyError

        try:
            settings.ffd.policy()
        except PolicyError as error:
            raise SettingsError(f"ffd.severities: {error}") from None
    if settings.faults.rules:
        from ofd_gateway.faults import FaultError

        try:
            settings.faults.parsed()
        except FaultError as error:
            raise SettingsError(f"faults.rules: {error}") from None
    if "alerts" in settings.model_fields_set:
        from ofd_gateway.alerts.parameters import ParameterError

        try:
            settings.alerts.parameters()
        except ParameterError as error:
            raise SettingsError(f"alerts.{error}") from None


def _refuse_unknown_environment() -> None:
    """A misspelt variable must not be ignored in silence."""
    known = _NO_SETTINGS | {name.upper() for name in Settings.model_fields}
    for variable in os.environ:
        if variable.upper().startswith(ENVIRONMENT_PREFIX):
            head = variable[len(ENVIRONMENT_PREFIX) :].partition("__")[0]
            if head.upper() not in known:
                raise SettingsError(f"{variable}: there is no such setting")


def _explain(error: ValidationError) -> str:
    complaints = []
    for item in error.errors(include_url=False):
        key = ".".join(str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden":
            complaints.append(f"{key}: there is no such setting")
        else:
            complaints.append(f"{key}: {item['msg'].removeprefix('Value error, ')}")
    return "; ".join(complaints)
