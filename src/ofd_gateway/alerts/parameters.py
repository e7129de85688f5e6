"""Thresholds and lead times of every rule, with their defaults; a customer may have others."""

from __future__ import annotations

import zlib
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final
from zoneinfo import ZoneInfoNotFoundError

import msgspec

from ofd_gateway.alerts.events import DownTime
from ofd_gateway.alerts.timeline import zone
from ofd_gateway.durations import DurationError, parse_duration
from ofd_gateway.errors import OfdGatewayError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "DocumentsUnsentParameters",
    "FdGapParameters",
    "FnExpiringParameters",
    "FnFillingParameters",
    "FnsRejectedParameters",
    "MessagesLowParameters",
    "ParameterError",
    "Parameters",
    "RegisterSilentParameters",
    "ServiceEndingParameters",
    "ShiftTooLongParameters",
    "customise",
]

Count = Annotated[int, msgspec.Meta(gt=0)]

_OPERATORS_OWN: Final = frozenset({"down_times", "mark"})


def _days(*counts: int) -> tuple[timedelta, ...]:
    return tuple(timedelta(days=count) for count in counts)


class ParameterError(OfdGatewayError):
    """A parameter that does not exist or has no sense; `parameter` is its dotted name, `detail` what is wrong."""

    def __init__(self, parameter: str, detail: str) -> None:
        super().__init__(f"{parameter}: {detail}")
        self.parameter = parameter
        self.detail = detail


class ServiceEndingParameters(msgspec.Struct, frozen=True, kw_only=True):
    """`before` the end of the paid term."""

    before: tuple[timedelta, ...] = _days(30, 14, 7, 3, 1, 0)


class MessagesLowParameters(msgspec.Struct, frozen=True, kw_only=True):
    """`left`: messages of the package."""

    left: tuple[int, ...] = (50, 10, 0)


class RegisterSilentParameters(msgspec.Struct, frozen=True, kw_only=True):
    """`after` so long without a receipt; critical from `critical_from` on."""

    after: tuple[timedelta, ...] = (timedelta(hours=24), timedelta(hours=72), *_days(7, 25))
    critical_from: timedelta = timedelta(days=25)


class FnFillingParameters(msgspec.Struct, frozen=True, kw_only=True):
    """`percent` of `capacity` documents; `capacities` by the first digits of the FN number, the longest match wins."""

    percent: tuple[int, ...] = (80, 90, 95)
    capacity: Count = 250_000
    capacities: dict[str, Count] = {}

    def capacity_of(self, fn: str) -> int:
        """Documents that the FN of that number can hold (ёмкость ФН), an estimate."""
        fitting = [prefix for prefix in self.capacities if fn.startswith(prefix)]
        return self.capacities[max(fitting, key=len)] if fitting else self.capacity


class FnExpiringParameters(msgspec.Struct, frozen=True, kw_only=True):
    """`before` the keys of the FN end; critical from `critical_from` on. `life` is that of an FN of unknown model."""

    before: tuple[timedelta, ...] = _days(45, 30, 7, 3, 0)
    critical_from: timedelta = timedelta(days=3)
    life: timedelta = timedelta(days=470)


class DocumentsUnsentParameters(msgspec.Struct, frozen=True, kw_only=True):
    """`after` the oldest unsent document; critical from `critical_from` on; the FN blocks after `blocks_after`."""

    after: tuple[timedelta, ...] = _days(1, 3, 10, 20, 25, 28)
    critical_from: timedelta = timedelta(days=20)
    blocks_after: timedelta = timedelta(days=30)


class FnsRejectedParameters(msgspec.Struct, frozen=True, kw_only=True):
    """`many` refusals of one code in one day, and a queue whose oldest document waits for `stuck_after`."""

    many: Count = 10
    stuck_after: timedelta = timedelta(hours=24)


class ShiftTooLongParameters(msgspec.Struct, frozen=True, kw_only=True):
    """A shift that is open longer than `after`."""

    after: timedelta = timedelta(hours=24)


class FdGapParameters(msgspec.Struct, frozen=True, kw_only=True):
    """A missing number is a gap `after` so long."""

    after: timedelta = timedelta(minutes=10)


class Parameters(msgspec.Struct, frozen=True, kw_only=True):
    """All that rules are judged by, besides facts and the moment.

    `timezone` is that of registers that have none of their own. `down_times` are the gateway's own: those of the last
    two months, as they are known now. `mark` identifies the thresholds: a state judged under others is judged anew.
    """

    service_ending: ServiceEndingParameters = ServiceEndingParameters()
    messages_low: MessagesLowParameters = MessagesLowParameters()
    register_silent: RegisterSilentParameters = RegisterSilentParameters()
    fn_filling: FnFillingParameters = FnFillingParameters()
    fn_expiring: FnExpiringParameters = FnExpiringParameters()
    documents_unsent: DocumentsUnsentParameters = DocumentsUnsentParameters()
    fns_rejected: FnsRejectedParameters = FnsRejectedParameters()
    shift_too_long: ShiftTooLongParameters = ShiftTooLongParameters()
    fd_gap: FdGapParameters = FdGapParameters()
    timezone: str = "Europe/Moscow"
    down_times: tuple[DownTime, ...] = ()
    mark: str = ""

    def __post_init__(self) -> None:
        thresholds = {name: getattr(self, name) for name in self.__struct_fields__ if name not in _OPERATORS_OWN}
        encoded = msgspec.json.encode(thresholds, order="deterministic")
        msgspec.structs.force_setattr(self, "mark", f"{zlib.crc32(encoded):08x}")

    def after_outages(self, down_times: tuple[DownTime, ...]) -> Parameters:
        """The same with these down times of the gateway."""
        return msgspec.structs.replace(self, down_times=down_times)


def customise(parameters: Parameters, overrides: Mapping[str, object]) -> Parameters:
    """The parameters with some replaced: `{"service_ending": {"before": "45d,10d"}, "timezone": "Asia/Omsk"}`.

    Values are written as in the settings: durations as `24h`, lists as text with commas or as lists.
    Raises ParameterError, which names the parameter, for one that does not exist or does not fit.
    """
    changed: dict[str, object] = {}
    for name, value in overrides.items():
        if name in _OPERATORS_OWN or name not in parameters.__struct_fields__:
            raise ParameterError(name, "there is no such rule or parameter")
        group = getattr(parameters, name)
        changed[name] = _group(name, group, value) if isinstance(group, msgspec.Struct) else _timezone(name, value)
    return msgspec.structs.replace(parameters, **changed)


def _group(name: str, group: msgspec.Struct, overrides: object) -> msgspec.Struct:
    if not isinstance(overrides, dict):
        raise ParameterError(name, "a table of parameters is expected")
    kinds = {field.name: field.type for field in msgspec.structs.fields(type(group))}
    changed: dict[str, Any] = {}
    for option, value in overrides.items():
        dotted = f"{name}.{option}"
        if option not in kinds:
            raise ParameterError(dotted, "there is no such parameter")
        changed[option] = _as(dotted, value, kinds[option])
    return msgspec.structs.replace(group, **changed)


def _timezone(name: str, value: object) -> str:
    try:
        return zone(str(value)).key
    except ZoneInfoNotFoundError as error:
        raise ParameterError(name, f"{value!r} is no time zone") from error


def _as(dotted: str, value: object, kind: Any) -> object:
    try:
        if kind is timedelta:
            return _duration(value)
        if kind == tuple[timedelta, ...]:
            return tuple(_duration(part) for part in _parts(value))
        if kind == tuple[int, ...]:
            return tuple(int(part) for part in _parts(value))
        return msgspec.convert(value, kind, strict=False)
    except (DurationError, ValueError, TypeError) as error:
        raise ParameterError(dotted, str(error)) from error


def _duration(value: object) -> timedelta:
    if isinstance(value, str):
        return parse_duration(value)
    if isinstance(value, timedelta):
        return value
    raise TypeError(f"{value!r} is no duration")


def _parts(value: object) -> list[Any]:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    if isinstance(value, list | tuple):
        return list(value)
    raise TypeError(f"{value!r} is no list")
