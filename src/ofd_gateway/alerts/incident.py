"""One incident for the operator instead of many alerts for customers, when the cause is likely ours."""

from __future__ import annotations

import enum
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from datetime import datetime

__all__ = [
    "INCIDENT_RULE",
    "INCIDENT_RULES",
    "IncidentParameters",
    "IncidentReason",
    "IncidentVerdict",
    "judge_incident",
]

INCIDENT_RULE: Final = "many_registers"
"""The rule name of the operator's alert; its subject is the gateway."""
INCIDENT_RULES: Final = frozenset({"register_silent", "fns_rejected"})
"""Rules whose alerts may have one cause on our side or at the tax service."""

_PERCENT: Final = 100


class IncidentParameters(msgspec.Struct, frozen=True, kw_only=True):
    """More than `share_percent` of the registers, and `least` of them, within `window`. Customers wait `holds_for`."""

    share_percent: int = 20
    least: int = 10
    window: timedelta = timedelta(hours=1)
    holds_for: timedelta = timedelta(hours=24)


class IncidentReason(enum.Enum):
    """What was decided, in words for logs and letters."""

    CALM = "too few registers at once"
    OPENED = "more than the set share of registers at once"
    GOES_ON = "the share of registers is not yet below half of the set one"
    ENDED = "the share of registers is below half of the set one"


class IncidentVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether an incident is open now, and whether it still holds the alerts of customers back."""

    reason: IncidentReason
    is_open: bool
    holds: bool
    share_percent: float


def judge_incident(
    *,
    opened_at: datetime | None,
    recent: int,
    lasting: int,
    watched: int,
    now: datetime,
    parameters: IncidentParameters,
) -> IncidentVerdict:
    """The verdict on one rule of INCIDENT_RULES.

    `opened_at` is that of the incident that is open, None without one. `recent` alerts of the rule were opened within
    the window, `lasting` are open now, on `watched` registers that the rule could fire for.
    """
    if opened_at is None:
        share = _share(recent, watched)
        opens = recent >= parameters.least and share > parameters.share_percent
        reason = IncidentReason.OPENED if opens else IncidentReason.CALM
        return IncidentVerdict(reason=reason, is_open=opens, holds=opens, share_percent=share)
    share = _share(lasting, watched)
    if 2 * share < parameters.share_percent:
        return IncidentVerdict(reason=IncidentReason.ENDED, is_open=False, holds=False, share_percent=share)
    holds = now - opened_at < parameters.holds_for
    return IncidentVerdict(reason=IncidentReason.GOES_ON, is_open=True, holds=holds, share_percent=share)


def _share(count: int, watched: int) -> float:
    return _PERCENT * count / watched if watched > 0 else 0.0
