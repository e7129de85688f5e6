"""Time that counts: zones of registers, and waiting that pauses while we are down or a shop is shut."""

from __future__ import annotations

import functools
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ofd_gateway.alerts.events import DownTime, WorkingCalendar

__all__ = ["due_at", "elapsed", "local_date", "start_of_day", "to_utc", "zone"]

_MINUTES_OF_DAY: Final = 1440
_HORIZON_DAYS: Final = 1000
_ALL_DAY: Final = (0, _MINUTES_OF_DAY)

Pause = tuple[datetime, datetime]


@functools.lru_cache(maxsize=256)
def zone(name: str) -> ZoneInfo:
    """The zone of that IANA name. Raises ZoneInfoNotFoundError for a name that is none."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError) as error:
        raise ZoneInfoNotFoundError(f"{name!r} is no time zone") from error


def to_utc(at_local: datetime, place: ZoneInfo) -> datetime:
    """The moment (aware, UTC) at which clocks in `place` show the naive `at_local`."""
    return at_local.replace(tzinfo=place).astimezone(UTC)


def local_date(at: datetime, place: ZoneInfo) -> date:
    """The calendar date in `place` at that moment."""
    return at.astimezone(place).date()


def start_of_day(day: date, place: ZoneInfo) -> datetime:
    """The moment (aware, UTC) with which `day` begins in `place`."""
    return datetime.combine(day, time(), tzinfo=place).astimezone(UTC)


def elapsed(
    since: datetime,
    until: datetime,
    down_times: Sequence[DownTime] = (),
    calendar: WorkingCalendar | None = None,
    place: ZoneInfo | None = None,
) -> timedelta:
    """How much time between the two moments counts: without our down times and outside the calendar's work.

    Nothing when `until` lies before `since`.
    """
    counted = timedelta()
    cursor = since
    for start, end in _pauses(since, down_times, calendar, place):
        if start >= until:
            break
        if start > cursor:
            counted += start - cursor
        cursor = max(cursor, end)
    return counted + max(timedelta(), until - cursor)


def due_at(
    since: datetime,
    duration: timedelta,
    down_times: Sequence[DownTime] = (),
    calendar: WorkingCalendar | None = None,
    place: ZoneInfo | None = None,
) -> datetime | None:
    """The moment at which `elapsed` reaches `duration`; None when the calendar never works that long."""
    left = duration
    cursor = since
    for start, end in _pauses(since, down_times, calendar, place):
        if start > cursor:
            if start - cursor >= left:
                return cursor + left
            left -= start - cursor
        cursor = max(cursor, end)
    reached_at = cursor + left
    return reached_at if calendar is None or reached_at < since + timedelta(days=_HORIZON_DAYS - 1) else None


def _pauses(
    since: datetime, down_times: Sequence[DownTime], calendar: WorkingCalendar | None, place: ZoneInfo | None
) -> Iterable[Pause]:
    """Intervals that do not count, by their beginnings; for a calendar up to the horizon."""
    down = sorted((pause.started_at, pause.ended_at) for pause in down_times if pause.ended_at > since)
    if calendar is None or place is None:
        return down
    return _merged(down, _shut(local_date(since, place), calendar, place))


def _merged(down: list[Pause], shut: Iterator[Pause]) -> Iterator[Pause]:
    at = 0
    for pause in shut:
        while at < len(down) and down[at] <= pause:
            yield down[at]
            at += 1
        yield pause


def _shut(first: date, calendar: WorkingCalendar, place: ZoneInfo) -> Iterator[Pause]:
    longest = max((hours for hours in calendar.week if hours), key=lambda hours: hours[1] - hours[0], default=_ALL_DAY)
    for ahead in range(_HORIZON_DAYS):
        day = first + timedelta(days=ahead)
        hours = calendar.week[day.weekday()]
        if day in calendar.days_on:
            hours = longest
        elif day in calendar.days_off:
            hours = None
        begin = start_of_day(day, place)
        end = start_of_day(day + timedelta(days=1), place)
        if hours is None:
            yield begin, end
            continue
        opens, closes = (_minute(day, minute, place) for minute in hours)
        if opens > begin:
            yield begin, opens
        if closes < end:
            yield closes, end


def _minute(day: date, minute: int, place: ZoneInfo) -> datetime:
    if minute >= _MINUTES_OF_DAY:
        return start_of_day(day + timedelta(days=1), place)
    return to_utc(datetime.combine(day, time(minute // 60, minute % 60)), place)
