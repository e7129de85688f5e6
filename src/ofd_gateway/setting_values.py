"""How values of settings are written: durations, addresses, lists, pairs."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, PlainSerializer
from pydantic_settings import NoDecode

from ofd_gateway import durations

__all__ = [
    "EMBEDDED",
    "Address",
    "BaseUrl",
    "Capacities",
    "DatabaseChoice",
    "Directory",
    "Duration",
    "Durations",
    "Group",
    "Moment",
    "Networks",
    "Numbers",
    "Rate",
    "RatePerTime",
    "Remedies",
    "Severities",
    "SocketAddress",
    "Texts",
    "format_duration",
    "parse_duration",
    "parse_moment",
]

EMBEDDED: Final = "embedded"

_LARGEST_PORT: Final = 65535
_RATE: Final = re.compile(r"([1-9][0-9]{0,5}) ?/ ?(s|min|h)")
_SECONDS: Final = {"s": 1, "min": 60, "h": 3600}
_URI: Final = re.compile(r"postgres(ql)?://", re.IGNORECASE)


class Group(BaseModel):
    """A table of settings; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SocketAddress(BaseModel):
    """A host and a port; port 0 is any free one."""

    model_config = ConfigDict(frozen=True)
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class RatePerTime(BaseModel):
    """So many a second, a minute or an hour; a count of 0 is no limit."""

    model_config = ConfigDict(frozen=True)
    count: int
    per: Literal["s", "min", "h"]

    @property
    def per_s(self) -> float:
        """The same as so many a second."""
        return self.count / _SECONDS[self.per]

    def __str__(self) -> str:
        return f"{self.count}/{self.per}" if self.count else "off"


def parse_duration(value: object) -> object:
    """`3s`, `24h`, `45d`, `500ms`, `1h30m` as a timedelta; anything else is left to the validation that follows.

    Raises:
        ValueError: a text that is no duration.
    """
    if not isinstance(value, str):
        return value
    try:
        return durations.parse_duration(value)
    except durations.DurationError as error:
        raise ValueError(str(error)) from None


def format_duration(value: timedelta) -> str:
    """The shortest spelling that `parse_duration` reads back."""
    return durations.spell_duration(value) if value else "0s"


def _whole_duration(value: object) -> object:
    if isinstance(value, int | float):
        raise ValueError(f"{value} has no unit; write it like 3s, 24h or 45d")  # noqa: TRY004  pydantic asks for it
    return parse_duration(value)


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _split_durations(value: object) -> object:
    parts = _split(value)
    return [_whole_duration(part) for part in parts] if isinstance(parts, list) else parts


def _pairs_like(example: str) -> Callable[[object], object]:
    def split(value: object) -> object:
        parts = _split(value)
        if not isinstance(parts, list):
            return value
        pairs = [part.partition("=") for part in parts]
        for name, equals, _ in pairs:
            if not equals:
                raise ValueError(f"{name!r} should be written like {example}")
        return {name.strip(): setting.strip() for name, _, setting in pairs}

    return split


def _split_address(value: object) -> object:
    if not isinstance(value, str):
        return value
    host, separator, port = value.strip().rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    is_bracketed = host == f"[{bare}]"
    is_port = port.isascii() and port.isdecimal() and int(port) <= _LARGEST_PORT
    if not separator or not bare or not is_port or (":" in bare and not is_bracketed):
        raise ValueError(f"{value!r} is no address; write it like 127.0.0.1:7777 or [::1]:7777")
    return {"host": bare, "port": int(port)}


def _check_database(value: str) -> str:
    if value != EMBEDDED and not _URI.match(value):
        raise ValueError("it is neither `embedded` nor a URI like postgresql://user@host/database")
    return value


def parse_moment(value: object) -> object:
    """`2026-01-31T12:00:00Z` as an aware time, the machine's zone where it names none; an empty text as None.

    Raises:
        ValueError: a text that is no moment.
    """
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if not isinstance(value, str):
        return value
    if not value:
        return None
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{value!r} is no moment; write it like 2026-01-31T12:00:00Z") from None


def _check_base_url(value: str) -> str:
    if not value:
        return value
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("it is no address like https://host:port/path")
    return value.rstrip("/")


def _split_rate(value: object) -> object:
    if not isinstance(value, str):
        return value
    if value.strip() == "off":
        return {"count": 0, "per": "s"}
    found = _RATE.fullmatch(value.strip())
    if found is None:
        raise ValueError(f"{value!r} is no rate; write it like 60/min, 5/s, 1000/h or off")
    return {"count": int(found[1]), "per": found[2]}


def _check_networks(values: list[str]) -> list[str]:
    for value in values:
        try:
            ipaddress.ip_network(value)
        except ValueError as error:
            raise ValueError(f"{value!r} is no network like 10.0.0.0/8: {error}") from None
    return values


Address = Annotated[SocketAddress, BeforeValidator(_split_address), PlainSerializer(str), NoDecode]
BaseUrl = Annotated[str, AfterValidator(_check_base_url)]
Moment = Annotated[
    datetime | None,
    BeforeValidator(parse_moment),
    PlainSerializer(lambda value: "" if value is None else value.isoformat()),
]
"""A moment, or None, which is written as an empty text."""
DatabaseChoice = Annotated[str, AfterValidator(_check_database)]
Directory = Annotated[Path, AfterValidator(lambda path: path.expanduser().absolute())]
Duration = Annotated[timedelta, BeforeValidator(_whole_duration), PlainSerializer(format_duration), NoDecode]
Durations = Annotated[
    list[timedelta],
    BeforeValidator(_split_durations),
    PlainSerializer(lambda values: [format_duration(value) for value in values]),
    NoDecode,
]
Networks = Annotated[list[str], BeforeValidator(_split), AfterValidator(_check_networks), NoDecode]
Numbers = Annotated[list[int], BeforeValidator(_split), NoDecode]
Rate = Annotated[RatePerTime, BeforeValidator(_split_rate), PlainSerializer(str), NoDecode]
Texts = Annotated[list[str], BeforeValidator(_split), NoDecode]
Capacities = Annotated[dict[str, int], BeforeValidator(_pairs_like("9999=1000")), NoDecode]
Remedies = Annotated[dict[str, str], BeforeValidator(_pairs_like("507=…")), NoDecode]
Severities = Annotated[
    dict[str, Literal["error", "warning", "off"]], BeforeValidator(_pairs_like("R-S3=warning")), NoDecode
]
