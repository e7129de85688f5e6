"""One step of the alerts of one register or customer: state and event in, state and transitions out. Pure and total.

::

    due moments up to the event ──▶ event ──▶ facts ──▶ every rule's verdicts ──▶ due moments up to now
              │                                                │                          │
              └────────────── opened, raised, resolved ◀───────┴──────────────────────────┘

Moments that fell due while nobody looked are judged first, each at its own time. So the same alerts come out whether a
state is stepped often, seldom or after a restart.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from ofd_gateway.alerts.events import DocumentAccepted, MessagesSpent, PackageToppedUp
from ofd_gateway.alerts.facts import CustomerFacts, RegisterFacts, observe_customer, observe_register
from ofd_gateway.alerts.model import EndedEpisode, EndReason, OpenAlert, Transition, TransitionKind
from ofd_gateway.alerts.rules import CUSTOMER_RULES, REGISTER_RULES, RULES
from ofd_gateway.alerts.state import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ofd_gateway.alerts.events import Event
    from ofd_gateway.alerts.model import AlertType, FactValue, Level, Verdict
    from ofd_gateway.alerts.parameters import Parameters
    from ofd_gateway.alerts.rules.rule import F, Rule

__all__ = ["FACTS", "MAX_ENDED", "RETRY_AFTER", "RuleFailure", "StepResult", "note", "step"]

FACTS: Final = "facts"
"""The name under which a failure to read an event is reported."""
RETRY_AFTER: Final = timedelta(hours=1)
"""After a failure the state is looked at again, even when nothing else is due."""
MAX_ENDED: Final = 32

_MAX_CHECKS: Final = 1000
_SHORTEST_WAIT: Final = timedelta(microseconds=1)
_EVENTS_OF_CUSTOMERS: Final = (PackageToppedUp, MessagesSpent)
_ENDED_BY_RECEIPTS: Final = frozenset(rule.name for rule in RULES if rule.ended_by_receipts)


class RuleFailure(msgspec.Struct, frozen=True, gc=False):
    """A rule that raised, or the reading of an event (`facts`); alerts stay. The caller logs and counts."""

    rule: str
    error: BaseException


class StepResult(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The new state, and what changed in the order of time."""

    state: State
    changes: tuple[Transition, ...] = ()
    failures: tuple[RuleFailure, ...] = ()

    @property
    def opened(self) -> tuple[Transition, ...]:
        """Alerts that were opened."""
        return tuple(change for change in self.changes if change.kind is TransitionKind.OPENED)

    @property
    def raised(self) -> tuple[Transition, ...]:
        """Alerts that reached a heavier level."""
        return tuple(change for change in self.changes if change.kind is TransitionKind.RAISED)

    @property
    def resolved(self) -> tuple[Transition, ...]:
        """Alerts whose episode is over; also one that was opened in the same step."""
        return tuple(change for change in self.changes if change.kind is TransitionKind.RESOLVED)

    @property
    def next_check_at(self) -> datetime | None:
        """When to step again without an event, None for never."""
        return self.state.next_check_at


def step(state: State, event: Event | None, now: datetime, parameters: Parameters) -> StepResult:
    """The state after `event` and at `now`, with the alerts that were opened, raised and resolved on the way.

    `event` None only lets time pass. `now` is our clock, aware; it may lie before earlier steps, then nothing that was
    told is told again. An event for the wrong kind of state is reported as a failure. Raises nothing.
    """
    if isinstance(event, DocumentAccepted):
        after_receipt = _after_ordinary_receipt(state, event, now, parameters)
        if after_receipt is not None:
            return after_receipt
    return _Walk(state, parameters).through(event, now)


def note(state: State, event: Event, now: datetime, parameters: Parameters) -> State:
    """The state after `event` with nothing judged: its next step does that, and is due at `now`.

    For those who know what happened but not by which thresholds it is judged. Raises TypeError for an event that does
    not happen to this kind of state.
    """
    return State(
        facts=_facts_after(state.facts, event, parameters), open=state.open, ended=state.ended, next_check_at=now
    )


def _after_ordinary_receipt(
    state: State, event: DocumentAccepted, now: datetime, parameters: Parameters
) -> StepResult | None:
    """The shortcut for nearly every document: when it cannot change a verdict, no rule is asked. None: ask them."""
    due = state.next_check_at
    if (due is not None and (event.at >= due or now >= due)) or state.mark != parameters.mark:
        return None
    facts = state.facts
    if not isinstance(facts, RegisterFacts) or any(alert.rule in _ENDED_BY_RECEIPTS for alert in state.open):
        return None
    if state.next_check_fd is not None and event.fd >= state.next_check_fd:
        return None
    try:
        observed = observe_register(facts, event, parameters.timezone)
    except Exception:  # noqa: BLE001 - the long way meets the same error and reports it
        return None
    if not observed.ordinary:
        return None
    return StepResult(
        state=State(
            facts=observed.facts,
            open=state.open,
            ended=state.ended,
            next_check_at=due,
            next_check_fd=state.next_check_fd,
            mark=state.mark,
        )
    )


class _Walk:
    """The state on its way through one step."""

    def __init__(self, state: State, parameters: Parameters) -> None:
        self._parameters = parameters
        self._facts = state.facts
        self._open = {(alert.rule, alert.episode): alert for alert in state.open}
        self._ended = list(state.ended)
        self._next_check_at = state.next_check_at
        self._next_check_fd = state.next_check_fd
        self._mark = state.mark
        self._changes: list[Transition] = []
        self._failures: list[RuleFailure] = []

    def through(self, event: Event | None, now: datetime) -> StepResult:
        if event is not None:
            self._pass_time(min(event.at, now))
            self._observe(event)
            self._judge(event.at)
        elif self._mark != self._parameters.mark or self._is_armed_for_later(now):
            self._judge(now)
        self._pass_time(now)
        return StepResult(
            state=State(
                facts=self._facts,
                open=tuple(self._open.values()),
                ended=tuple(self._ended[-MAX_ENDED:]),
                next_check_at=self._next_check_at,
                next_check_fd=self._next_check_fd,
                mark=self._mark,
            ),
            changes=tuple(self._changes),
            failures=tuple(self._failures),
        )

    def _is_armed_for_later(self, now: datetime) -> bool:
        """Whoever asks before the time has a reason: what it was armed by may be gone, as a clock that was ahead."""
        return self._next_check_at is not None and self._next_check_at > now

    def _pass_time(self, until: datetime) -> None:
        for _ in range(_MAX_CHECKS):
            if self._next_check_at is None or self._next_check_at > until:
                return
            self._judge(self._next_check_at)
        self._judge(until)

    def _observe(self, event: Event) -> None:
        try:
            self._facts = _facts_after(self._facts, event, self._parameters)
        except Exception as error:  # noqa: BLE001 - reported to the caller, which logs and counts it
            self._failures.append(RuleFailure(FACTS, error))

    def _judge(self, at: datetime) -> None:
        facts = self._facts
        if isinstance(facts, CustomerFacts):
            self._judge_by(CUSTOMER_RULES, facts, at)
        elif facts.removed:
            self._drop_all(at)
            self._judge_by((), facts, at)
        else:
            self._judge_by(REGISTER_RULES, facts, at)

    def _judge_by(self, rules: Sequence[Rule[F]], facts: F, at: datetime) -> None:
        parameters = self._parameters
        moments: list[datetime] = []
        numbers: list[int] = []
        for rule in rules:
            try:
                verdicts = rule.judge(facts, at, parameters)
                moment = rule.next_change(facts, at, parameters)
                number = rule.next_fd(facts, parameters) if rule.next_fd is not None else None
                self._compare(rule, facts, verdicts, at)
            except Exception as error:  # noqa: BLE001 - reported to the caller, which logs and counts it
                self._failures.append(RuleFailure(rule.name, error))
                moment, number = at + RETRY_AFTER, None
            if moment is not None:
                moments.append(max(moment, at + _SHORTEST_WAIT))
            if number is not None:
                numbers.append(number)
        self._next_check_at = min(moments, default=None)
        self._next_check_fd = min(numbers, default=None)
        self._mark = parameters.mark

    def _compare(self, rule: Rule[F], facts: F, verdicts: tuple[Verdict, ...], at: datetime) -> None:
        """What the verdicts change. Nothing is applied before the rule has answered every question."""
        changes = [
            _told(rule, verdict, level, at, self._open.get((rule.name, verdict.episode)))
            for verdict in verdicts
            if (level := verdict.level) is not None and self._is_news(rule.name, verdict.episode, level)
        ]
        lasting = {verdict.episode for verdict in verdicts}
        over = [alert for alert in self._open.values() if alert.rule == rule.name and alert.episode not in lasting]
        if over:
            opened = any(change.kind is TransitionKind.OPENED for change in changes)
            reason = EndReason.SUPERSEDED if opened else EndReason.OVER
            aftermath = rule.aftermath(facts, at, self._parameters)
            changes = [_resolved(alert, rule.type, at, reason, aftermath) for alert in over] + changes
        for change in changes:
            self._apply(change)

    def _is_news(self, rule: str, episode: str, level: Level) -> bool:
        """Whether the level is heavier than all that was told of the episode, while it lasts and before."""
        known = self._open.get((rule, episode))
        if known is not None:
            return level.weight > known.level.weight
        return all(
            ended.rule != rule or ended.episode != episode or ended.weight < level.weight for ended in self._ended
        )

    def _drop_all(self, at: datetime) -> None:
        types = {rule.name: rule.type for rule in RULES}
        for alert in list(self._open.values()):
            self._apply(_resolved(alert, types[alert.rule], at, EndReason.REMOVED, {}))

    def _apply(self, change: Transition) -> None:
        key = (change.rule, change.episode)
        if change.kind is TransitionKind.RESOLVED:
            del self._open[key]
            self._ended.append(EndedEpisode(change.rule, change.episode, change.level.weight))
        else:
            self._open[key] = OpenAlert(
                rule=change.rule,
                subject=change.subject,
                episode=change.episode,
                level=change.level,
                opened_at=change.opened_at,
                raised_at=change.at,
            )
        self._changes.append(change)


def _facts_after(
    facts: RegisterFacts | CustomerFacts, event: Event, parameters: Parameters
) -> RegisterFacts | CustomerFacts:
    if isinstance(facts, CustomerFacts) and isinstance(event, _EVENTS_OF_CUSTOMERS):
        return observe_customer(facts, event)
    if isinstance(facts, RegisterFacts) and not isinstance(event, _EVENTS_OF_CUSTOMERS):
        return observe_register(facts, event, parameters.timezone).facts
    raise TypeError(f"{type(event).__name__} does not happen to a {type(facts).__name__}")


def _told(rule: Rule[F], verdict: Verdict, level: Level, at: datetime, known: OpenAlert | None) -> Transition:
    return Transition(
        kind=TransitionKind.RAISED if known else TransitionKind.OPENED,
        rule=rule.name,
        type=rule.type,
        subject=known.subject if known else verdict.subject,
        episode=verdict.episode,
        level=level,
        at=at,
        opened_at=known.opened_at if known else at,
        facts=verdict.facts,
        evidence=verdict.evidence,
    )


def _resolved(
    alert: OpenAlert, kind: AlertType, at: datetime, reason: EndReason, facts: dict[str, FactValue]
) -> Transition:
    return Transition(
        kind=TransitionKind.RESOLVED,
        rule=alert.rule,
        type=kind,
        subject=alert.subject,
        episode=alert.episode,
        level=alert.level,
        at=at,
        opened_at=alert.opened_at,
        facts=facts,
        end_reason=reason,
    )
