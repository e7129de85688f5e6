"""Settings: defaults, then a TOML file, then the environment, then the command line; the last one wins.

Environment names are `OFD_GATEWAY_` and the key, with `__` between the levels (`OFD_GATEWAY_INTAKE__IDLE_TIMEOUT`).
Durations are written like `3s`, `24h`, `45d`; lists are separated by commas. docs/configuration.md has every key.
"""

from __future__ import annotations

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from ofd_gateway.errors import OfdGatewayError

if TYPE_CHECKING:
    from ofd_gateway.ffd.checks import CheckPolicy

__all__ = [
    "ENVIRONMENT_PREFIX",
    "Address",
    "Duration",
    "Settings",
    "SettingsError",
    "default_state_dir",
    "format_duration",
    "load_settings",
    "parse_duration",
]

ENVIRONMENT_PREFIX: Final = "OFD_GATEWAY_"
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")
_UNITS_S: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class SettingsError(OfdGatewayError):
    """A setting is unknown or has no sense; the message names its key."""


def parse_duration(value: object) -> object:
    """`3s`, `24h`, `45d`, `500ms`, `1h30m` as a timedelta; anything else is left to the validation that follows."""
    if not isinstance(value, str):
        return value
    text = value.strip().lower()
    parts = _DURATION.findall(text)
    if not parts or _DURATION.sub("", text).strip():
        raise ValueError(f"{value!r} is no duration; write it like 3s, 24h or 45d")
    return timedelta(seconds=sum(float(number) * _UNITS_S[unit] for number, unit in parts))


def format_duration(value: timedelta) -> str:
    """The shortest spelling that `parse_duration` reads back."""
    seconds = value.total_seconds()
    for unit in ("d", "h", "m", "s"):
        if seconds % _UNITS_S[unit] == 0 and (seconds >= _UNITS_S[unit] or unit == "s"):
            return f"{seconds / _UNITS_S[unit]:.0f}{unit}"
    return f"{seconds * 1000:.0f}ms"


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _split_pairs(value: object) -> object:
    parts = _split(value)
    if not isinstance(parts, list):
        return value
    pairs = [part.partition("=") for part in parts]
    for name, equals, _ in pairs:
        if not equals:
            raise ValueError(f"{name!r} should be written like R-S3=warning")
    return {name.strip(): setting.strip() for name, _, setting in pairs}


def _parse_address(value: object) -> object:
    if not isinstance(value, str):
        return value
    host, separator, port = value.strip().rpartition(":")
    if not separator or not port.isdecimal() or int(port) > 65535:  # noqa: PLR2004  the largest port
        raise ValueError(f"{value!r} is no address; write it like 127.0.0.1:7777 or [::1]:7777")
    return {"host": host.removeprefix("[").removesuffix("]"), "port": int(port)}


class _Address(BaseModel):
    """A host and a port; port 0 is any free one."""

    model_config = ConfigDict(frozen=True)
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


Address = Annotated[_Address, BeforeValidator(_parse_address), PlainSerializer(str), NoDecode]
Duration = Annotated[timedelta, BeforeValidator(parse_duration), PlainSerializer(format_duration), NoDecode]
Severities = Annotated[dict[str, Literal["error", "warning", "off"]], BeforeValidator(_split_pairs), NoDecode]


class _Group(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OfdSettings(_Group):
    """Who we are."""

    inn: str = Field("7704211201", pattern=r"^(\d{10}|\d{12})$", description="INN of the operator (tag 1017)")
    name: str = Field("ofd-gateway", max_length=256, description="name of the operator (tag 1046)")


class IntakeSettings(_Group):
    """What the registers' side takes and for how long it waits."""

    accept: Literal["any", "known"] = Field("any", description="`known`: only FNs and registers that were here before")
    undecodable: Literal["close", "code11"] = Field(
        "close", description="what a body that cannot be read gets: no answer, or a confirmation with code 11"
    )
    message_timeout: Duration = Field(timedelta(seconds=30), description="for one message to arrive whole")
    idle_timeout: Duration = Field(timedelta(seconds=300), description="without a byte between messages")
    write_timeout: Duration = Field(timedelta(seconds=30), description="for a register to read its confirmations")
    store_timeout: Duration = Field(timedelta(seconds=5), description="for a document to wait for the database")
    max_connections: int = Field(20_000, ge=1, description="connections of one process")
    max_connections_per_fn: int = Field(4, ge=2, description="connections of one FN; the oldest idle one gives way")
    max_message_bytes: int = Field(32_810, ge=88, le=65_535, description="largest container")


class FfdSettings(_Group):
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


class LogSettings(_Group):
    """What is logged and how."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="least level that is written")
    format: Literal["auto", "json", "console"] = Field("auto", description="`auto`: text on a terminal, else JSON")


def default_state_dir() -> Path:
    """`/var/lib/ofd-gateway` for root, the user's data directory otherwise."""
    if os.geteuid() == 0:
        return Path("/var/lib/ofd-gateway")
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "ofd-gateway"


class Settings(BaseSettings):
    """The whole configuration of one gateway."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True, validate_default=False
    )

    listen: Address = Field(_Address(host="127.0.0.1", port=7777), description="where registers connect")
    http: Address = Field(_Address(host="127.0.0.1", port=8080), description="health, metrics, API")
    database: str = Field("embedded", description="`embedded` or a PostgreSQL URI")
    state_dir: Path = Field(default_factory=default_state_dir, description="keys, the embedded database")
    workers: int = Field(1, ge=1, le=64, description="processes that serve registers")
    ofd: OfdSettings = OfdSettings()
    intake: IntakeSettings = IntakeSettings()
    ffd: FfdSettings = FfdSettings()
    logs: LogSettings = LogSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The command line, then the environment, then the file."""
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls))


def load_settings(config: Path | None = None, **overrides: Any) -> Settings:
    """The effective settings; `overrides` are what the command line gave, None meaning nothing.

    Raises:
        SettingsError: names the key and what is wrong with it, or the file that cannot be read.
    """
    if config is None and (named := os.environ.get(f"{ENVIRONMENT_PREFIX}CONFIG")):
        config = Path(named)
    if config is not None and not config.is_file():
        raise SettingsError(f"the configuration file {config} does not exist")
    _refuse_unknown_environment()
    given = {name: value for name, value in overrides.items() if value is not None}

    class Loaded(Settings):
        model_config = SettingsConfigDict(toml_file=config)

    try:
        loaded = Loaded(**given)
    except ValidationError as error:
        raise SettingsError(_explain(error)) from None
    except ValueError as error:
        raise SettingsError(f"{config or 'the environment'}: {error}") from None
    return Settings.model_construct(**{name: getattr(loaded, name) for name in Settings.model_fields})


def _refuse_unknown_environment() -> None:
    """A misspelt variable must not be ignored in silence."""
    known = {"CONFIG", "TEST_DATABASE", *(name.upper() for name in Settings.model_fields)}
    for variable in os.environ:
        if variable.startswith(ENVIRONMENT_PREFIX):
            head = variable.removeprefix(ENVIRONMENT_PREFIX).partition("__")[0]
            if head not in known:
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
