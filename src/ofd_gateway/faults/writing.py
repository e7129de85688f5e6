"""Faults as people and programs write them: the same keys in TOML, in JSON and on the command line.

::

    what = "response_code"     one of the catalogue
    code = 14                  its parameters
    fn = "9999*"               conditions; those that are absent hold for every answer
    fd = "10-20"
    times = 2

Numbers may be written as text, as they are on the command line. Durations are `500ms`, `3s`.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from ofd_gateway.durations import DurationError, parse_duration, spell_duration
from ofd_gateway.faults.catalogue import CATALOGUE, CONDITIONS
from ofd_gateway.faults.model import Attempt, Fault, FaultError, What
from ofd_gateway.ffd.dictionary import DOCUMENT_CODES
from ofd_gateway.protocol import CONFIRMATION_CODE
from ofd_gateway.protocol.session import FFD_BY_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["KEYS", "parse_fault", "spell_fault"]

_LONGEST_DELAY_S: Final = 3600.0
_LONGEST_PAUSE_S: Final = 10.0
_BIGGEST: Final = 2**53
_MAX_ANSWER_BYTES: Final = 65_535
_FN: Final = re.compile(r"\d{15,16}|\d{1,15}\*|\*", re.ASCII)
_RNM: Final = re.compile(r"\d{1,20}", re.ASCII)
_FD: Final = re.compile(r"(\d{1,10})?(-)?(\d{1,10})?", re.ASCII)
_VERSION: Final = re.compile(r"[0-9a-f]{4}")
_SERVICE_DATA: Final = re.compile(r"[0-9a-f]{4}")
_HONEST_SERVICE_DATA: Final = "1009"


def parse_fault(written: Mapping[str, Any]) -> Fault:
    """The fault that is written there.

    Raises:
        FaultError: a key is unknown or does not belong to this fault, a value has no sense, one that is needed lacks.
    """
    what = _what(written.get("what"))
    entry = CATALOGUE[what]
    allowed = {"what", "delay", *entry.parameters, *CONDITIONS}
    fields: dict[str, Any] = {"what": what}
    for key, value in written.items():
        if key not in KEYS:
            raise FaultError(str(key), f"there is no such key; there are {', '.join(KEYS)}")
        if key not in allowed:
            raise FaultError(key, f"{what.value} takes no {key}")
        if key != "what":
            fields.update(_READERS[key](key, value))
    for key in entry.needed:
        if key not in written:
            raise FaultError(key, f"{what.value} needs it")
    return Fault(**fields)


def spell_fault(fault: Fault) -> dict[str, Any]:
    """The shortest object that `parse_fault` reads as this fault."""
    written: dict[str, Any] = {"what": fault.what.value}
    entry = CATALOGUE[fault.what]
    if fault.delay_s:
        written["delay"] = spell_duration(timedelta(seconds=fault.delay_s))
    spelt = {
        "pause": spell_duration(timedelta(seconds=fault.pause_s)),
        "bytes": fault.bytes,
        "connection": None if fault.keep_connection is None else ("keep" if fault.keep_connection else "close"),
        "code": fault.code,
        "bits": fault.bits,
        "length_change": fault.length_change,
        "service_data": fault.service_data,
    }
    written.update({key: spelt[key] for key in entry.parameters if spelt[key] is not None})
    for key in ("fn", "rnm", "kind", "version", "first", "every", "probability", "times"):
        value = getattr(fault, key)
        if value is not None:
            written[key] = value
    if fault.fd_from or fault.fd_to is not None:
        written["fd"] = _spell_range(fault)
    if fault.probability is not None or fault.seed:
        written["seed"] = fault.seed
    if fault.attempt is not Attempt.ANY:
        written["attempt"] = fault.attempt.value
    return written


def _what(value: object) -> What:
    if value is None:
        raise FaultError("what", "it is needed: what becomes of the answer")
    try:
        return What(value)
    except ValueError:
        names = ", ".join(what.value for what in What)
        raise FaultError("what", f"{value!r} is none of {names}") from None


def _seconds(longest_s: float) -> Callable[[str, object], dict[str, Any]]:
    def read(key: str, value: object) -> dict[str, Any]:
        if not isinstance(value, str):
            raise FaultError(key, f"{value!r} is no duration; write it like 500ms or 3s")
        try:
            seconds = parse_duration(value).total_seconds()
        except DurationError as error:
            raise FaultError(key, str(error)) from None
        if not 0 <= seconds <= longest_s:
            raise FaultError(key, f"{value} is longer than {longest_s:.0f} s")
        return {f"{key}_s": seconds}

    return read


def _whole(least: int, largest: int, *, forbidden: int | None = None) -> Callable[[str, object], dict[str, Any]]:
    def read(key: str, value: object) -> dict[str, Any]:
        number = value
        if isinstance(value, str) and re.fullmatch(r"-?\d{1,20}", value, re.ASCII):
            number = int(value)
        if isinstance(number, bool) or not isinstance(number, int) or not least <= number <= largest:
            raise FaultError(key, f"{value!r} is no whole number from {least} to {largest}")
        if number == forbidden:
            raise FaultError(key, f"{number} would change nothing")
        return {key: number}

    return read


def _probability(key: str, value: object) -> dict[str, Any]:
    try:
        number = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else 0.0
    except (ValueError, OverflowError):
        number = 0.0
    if not 0 < number <= 1:
        raise FaultError(key, f"{value!r} is no number above 0 and up to 1")
    return {key: number}


def _text(form: re.Pattern[str], rule: str) -> Callable[[str, object], dict[str, Any]]:
    def read(key: str, value: object) -> dict[str, Any]:
        text = value.strip() if isinstance(value, str) else value
        if not isinstance(text, str) or not form.fullmatch(text):
            raise FaultError(key, f"{value!r} is wrong: {rule}")
        return {key: text}

    return read


def _kind(key: str, value: object) -> dict[str, Any]:
    kinds = [name for code, name in DOCUMENT_CODES.items() if code != CONFIRMATION_CODE]
    if value not in kinds:
        raise FaultError(key, f"{value!r} is none of {', '.join(kinds)}")
    return {key: value}


def _range(key: str, value: object) -> dict[str, Any]:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    found = _FD.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None or not (found[1] or found[3]) or (found[3] and not found[2]):
        raise FaultError(key, f"{value!r} is neither a number nor a range like 10-20, 10- or -20")
    start = int(found[1]) if found[1] else 0
    end = int(found[3]) if found[3] else (None if found[2] else start)
    if end is not None and end < start:
        raise FaultError(key, f"{value!r} ends before it begins")
    return {"fd_from": start, "fd_to": end}


def _spell_range(fault: Fault) -> str:
    if fault.fd_to == fault.fd_from:
        return str(fault.fd_from)
    return f"{fault.fd_from or ''}-{'' if fault.fd_to is None else fault.fd_to}"


def _version(key: str, value: object) -> dict[str, Any]:
    formats = sorted(set(FFD_BY_VERSION.values()))
    text = value.strip().lower() if isinstance(value, str) else ""
    if text not in formats and not _VERSION.fullmatch(text):
        raise FaultError(key, f"{value!r} is none of {', '.join(formats)}, nor four hexadecimal digits like 0120")
    return {key: text}


def _attempt(key: str, value: object) -> dict[str, Any]:
    try:
        return {key: Attempt(value)}
    except ValueError:
        raise FaultError(key, f"{value!r} is none of any, first, repeat") from None


def _connection(key: str, value: object) -> dict[str, Any]:
    if value not in ("keep", "close"):
        raise FaultError(key, f"{value!r} is neither keep nor close")
    return {"keep_connection": value == "keep"}


def _service_data(key: str, value: object) -> dict[str, Any]:
    text = value.strip().lower() if isinstance(value, str) else ""
    if not _SERVICE_DATA.fullmatch(text):
        raise FaultError(key, f"{value!r} is not four hexadecimal digits")
    if text == _HONEST_SERVICE_DATA:
        raise FaultError(key, f"{text} would change nothing")
    return {key: text}


_READERS: Final[dict[str, Callable[[str, object], dict[str, Any]]]] = {
    "delay": _seconds(_LONGEST_DELAY_S),
    "pause": _seconds(_LONGEST_PAUSE_S),
    "bytes": _whole(0, _MAX_ANSWER_BYTES),
    "connection": _connection,
    "code": _whole(0, 255),
    "bits": _whole(1, 255),
    "length_change": _whole(-100, 60_000, forbidden=0),
    "service_data": _service_data,
    "fn": _text(_FN, "15 or 16 digits, or a beginning and *"),
    "rnm": _text(_RNM, "digits only"),
    "kind": _kind,
    "fd": _range,
    "version": _version,
    "attempt": _attempt,
    "first": _whole(1, _BIGGEST),
    "every": _whole(1, _BIGGEST),
    "probability": _probability,
    "seed": _whole(0, _BIGGEST),
    "times": _whole(1, _BIGGEST),
}

KEYS: Final = ("what", *_READERS)
"""Every key that a fault may have."""
