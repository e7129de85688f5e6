"""Letters: whether to tell, whom and when. Tables of decisions, and groups through time."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ofd_gateway.alerts.model import AlertType, EndReason, Level
from ofd_gateway.alerts.notices import (
    AlertView,
    NoticeParameters,
    NoticePlan,
    NoticeReason,
    Outcome,
    Subscription,
    Told,
    Urgency,
    decide,
    group_due_at,
    plan,
    told_by,
    urgency,
)
from ofd_gateway.alerts.quiet import QuietHours, quiet_until
from tests.alerts.scene import START, days, hours, minutes, seconds

LIGHT, HEAVY, CRITICAL = Level("24h", 1), Level("72h", 2), Level("25d", 3, critical=True)
CUSTOMER = Subscription(types=frozenset({AlertType.SILENCE, AlertType.FAULT}))
NIGHT = QuietHours(22 * 60, 8 * 60, "Europe/Moscow")
AT_NIGHT = datetime(2026, 3, 2, 20, 0, tzinfo=UTC)  # 23:00 in Moscow
MORNING = datetime(2026, 3, 3, 5, 0, tzinfo=UTC)
DEFAULTS = NoticeParameters()


def alert(number: int = 1, **changed: object) -> AlertView:
    fields: dict[str, object] = {
        "id": number,
        "rule": "register_silent",
        "type": AlertType.SILENCE,
        "level": LIGHT,
        "opened_at": START,
    }
    return AlertView(**{**fields, **changed})  # type: ignore[arg-type]


def told(level: Level = LIGHT, **changed: object) -> Told:
    return Told(**{"weight": level.weight, "told_at": START, **changed})  # type: ignore[arg-type]


ENDED = {"resolved_at": START + hours(1), "end_reason": EndReason.OVER}
OFF = Subscription(types=frozenset({AlertType.SERVICE}))
NO_ENDS = Subscription(types=CUSTOMER.types, tell_resolved=False)
PAUSED = Subscription(types=CUSTOMER.types, paused=True)
QUIET = Subscription(types=CUSTOMER.types, quiet=NIGHT)
LATER = START + hours(2)
NEXT_DAY = START + days(1)


@pytest.mark.parametrize(
    ("case", "known", "subscription", "now", "reason", "again"),
    [
        (alert(), None, CUSTOMER, LATER, NoticeReason.FIRST, None),
        (alert(), None, OFF, LATER, NoticeReason.TYPE_OFF, None),
        (alert(), told(), CUSTOMER, LATER, NoticeReason.NOTHING_NEW, None),
        (alert(level=HEAVY), told(), CUSTOMER, LATER, NoticeReason.RAISED, None),
        (alert(), told(HEAVY), CUSTOMER, LATER, NoticeReason.NOTHING_NEW, None),
        # daily repeat of critical ones until acknowledged
        (alert(level=CRITICAL), told(CRITICAL), CUSTOMER, LATER, NoticeReason.NOTHING_NEW, NEXT_DAY),
        (alert(level=CRITICAL), told(CRITICAL), CUSTOMER, NEXT_DAY, NoticeReason.REPEATED, None),
        (
            alert(level=CRITICAL, acked_level=CRITICAL),
            told(CRITICAL),
            CUSTOMER,
            NEXT_DAY,
            NoticeReason.ACKNOWLEDGED,
            None,
        ),
        (alert(), told(), CUSTOMER, NEXT_DAY, NoticeReason.NOTHING_NEW, None),
        # an acknowledgement lasts, but a turn to critical is told
        (alert(acked_level=LIGHT), None, CUSTOMER, LATER, NoticeReason.ACKNOWLEDGED, None),
        (alert(level=HEAVY, acked_level=LIGHT), told(), CUSTOMER, LATER, NoticeReason.ACKNOWLEDGED, None),
        (alert(level=CRITICAL, acked_level=LIGHT), told(), CUSTOMER, LATER, NoticeReason.RAISED, None),
        # ends
        (alert(**ENDED), told(), CUSTOMER, LATER, NoticeReason.RESOLVED, None),
        (alert(**ENDED), None, CUSTOMER, LATER, NoticeReason.NEVER_TOLD, None),
        (alert(**ENDED, momentary=True), None, CUSTOMER, LATER, NoticeReason.OCCURRED, None),
        (alert(**ENDED, momentary=True), told(ended=True), CUSTOMER, LATER, NoticeReason.NOTHING_NEW, None),
        (
            alert(**ENDED, level=CRITICAL),
            told(CRITICAL, ended=True),
            CUSTOMER,
            NEXT_DAY,
            NoticeReason.NOTHING_NEW,
            None,
        ),
        (alert(**ENDED), told(), NO_ENDS, LATER, NoticeReason.RESOLVE_OFF, None),
        (alert(**ENDED, acked_level=LIGHT), told(), CUSTOMER, LATER, NoticeReason.RESOLVED, None),
        (
            alert(**{**ENDED, "end_reason": EndReason.SUPERSEDED}),
            told(),
            CUSTOMER,
            LATER,
            NoticeReason.SUPERSEDED,
            None,
        ),
        (alert(**{**ENDED, "end_reason": EndReason.REMOVED}), told(), CUSTOMER, LATER, NoticeReason.REMOVED, None),
        # muted
        (alert(), None, PAUSED, LATER, NoticeReason.PAUSED, None),
        (alert(silenced_until=NEXT_DAY), None, CUSTOMER, LATER, NoticeReason.SILENCED, NEXT_DAY),
        (alert(silenced_until=LATER), None, CUSTOMER, LATER, NoticeReason.FIRST, None),
        (alert(**ENDED, silenced_until=NEXT_DAY), told(), CUSTOMER, LATER, NoticeReason.SILENCED, NEXT_DAY),
        (alert(), None, QUIET, AT_NIGHT, NoticeReason.QUIET_HOURS, MORNING),
        (alert(), None, QUIET, MORNING, NoticeReason.FIRST, None),
        (alert(level=CRITICAL), None, QUIET, AT_NIGHT, NoticeReason.FIRST, None),
        (alert(**ENDED, level=CRITICAL), told(CRITICAL), QUIET, AT_NIGHT, NoticeReason.QUIET_HOURS, MORNING),
    ],
)
def test_decisions(
    case: AlertView,
    known: Told | None,
    subscription: Subscription,
    now: datetime,
    reason: NoticeReason,
    again: datetime | None,
) -> None:
    decision = decide(case, known, subscription, now, DEFAULTS)
    assert (decision.reason, decision.look_again_at) == (reason, again)


@pytest.mark.parametrize(
    ("rule", "opened_at", "known", "reason"),
    [
        ("register_silent", LATER, None, NoticeReason.INCIDENT),
        ("register_silent", START, None, NoticeReason.FIRST),
        ("fns_rejected", LATER, None, NoticeReason.FIRST),
        ("register_silent", LATER, told(), NoticeReason.RAISED),
    ],
)
def test_an_incident_holds_what_was_opened_since_and_is_not_known_yet(
    rule: str, opened_at: datetime, known: Told | None, reason: NoticeReason
) -> None:
    case = alert(rule=rule, opened_at=opened_at, level=HEAVY)
    held = {"register_silent": START + hours(1)}
    assert decide(case, known, CUSTOMER, LATER, DEFAULTS, held).reason is reason


def test_every_reason_leads_somewhere() -> None:
    by_outcome = {outcome: {reason.name for reason in NoticeReason if reason.outcome is outcome} for outcome in Outcome}
    assert by_outcome[Outcome.SEND] == {"FIRST", "RAISED", "REPEATED", "RESOLVED", "OCCURRED"}
    assert by_outcome[Outcome.HOLD] == {"QUIET_HOURS", "SILENCED", "INCIDENT", "PAUSED"}


def test_a_group_waits_and_keeps_its_distance_to_the_last_letter() -> None:
    due = group_due_at(START, None, Urgency.PROMPT, DEFAULTS)
    assert due == START + seconds(30)
    assert group_due_at(START, START - minutes(1), Urgency.PROMPT, DEFAULTS) == START + minutes(4)
    assert group_due_at(START, START - minutes(5), Urgency.PROMPT, DEFAULTS) == START + seconds(30)
    assert group_due_at(START, START - hours(1), Urgency.DAILY, DEFAULTS) == START + hours(23)
    assert group_due_at(START, None, Urgency.DAILY, DEFAULTS) == START + seconds(30)


@pytest.mark.parametrize(
    ("kind", "level", "expected"),
    [
        (AlertType.OPERATOR, LIGHT, Urgency.DAILY),
        (AlertType.OPERATOR, CRITICAL, Urgency.PROMPT),
        (AlertType.FAULT, LIGHT, Urgency.PROMPT),
    ],
)
def test_findings_for_operators_go_by_daily_letter_unless_critical(
    kind: AlertType, level: Level, expected: Urgency
) -> None:
    assert urgency(alert(type=kind, level=level)) is expected


def planned(
    *alerts: AlertView, known: dict[int, Told] | None = None, now: datetime, due_at: datetime = START
) -> NoticePlan:
    return plan(alerts, known or {}, CUSTOMER, now, DEFAULTS, due_at=due_at)


def test_forty_registers_are_one_letter() -> None:
    result = planned(*(alert(number) for number in range(40)), now=START + seconds(30), due_at=START + seconds(30))
    assert [line.alert_id for line in result.letter] == list(range(40))
    assert result.next_at is None


def test_nothing_leaves_before_the_group_is_due() -> None:
    result = planned(alert(), now=START + seconds(29), due_at=START + seconds(30))
    assert (result.letter, result.next_at) == ((), START + seconds(30))


def test_what_was_raised_twice_while_waiting_is_told_at_its_level_of_now() -> None:
    (line,) = planned(alert(level=HEAVY), now=LATER).letter
    assert (line.reason, line.level) == (NoticeReason.FIRST, HEAVY)


def test_an_alert_over_while_waiting_makes_no_letter() -> None:
    result = planned(alert(**ENDED), now=LATER)
    assert (result.letter, result.next_at) == ((), None)
    assert [decision.reason for decision in result.decisions] == [NoticeReason.NEVER_TOLD]


def test_a_critical_line_is_looked_at_again_in_a_day() -> None:
    result = planned(alert(level=CRITICAL), alert(2), alert(3, level=CRITICAL, **ENDED, momentary=True), now=LATER)
    assert len(result.letter) == 3
    assert result.next_at == LATER + days(1)


def test_the_earliest_of_all_moments_is_next() -> None:
    result = planned(
        alert(1, silenced_until=LATER + hours(5)),
        alert(2, level=CRITICAL),
        known={2: told(CRITICAL)},
        now=LATER,
    )
    assert (result.letter, result.next_at) == ((), LATER + hours(5))


def test_a_whole_life_of_a_critical_alert_by_letters() -> None:
    """First letter, daily repeats, acknowledged, resolved: each told once."""
    known: dict[int, Told] = {}
    letters: list[tuple[datetime, NoticeReason]] = []
    now, case = START, alert(level=CRITICAL)
    while now < START + days(4):
        if now >= START + days(2) + hours(1):
            case = alert(level=CRITICAL, acked_level=CRITICAL)
        if now >= START + days(3) + hours(6):
            case = alert(level=CRITICAL, acked_level=CRITICAL, resolved_at=now, end_reason=EndReason.OVER)
        for line in planned(case, known=known, now=now).letter:
            letters.append((now, line.reason))
            known[1] = told_by(line, case, now)
        now += hours(1)
    assert letters == [
        (START, NoticeReason.FIRST),
        (START + days(1), NoticeReason.REPEATED),
        (START + days(2), NoticeReason.REPEATED),
        (START + days(3) + hours(6), NoticeReason.RESOLVED),
    ]


@pytest.mark.parametrize(
    ("quiet", "now", "until"),
    [
        (None, AT_NIGHT, None),
        (QuietHours(600, 600, "Europe/Moscow"), AT_NIGHT, None),
        (NIGHT, AT_NIGHT, MORNING),
        (NIGHT, datetime(2026, 3, 3, 0, 0, tzinfo=UTC), MORNING),
        (NIGHT, MORNING, None),
        (NIGHT, datetime(2026, 3, 2, 18, 59, 59, tzinfo=UTC), None),
        (NIGHT, datetime(2026, 3, 2, 19, 0, tzinfo=UTC), MORNING),
        (
            QuietHours(9 * 60, 12 * 60, "UTC"),
            datetime(2026, 3, 2, 10, tzinfo=UTC),
            datetime(2026, 3, 2, 12, tzinfo=UTC),
        ),
        (QuietHours(0, 1440, "UTC"), datetime(2026, 3, 2, 10, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC)),
    ],
)
def test_quiet_hours(quiet: QuietHours | None, now: datetime, until: datetime | None) -> None:
    assert quiet_until(quiet, now) == until
