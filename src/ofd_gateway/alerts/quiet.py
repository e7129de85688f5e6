"""Quiet hours (тихие часы): when letters wait for the morning."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from ofd_gateway.alerts.timeline import to_utc, zone

if TYPE_CHECKING:
    from datetime import date
    from zoneinfo import ZoneInfo

__all__ = ["QuietHours", "parse_quiet_hours", "quiet_until"]

_SPELT: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")
_MINUTES_OF_DAY: Final = 1440


class QuietHours(msgspec.Struct, frozen=True, gc=False):
    """From and to a minute of the day on the recipient's clock; over midnight when `from_minute` is the later one."""

    from_minute: int
    to_minute: int
    timezone: str


def parse_quiet_hours(text: str, timezone: str) -> QuietHours:
    """The quiet hours written like `22:00-08:00`, on the clock of that zone. Raises ValueError for anything else."""
    found = _SPELT.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} are no quiet hours; write them like 22:00-08:00")
    from_hour, from_minute, to_hour, to_minute = map(int, found.groups())
    until = to_hour * 60 + to_minute
    if until > _MINUTES_OF_DAY:
        raise ValueError(f"{text!r}: a day ends at 24:00")
    return QuietHours(from_minute=from_hour * 60 + from_minute, to_minute=until, timezone=timezone)


def quiet_until(quiet: QuietHours | None, now: datetime) -> datetime | None:
    """The end of the quiet hours that `now` lies in; None when it lies in none."""
    if quiet is None or quiet.from_minute == quiet.to_minute:
        return None
    place = zone(quiet.timezone)
    today = now.astimezone(place).date()
    over_midnight = quiet.from_minute > quiet.to_minute
    for begins in (today - timedelta(days=1), today):
        start = _at(begins, quiet.from_minute, place)
        end = _at(begins + timedelta(days=over_midnight), quiet.to_minute, place)
        if start <= now < end:
            return end
    return None


def _at(day: date, minute: int, place: ZoneInfo) -> datetime:
    return to_utc(datetime.combine(day, time()) + timedelta(minutes=minute), place)
