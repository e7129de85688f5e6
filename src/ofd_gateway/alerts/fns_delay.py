"""`fns_delayed`: one alert of the operator when documents wait too long for the tax service (ФНС)."""

from __future__ import annotations

import enum
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["FNS_DELAYED", "DelayParameters", "DelayReason", "DelayVerdict", "judge_delay"]

FNS_DELAYED: Final = "fns_delayed"
"""The rule name of the operator's alert; its subject is the gateway."""


class DelayParameters(msgspec.Struct, frozen=True, kw_only=True):
    """The oldest document of the queue may wait for `after`."""

    after: timedelta = timedelta(minutes=15)


class DelayReason(enum.Enum):
    """What was decided, in words for logs."""

    YOUNG = "the oldest document has not waited for the set time"
    OPENED = "the oldest document has waited for the set time"
    GOES_ON = "the oldest document has waited for more than half of the set time"
    ENDED = "the oldest document has waited for less than half of the set time, or none waits"


class DelayVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the alert is open now."""

    reason: DelayReason
    is_open: bool


def judge_delay(
    *, was_open: bool, oldest_queued_at: datetime | None, now: datetime, parameters: DelayParameters
) -> DelayVerdict:
    """The verdict on a queue whose oldest document is in it since that moment, None for an empty one.

    An alert that is open ends at half of the time that opens it, so that a queue about that old is told once.
    """
    waited = timedelta() if oldest_queued_at is None else now - oldest_queued_at
    if not was_open:
        opens = oldest_queued_at is not None and waited >= parameters.after
        return DelayVerdict(reason=DelayReason.OPENED if opens else DelayReason.YOUNG, is_open=opens)
    goes_on = oldest_queued_at is not None and 2 * waited >= parameters.after
    return DelayVerdict(reason=DelayReason.GOES_ON if goes_on else DelayReason.ENDED, is_open=goes_on)
