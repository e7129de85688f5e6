"""How working calendars (рабочий календарь) are written: `mon-fri=09:00-18:00,sat=10:00-16:00,off=2026-12-31`."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from ofd_gateway.alerts.events import WorkingCalendar
from ofd_gateway.errors import OfdGatewayError

__all__ = ["CalendarError", "parse_calendar", "parse_clock_times"]

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TIMES: Final = re.compile(r"([01]?\d|2[0-4]):([0-5]\d)-([01]?\d|2[0-4]):([0-5]\d)")
_MINUTES_OF_DAY: Final = 1440


class CalendarError(OfdGatewayError):
    """A calendar that has no sense; says which part."""


def parse_calendar(text: str) -> WorkingCalendar:
    """The calendar of that text: days or ranges of days with their hours, `off=` and `on=` with single dates.

    Days that are not named are days off. Raises CalendarError.
    """
    week: list[tuple[int, int] | None] = [None] * 7
    days_off: set[date] = set()
    days_on: set[date] = set()
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = part.partition("=")
        if not equals:
            raise CalendarError(f"{part!r} should be written like mon-fri=09:00-18:00 or off=2026-12-31")
        if name in ("off", "on"):
            (days_off if name == "off" else days_on).add(_date(value))
            continue
        begin, end = parse_clock_times(value)
        if begin >= end:
            raise CalendarError(f"{part!r} ends before it begins")
        for day in _days(name):
            week[day] = (begin, end)
    if not any(week):
        raise CalendarError("a calendar has at least one working day")
    return WorkingCalendar(week=tuple(week), days_off=frozenset(days_off), days_on=frozenset(days_on))


def parse_clock_times(text: str) -> tuple[int, int]:
    """Minutes of the day of `09:00-18:00`. Raises CalendarError."""
    found = _TIMES.fullmatch(text.strip())
    if found is None:
        raise CalendarError(f"{text!r} should be written like 09:00-18:00")
    begin, end = int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])
    if max(begin, end) > _MINUTES_OF_DAY:
        raise CalendarError(f"{text!r} is later than 24:00")
    return begin, end


def _days(name: str) -> range:
    first, _, last = name.strip().lower().partition("-")
    try:
        begin = _DAYS.index(first)
        end = _DAYS.index(last) if last else begin
    except ValueError:
        raise CalendarError(f"{name!r} is no day; write one or a range of {', '.join(_DAYS)}") from None
    if begin > end:
        raise CalendarError(f"{name!r} should begin before it ends")
    return range(begin, end + 1)


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise CalendarError(f"{text!r} is no date like 2026-12-31") from None
