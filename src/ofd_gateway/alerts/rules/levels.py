"""From a measured value to the heaviest threshold it has crossed, and to the moment of the next."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from ofd_gateway.alerts.model import Level
from ofd_gateway.durations import spell_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

__all__ = ["HOURS_BELOW", "crossed_after", "crossed_before", "next_after", "next_before"]

HOURS_BELOW: Final = timedelta(days=4)
"""Silence, shifts and queues are spelt in hours below four days: 24h, 72h, 7d."""


def crossed_before(
    left: timedelta, thresholds: Iterable[timedelta], critical_from: timedelta | None = None
) -> Level | None:
    """The level when so much time is left: the shortest lead time that is at least that; None while none is."""
    crossed = [threshold for threshold in thresholds if left <= threshold]
    if not crossed:
        return None
    nearest = min(crossed)
    critical = critical_from is not None and nearest <= critical_from
    return Level(spell_duration(nearest), -nearest.total_seconds(), critical)


def crossed_after(
    passed: timedelta,
    thresholds: Iterable[timedelta],
    critical_from: timedelta | None = None,
    *,
    days_from: timedelta = timedelta(days=1),
) -> Level | None:
    """The level when so much time has passed: the longest threshold reached; None while none is."""
    crossed = [threshold for threshold in thresholds if passed >= threshold]
    if not crossed:
        return None
    longest = max(crossed)
    critical = critical_from is not None and longest >= critical_from
    return Level(spell_duration(longest, days_from=days_from), longest.total_seconds(), critical)


def next_before(end: datetime, thresholds: Iterable[timedelta], now: datetime) -> datetime | None:
    """The first moment after `now` at which one more lead time before `end` is reached."""
    return min((at for threshold in thresholds if (at := end - threshold) > now), default=None)


def next_after(
    thresholds: Iterable[timedelta], now: datetime, reached_at: Callable[[timedelta], datetime | None]
) -> datetime | None:
    """The first moment after `now` at which one more threshold is reached, `reached_at` telling when each is."""
    moments = (reached_at(threshold) for threshold in thresholds)
    return min((at for at in moments if at is not None and at > now), default=None)
