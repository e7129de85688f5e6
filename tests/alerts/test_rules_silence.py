"""`register_silent`: from which moment, for whom, in which variant."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from ofd_gateway.alerts import DownTime, Parameters, RegisterRemoved, WorkingCalendar, customise
from ofd_gateway.alerts.model import EndReason
from ofd_gateway.alerts.rules import register_silent
from tests.alerts.scene import (
    BSO,
    BSO_CORRECTION,
    CLOSE_FN,
    CLOSE_SHIFT,
    CORRECTION,
    OPEN_SHIFT,
    OTHER_FN,
    RECEIPT,
    REGISTRATION,
    REREGISTRATION,
    START,
    STATE,
    Stage,
    days,
    hours,
    local,
    minutes,
)

RULE = "register_silent"


def next_change(stage: Stage) -> datetime | None:
    return register_silent.next_change(stage.facts, stage.now, stage.parameters)


def begun(**options: object) -> Stage:
    return Stage(**options).begin()  # type: ignore[arg-type]


def test_levels_come_at_their_moments_and_the_last_is_critical() -> None:
    stage = begun()
    for _ in range(60):
        stage.wait(hours(12))
    silent = stage.changes(RULE)
    assert [(c.kind.value, c.level.name) for c in silent] == [
        ("opened", "24h"),
        ("raised", "72h"),
        ("raised", "7d"),
        ("raised", "25d"),
    ]
    assert [c.at - START for c in silent] == [hours(24), hours(72), days(7), days(25)]
    assert [c.level.critical for c in silent] == [False, False, False, True]
    assert silent[0].facts["last_receipt_at"] == START.isoformat()
    assert silent[0].facts["silent_hours"] == 24.0


@pytest.mark.parametrize("code", [RECEIPT, CORRECTION, BSO, BSO_CORRECTION])
def test_the_first_receipt_of_any_kind_resolves_and_arms_anew(code: int) -> None:
    stage = begun()
    stage.wait(hours(30))
    stage.document(code)
    assert stage.told(RULE) == [("opened", "24h"), ("resolved", "24h")]
    assert stage.changes(RULE)[-1].end_reason is EndReason.OVER
    stage.wait(hours(24))
    assert stage.told(RULE)[2:] == [("opened", "24h")]


@pytest.mark.parametrize("code", [OPEN_SHIFT, CLOSE_SHIFT, STATE, REREGISTRATION])
def test_other_documents_do_not_end_the_silence(code: int) -> None:
    stage = begun()
    stage.wait(hours(12))
    stage.document(code)
    stage.wait(hours(12))
    assert stage.told(RULE) == [("opened", "24h")]


def test_an_old_dated_document_that_comes_late_is_life() -> None:
    stage = begun()
    stage.wait(hours(30))
    assert stage.open(RULE) == [(RULE, "24h")]
    stage.document(RECEIPT, issued=local("2026-03-02T11:00"))
    resolved = stage.changes(RULE)[-1]
    assert resolved.kind.value == "resolved"
    assert resolved.facts["late_documents"] == 1
    stage.document(RECEIPT, issued=local("2026-03-02T11:05"))
    assert stage.facts.late_documents == 2
    stage.wait(hours(23.9))
    assert stage.open(RULE) == []


def test_late_documents_are_counted_for_each_run_of_them() -> None:
    stage = begun()
    stage.now += hours(5)
    stage.document(RECEIPT, issued=local("2026-03-02T11:00"))
    stage.document(RECEIPT)
    assert (stage.facts.late_documents, stage.facts.came_late) == (1, False)
    stage.document(RECEIPT, issued=local("2026-03-02T11:01"))
    assert stage.facts.late_documents == 1


@pytest.mark.parametrize("ahead", [days(400), days(-400)])
def test_the_register_clock_does_not_matter(ahead: timedelta) -> None:
    stage = begun()
    stage.now += hours(1)
    stage.document(RECEIPT, issued=(stage.now + ahead).replace(tzinfo=None))
    stage.wait(hours(23))
    assert stage.told(RULE) == []
    stage.wait(hours(1))
    assert stage.told(RULE) == [("opened", "24h")]


def test_nothing_is_said_of_a_register_that_never_sold() -> None:
    stage = Stage()
    stage.document(REGISTRATION)
    stage.document(OPEN_SHIFT)
    stage.document(CLOSE_SHIFT)
    stage.wait(days(100))
    assert stage.told(RULE) == []


def test_a_register_that_never_sold_is_watched_when_asked_for() -> None:
    stage = Stage()
    stage.document(REGISTRATION)
    stage.now += days(5)
    stage.configure(watch_unsold=True)
    stage.wait(hours(24))
    assert stage.told(RULE) == [("opened", "24h")]
    assert stage.changes(RULE)[0].facts["last_receipt_at"] is None
    stage.configure(watch_unsold=False)
    assert stage.told(RULE) == [("opened", "24h"), ("resolved", "24h")]


def test_asking_for_it_twice_does_not_start_the_clock_again() -> None:
    stage = Stage()
    stage.configure(watch_unsold=True)
    stage.now += hours(12)
    stage.configure(watch_unsold=True, timezone="Asia/Omsk")
    stage.wait(hours(12))
    assert stage.told(RULE) == [("opened", "24h")]
    assert stage.changes(RULE)[0].evidence == ()


def test_an_autonomous_register_is_exempt_until_it_is_not() -> None:
    stage = Stage()
    stage.document(REGISTRATION, {1002: 1})
    stage.document(OPEN_SHIFT)
    stage.document(RECEIPT)
    stage.wait(days(30))
    assert stage.told(RULE) == []
    stage.document(REREGISTRATION, {1002: 0})
    stage.wait(hours(23))
    assert stage.told(RULE) == []
    stage.wait(hours(1))
    assert stage.told(RULE) == [("opened", "24h")]


def test_becoming_autonomous_resolves() -> None:
    stage = begun()
    stage.wait(hours(24))
    stage.document(REREGISTRATION, {1002: 1})
    assert stage.told(RULE) == [("opened", "24h"), ("resolved", "24h")]


def test_a_closed_fn_ends_the_silence_and_the_next_one_starts_it_anew() -> None:
    stage = begun()
    stage.wait(hours(24))
    stage.document(CLOSE_FN)
    assert stage.told(RULE) == [("opened", "24h"), ("resolved", "24h")]
    stage.now += days(9)
    stage.document(REGISTRATION, fd=1, fn=OTHER_FN)
    stage.wait(hours(23))
    assert stage.open(RULE) == []
    stage.wait(hours(1))
    assert stage.open(RULE) == [(RULE, "24h")]


def test_a_closed_debug_fn_that_starts_again_starts_the_silence_anew() -> None:
    stage = begun()
    stage.document(CLOSE_FN)
    stage.now += days(9)
    stage.document(REGISTRATION, fd=1, generation=1)
    stage.wait(hours(23))
    assert stage.told(RULE) == []
    stage.wait(hours(1))
    assert stage.told(RULE) == [("opened", "24h")]


def test_a_new_fn_alone_neither_ends_nor_restarts_the_silence() -> None:
    stage = begun()
    stage.wait(hours(24))
    stage.document(REGISTRATION, fd=1, fn=OTHER_FN)
    assert stage.told(RULE) == [("opened", "24h")]
    stage.wait(hours(48))
    assert stage.told(RULE) == [("opened", "24h"), ("raised", "72h")]


def test_the_end_of_the_service_inhibits_and_keeps_what_is_open() -> None:
    stage = begun()
    stage.pay(START + hours(48))
    stage.wait(hours(24))
    stage.wait(days(30))
    assert stage.told(RULE) == [("opened", "24h")]
    assert stage.open(RULE) == [(RULE, "24h")]


def test_renewal_after_the_end_starts_the_clock_anew() -> None:
    stage = begun()
    stage.pay(START + hours(12))
    stage.wait(days(10))
    assert stage.told(RULE) == []
    stage.pay(START + days(400))
    stage.wait(hours(23))
    assert stage.told(RULE) == []
    stage.wait(hours(1))
    assert stage.told(RULE) == [("opened", "24h")]


def test_our_own_down_time_does_not_count() -> None:
    down = DownTime(START + hours(10), START + hours(13))
    stage = begun()
    stage.parameters = Parameters().after_outages((down,))
    stage.wait(hours(24))
    assert stage.told(RULE) == []
    assert next_change(stage) == START + hours(27)
    stage.wait(hours(3))
    assert stage.told(RULE) == [("opened", "24h")]
    assert (stage.changes(RULE)[0].facts["silent_hours"], stage.changes(RULE)[0].facts["counted_hours"]) == (27.0, 24.0)


def test_down_time_before_the_last_receipt_is_nothing_to_it() -> None:
    stage = begun()
    stage.parameters = Parameters().after_outages((DownTime(START - hours(3), START - hours(1)),))
    stage.wait(hours(24))
    assert stage.told(RULE) == [("opened", "24h")]


WEEKDAYS = WorkingCalendar(week=((0, 1440),) * 5 + (None, None), days_off=frozenset({date(2026, 3, 9)}))


def test_days_off_of_a_calendar_do_not_count() -> None:
    stage = Stage()
    stage.configure(calendar=WEEKDAYS)
    stage.now = datetime(2026, 3, 6, 17, 0, tzinfo=UTC)  # Friday, 20:00 in Moscow
    stage.begin()
    assert next_change(stage) == datetime(2026, 3, 10, 17, 0, tzinfo=UTC)  # Monday is a holiday
    stage.wait(days(4) - minutes(1))
    assert stage.told(RULE) == []
    stage.wait(minutes(1))
    assert stage.told(RULE) == [("opened", "24h")]


def test_without_a_calendar_the_week_end_counts() -> None:
    stage = Stage()
    stage.now = datetime(2026, 3, 6, 17, 0, tzinfo=UTC)
    stage.begin().wait(hours(24))
    assert stage.told(RULE) == [("opened", "24h")]


@pytest.mark.parametrize(
    ("sent", "variant"),
    [
        ([], "no_contact_open_shift"),
        ([(1, CLOSE_SHIFT)], "no_contact"),
        ([(11.9, CLOSE_SHIFT)], "no_contact"),
        ([(12.1, CLOSE_SHIFT)], "no_sales"),
        ([(1, CLOSE_SHIFT), (14, OPEN_SHIFT)], "no_sales"),
        ([(1, CLOSE_SHIFT), (3, OPEN_SHIFT)], "no_contact_open_shift"),
        ([(20, STATE)], "no_sales"),
    ],
)
def test_variants(sent: list[tuple[float, int]], variant: str) -> None:
    stage = begun()
    for at, code in sent:
        stage.now = START + hours(at)
        stage.document(code)
    stage.now = START
    stage.wait(hours(24))
    assert [change.facts["variant"] for change in stage.changes(RULE)] == [variant]


def test_thresholds_of_seconds() -> None:
    stage = Stage(customise(Parameters(), {"register_silent": {"after": "3s,6s"}}))
    stage.begin()
    stage.wait(timedelta(seconds=3))
    stage.wait(timedelta(seconds=3))
    assert stage.told(RULE) == [("opened", "3s"), ("raised", "6s")]


def test_a_document_in_the_instant_of_its_deadline_opens_and_resolves_whoever_is_first() -> None:
    by_sleeper, by_document = begun(), begun()
    by_sleeper.wait(hours(24))
    by_sleeper.document(RECEIPT)
    by_document.now += hours(24)
    by_document.document(RECEIPT)
    assert by_document.history == by_sleeper.history
    assert by_document.told(RULE) == [("opened", "24h"), ("resolved", "24h")]


def test_a_removed_register_is_dropped_and_its_next_document_watches_it_again() -> None:
    stage = begun()
    stage.wait(hours(24))
    stage.step(RegisterRemoved(at=stage.now))
    assert stage.told(RULE) == [("opened", "24h"), ("resolved", "24h")]
    assert stage.changes(RULE)[-1].end_reason is EndReason.REMOVED
    assert (stage.state.open, stage.state.next_check_at) == ((), None)
    stage.now += days(40)
    stage.document(STATE)
    assert stage.open(RULE) == []
    stage.wait(hours(24))
    assert stage.open(RULE) == [(RULE, "24h")]


def test_a_removed_register_that_never_sold_stays_quiet_when_it_comes_back() -> None:
    stage = Stage()
    stage.document(REGISTRATION)
    stage.step(RegisterRemoved(at=stage.now))
    stage.document(OPEN_SHIFT)
    stage.wait(days(9))
    assert stage.told(RULE) == []


@pytest.mark.parametrize("sold", [True, False])
def test_configuring_a_removed_register_watches_it_again(sold: bool) -> None:
    stage = begun() if sold else Stage()
    stage.step(RegisterRemoved(at=stage.now))
    stage.now += days(3)
    stage.configure()
    assert stage.open(RULE) == []
    stage.wait(hours(24))
    assert stage.open(RULE) == ([(RULE, "24h")] if sold else [])


def test_the_clock_going_back_tells_nothing_twice_and_takes_nothing_back() -> None:
    stage = begun()
    stage.wait(hours(25))
    for span in (hours(-10), hours(9), hours(-20), hours(21)):
        stage.wait(span)
    assert stage.told(RULE) == [("opened", "24h")]
    assert stage.open(RULE) == [(RULE, "24h")]


def test_a_receipt_that_arrives_before_the_last_one_by_our_clock() -> None:
    stage = begun()
    stage.now -= hours(5)
    stage.document(RECEIPT)
    assert next_change(stage) == START + hours(19)
    stage.wait(hours(24))
    assert stage.told(RULE) == [("opened", "24h")]
