"""Quiet hours (тихие часы): when letters wait for the morning."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING

import msgspec

from ofd_gateway.alerts.timeline import to_utc, zone

if TYPE_CHECKING:
    from datetime import date
    from zoneinfo import ZoneInfo

__all__ = ["QuietHours", "quiet_until"]


class QuietHours(msgspec.Struct, frozen=True, gc=False):
    """From and to a minute of the day on the recipient's clock; over midnight when `from_minute` is the later one."""

    from_minute: int
    to_minute: int
    timezone: str


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
