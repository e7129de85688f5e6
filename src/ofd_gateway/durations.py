"""Durations as people write them: 3s, 5m, 24h, 45d."""

from __future__ import annotations

import re
from datetime import timedelta
from fractions import Fraction
from typing import Final

from ofd_gateway.errors import OfdGatewayError

__all__ = ["DurationError", "parse_duration", "spell_duration"]

_PART: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")
_MICROSECOND: Final = timedelta(microseconds=1)
_UNITS: Final = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}


class DurationError(OfdGatewayError):
    """A text that is no duration. The caller shows the message to whoever wrote it."""


def parse_duration(text: str) -> timedelta:
    """The duration spelt as numbers with the units ms, s, m, h, d: `24h`, `1h30m`.

    Raises DurationError for anything else, and for one too long to count.
    """
    spelt = text.strip().lower()
    parts = _PART.findall(spelt)
    if not parts or _PART.sub("", spelt).strip():
        raise DurationError(f"{text!r} is no duration; write it like 3s, 24h or 45d")
    try:
        microseconds = sum(round(Fraction(number) * (_UNITS[unit] // _MICROSECOND)) for number, unit in parts)
        return timedelta(microseconds=microseconds)
    except (OverflowError, ValueError):  # thousands of digits are no number either
        raise DurationError(f"{text!r} is longer than any duration can be") from None


def spell_duration(duration: timedelta, *, days_from: timedelta = timedelta(days=1)) -> str:
    """The shortest spelling in one unit that `parse_duration` reads back; days only from `days_from` on.

    Nothing at all is `0d`. Silence is spelt with `days_from` of four days: 24h, 72h, 7d.
    """
    if not duration:
        return "0d"
    units = [unit for unit in ("d", "h", "m", "s", "ms") if unit != "d" or duration >= days_from]
    for unit in units:
        count, rest = divmod(duration, _UNITS[unit])
        if not rest:
            return f"{count}{unit}"
    seconds, rest = divmod(duration, _UNITS["s"])
    return f"{seconds}.{rest.microseconds:06d}s"
