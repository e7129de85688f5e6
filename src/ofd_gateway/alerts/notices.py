"""Whether to tell, whom and when: decisions on letters (уведомления), pure. The shell stores and sends.

::

    transition ──▶ the recipient's group waits ──▶ plan ──▶ one letter with a line for each alert
                   (30 s, then one letter per 5 min)   └──▶ when to look again

Silence, acknowledgement and quiet hours mute delivery, never evaluation. What was told is a row of its own (`Told`).
"""

from __future__ import annotations

import enum
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from ofd_gateway.alerts.model import AlertType, EndReason, Level
from ofd_gateway.alerts.quiet import QuietHours, quiet_until

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "AlertView",
    "Decision",
    "NoticeParameters",
    "NoticePlan",
    "NoticeReason",
    "Outcome",
    "Subscription",
    "Told",
    "Urgency",
    "decide",
    "group_due_at",
    "plan",
    "told_by",
    "urgency",
]


class Outcome(enum.Enum):
    """What a reason leads to."""

    SEND = "send"
    HOLD = "hold"
    SKIP = "skip"


class NoticeReason(enum.Enum):
    """Why an alert is or is not in a letter, in words for logs, `alerts explain` and templates."""

    FIRST = "first notification"
    RAISED = "heavier level"
    REPEATED = "repeated daily until acknowledged"
    RESOLVED = "resolved"
    OCCURRED = "over already, but worth telling"
    QUIET_HOURS = "quiet hours"
    SILENCED = "silenced"
    INCIDENT = "held by an incident of the operator"
    PAUSED = "the address is paused"
    NOTHING_NEW = "nothing new"
    ACKNOWLEDGED = "acknowledged"
    TYPE_OFF = "the recipient does not want this type"
    RESOLVE_OFF = "the recipient does not want the end told"
    NEVER_TOLD = "over before it was told"
    SUPERSEDED = "a newer episode of the same rule is told instead"
    REMOVED = "the register is no longer watched"

    @property
    def outcome(self) -> Outcome:
        """Whether to send, to keep for later, or to say nothing."""
        if self in _SENT:
            return Outcome.SEND
        return Outcome.HOLD if self in _HELD else Outcome.SKIP


_SENT: Final = frozenset(
    {
        NoticeReason.FIRST,
        NoticeReason.RAISED,
        NoticeReason.REPEATED,
        NoticeReason.RESOLVED,
        NoticeReason.OCCURRED,
    }
)
_HELD: Final = frozenset({NoticeReason.QUIET_HOURS, NoticeReason.SILENCED, NoticeReason.INCIDENT, NoticeReason.PAUSED})
_UNTOLD_ENDS: Final = {
    EndReason.SUPERSEDED: NoticeReason.SUPERSEDED,
    EndReason.REMOVED: NoticeReason.REMOVED,
}


class Urgency(enum.Enum):
    """Which of a recipient's groups an alert waits in."""

    PROMPT = "prompt"
    DAILY = "daily"


class AlertView(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """An alert as far as letters care. `momentary` is that of its rule. `acked_level` is the level acknowledged."""

    id: int
    rule: str
    type: AlertType
    level: Level
    opened_at: datetime
    resolved_at: datetime | None = None
    end_reason: EndReason | None = None
    acked_level: Level | None = None
    silenced_until: datetime | None = None
    momentary: bool = False


class Told(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What a recipient was last told of an alert. `weight` is that of the level, `ended` that its end was told."""

    weight: float
    told_at: datetime
    ended: bool = False


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """What a recipient wants. `paused`: its address refused letters for good."""

    types: frozenset[AlertType]
    tell_resolved: bool = True
    quiet: QuietHours | None = None
    paused: bool = False


class NoticeParameters(msgspec.Struct, frozen=True, kw_only=True):
    """How letters are grouped and repeated. `daily_interval` is that of the operator's daily letters."""

    group_wait: timedelta = timedelta(seconds=30)
    group_interval: timedelta = timedelta(minutes=5)
    daily_interval: timedelta = timedelta(hours=24)
    repeat_critical: timedelta = timedelta(hours=24)


class Decision(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The decision on one alert. `look_again_at`: when it could change with time alone, None for never."""

    alert_id: int
    reason: NoticeReason
    level: Level
    look_again_at: datetime | None = None


class NoticePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What to do for one recipient now: `letter` is one letter with these lines, none when empty.

    `decisions` covers every alert. `next_at` is when to plan again without further news, None for never.
    """

    letter: tuple[Decision, ...]
    decisions: tuple[Decision, ...]
    next_at: datetime | None


def urgency(alert: AlertView) -> Urgency:
    """The group of an alert: findings for operators go by daily letter unless critical, everything else promptly."""
    return Urgency.DAILY if alert.type is AlertType.OPERATOR and not alert.level.critical else Urgency.PROMPT


def group_due_at(
    waiting_since: datetime, last_sent_at: datetime | None, urgency: Urgency, parameters: NoticeParameters
) -> datetime:
    """When a group that has had news since then may send its letter: after a wait, and not too soon after the last."""
    due = waiting_since + parameters.group_wait
    if last_sent_at is None:
        return due
    interval = parameters.daily_interval if urgency is Urgency.DAILY else parameters.group_interval
    return max(due, last_sent_at + interval)


def plan(
    alerts: Iterable[AlertView],
    told: Mapping[int, Told],
    subscription: Subscription,
    now: datetime,
    parameters: NoticeParameters,
    *,
    due_at: datetime,
    held_rules: Mapping[str, datetime] | None = None,
) -> NoticePlan:
    """The letter of one group of a recipient, whose alerts of the same urgency are given: open ones and untold ends.

    `told` is what the recipient knows, by alert. Nothing is sent before `due_at` (see `group_due_at`). `held_rules`
    are the rules an incident of the operator holds, each with the beginning of the incident.
    """
    decisions = tuple(decide(alert, told.get(alert.id), subscription, now, parameters, held_rules) for alert in alerts)
    letter = tuple(decision for decision in decisions if decision.reason.outcome is Outcome.SEND)
    moments = [decision.look_again_at for decision in decisions if decision.look_again_at is not None]
    if letter and now < due_at:
        return NoticePlan(letter=(), decisions=decisions, next_at=due_at)
    repeats = [now + parameters.repeat_critical for decision in letter if _repeats(decision)]
    return NoticePlan(letter=letter, decisions=decisions, next_at=min(moments + repeats, default=None))


def decide(
    alert: AlertView,
    told: Told | None,
    subscription: Subscription,
    now: datetime,
    parameters: NoticeParameters,
    held_rules: Mapping[str, datetime] | None = None,
) -> Decision:
    """The decision on one alert for one recipient: first whether there is news, then whether it may go out now."""

    def decided(reason: NoticeReason, look_again_at: datetime | None = None) -> Decision:
        return Decision(alert_id=alert.id, reason=reason, level=alert.level, look_again_at=look_again_at)

    if alert.type not in subscription.types:
        return decided(NoticeReason.TYPE_OFF)
    news = _news_of_end(alert, told, subscription) if alert.resolved_at else _news(alert, told, now, parameters)
    if news.outcome is Outcome.SKIP:
        repeats = news is NoticeReason.NOTHING_NEW and alert.resolved_at is None and alert.level.critical
        return decided(news, told.told_at + parameters.repeat_critical if repeats and told is not None else None)
    if subscription.paused:
        return decided(NoticeReason.PAUSED)
    if alert.silenced_until is not None and alert.silenced_until > now:
        return decided(NoticeReason.SILENCED, alert.silenced_until)
    incident_at = (held_rules or {}).get(alert.rule)
    if incident_at is not None and told is None and alert.opened_at >= incident_at:
        return decided(NoticeReason.INCIDENT)
    ends_at = quiet_until(subscription.quiet, now)
    if ends_at is not None and not (alert.level.critical and alert.resolved_at is None):
        return decided(NoticeReason.QUIET_HOURS, ends_at)
    return decided(news)


def told_by(decision: Decision, alert: AlertView, now: datetime) -> Told:
    """What the recipient knows once the letter with this line is written."""
    return Told(weight=decision.level.weight, told_at=now, ended=alert.resolved_at is not None)


def _news(alert: AlertView, told: Told | None, now: datetime, parameters: NoticeParameters) -> NoticeReason:
    """News of an alert that is open. An acknowledgement covers it, but not a turn to a critical level."""
    acked = alert.acked_level
    if acked is not None and (acked.critical or not alert.level.critical):
        return NoticeReason.ACKNOWLEDGED
    if told is None:
        return NoticeReason.FIRST
    if told.weight < alert.level.weight:
        return NoticeReason.RAISED
    if alert.level.critical and now - told.told_at >= parameters.repeat_critical:
        return NoticeReason.REPEATED
    return NoticeReason.NOTHING_NEW


def _news_of_end(alert: AlertView, told: Told | None, subscription: Subscription) -> NoticeReason:
    """News of an alert that is resolved: only to those who heard of it, unless its cause is worth telling anyway."""
    if told is None:
        return NoticeReason.OCCURRED if alert.momentary else NoticeReason.NEVER_TOLD
    if told.ended:
        return NoticeReason.NOTHING_NEW
    if alert.end_reason in _UNTOLD_ENDS:
        return _UNTOLD_ENDS[alert.end_reason]
    return NoticeReason.RESOLVED if subscription.tell_resolved else NoticeReason.RESOLVE_OFF


def _repeats(decision: Decision) -> bool:
    return decision.level.critical and decision.reason not in (NoticeReason.RESOLVED, NoticeReason.OCCURRED)
