"""`documents_unsent`: what reports say of the backlog, and when that is out of date."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from ofd_gateway.alerts import FnDetached
from ofd_gateway.alerts.rules import documents_unsent
from tests.alerts.scene import (
    CLOSE_FN,
    CLOSE_SHIFT,
    FN,
    MOSCOW,
    OPEN_SHIFT,
    OTHER_FN,
    RECEIPT,
    REGISTRATION,
    START,
    STATE,
    Stage,
    days,
    hours,
    local,
    seconds_of,
)

RULE = "documents_unsent"
TODAY = date(2026, 3, 2)
MIDNIGHT = START - hours(10)
"""00:00 of the first day in Moscow."""


def ago(count: int) -> int:
    return seconds_of(TODAY - days(count))


@pytest.mark.parametrize(
    ("days_ago", "level", "critical"),
    [
        (0, None, False),
        (1, "1d", False),
        (2, "1d", False),
        (3, "3d", False),
        (11, "10d", False),
        (20, "20d", True),
        (25, "25d", True),
        (28, "28d", True),
        (35, "28d", True),
    ],
)
def test_age_of_the_first_unsent_document(days_ago: int, level: str | None, critical: bool) -> None:
    stage = Stage().begin()
    stage.document(CLOSE_SHIFT, {1097: 3, 1098: ago(days_ago)}, fd=20)
    assert stage.told(RULE) == ([("opened", level)] if level else [])
    if level:
        (opened,) = stage.changes(RULE)
        assert opened.level.critical is critical
        assert opened.facts["blocks_at"] == (MIDNIGHT - days(days_ago) + days(30)).isoformat()
        assert opened.facts["days_to_block"] == max(0, 30 - days_ago)
        assert opened.facts["unsent"] == 3
        assert [evidence.tag for evidence in opened.evidence] == [1097, 1098]


def test_a_backlog_of_today_grows_older_by_itself() -> None:
    stage = Stage().begin()
    stage.document(CLOSE_SHIFT, {1097: 3, 1098: ago(0)}, fd=20)
    for _ in range(32):
        stage.wait(days(1))
    assert [change.level.name for change in stage.changes(RULE)] == ["1d", "3d", "10d", "20d", "25d", "28d"]
    assert [change.at - MIDNIGHT for change in stage.changes(RULE)] == [days(n) for n in (1, 3, 10, 20, 25, 28)]


def test_a_report_of_nothing_resolves() -> None:
    stage = Stage().begin()
    stage.document(CLOSE_SHIFT, {1097: 3, 1098: ago(5)})
    stage.document(STATE, {1097: 0, 1098: 0})
    assert stage.told(RULE) == [("opened", "3d"), ("resolved", "3d")]


def test_the_same_first_document_is_the_same_backlog() -> None:
    stage = Stage().begin()
    stage.document(CLOSE_SHIFT, {1097: 3, 1098: ago(5)})
    stage.document(STATE, {1097: 4, 1098: ago(5), 1116: 1})
    stage.document(STATE, {1097: 4, 1098: ago(5)})
    stage.document(CLOSE_SHIFT, {1097: 9, 1098: ago(4), 1116: 1})
    assert stage.told(RULE) == [("opened", "3d")]
    assert stage.fn.unsent is not None
    assert (stage.fn.unsent.count, stage.fn.unsent.key) == (9, f"{FN}:2026-02-25")


def test_another_first_document_is_another_backlog() -> None:
    stage = Stage().begin()
    stage.document(STATE, {1097: 3, 1098: ago(5), 1116: 1})
    stage.document(STATE, {1097: 3, 1098: ago(4), 1116: 2})
    assert [(c.kind.value, c.episode) for c in stage.changes(RULE)] == [
        ("opened", f"{FN}:1"),
        ("resolved", f"{FN}:1"),
        ("opened", f"{FN}:2"),
    ]


def test_the_first_unsent_document_arrives_by_number() -> None:
    stage = Stage().begin()
    stage.document(STATE, {1097: 3, 1098: ago(5), 1116: 5}, fd=9)
    assert stage.open(RULE) == [(RULE, "3d")]
    stage.document(RECEIPT, fd=6)
    assert stage.open(RULE) == [(RULE, "3d")]
    stage.document(RECEIPT, fd=5)
    assert stage.told(RULE) == [("opened", "3d"), ("resolved", "3d")]


def test_the_first_unsent_document_arrives_by_date() -> None:
    stage = Stage().begin()
    stage.document(CLOSE_SHIFT, {1097: 3, 1098: ago(5)}, fd=9)
    stage.document(RECEIPT, fd=11)
    stage.document(RECEIPT, fd=10)
    stage.document(RECEIPT, fd=6)
    assert stage.open(RULE) == [(RULE, "3d")]
    stage.document(RECEIPT, fd=5, issued=local("2026-02-25T12:00"))
    assert stage.told(RULE) == [("opened", "3d"), ("resolved", "3d")]


def test_without_number_and_date_any_older_document_is_taken_for_the_first() -> None:
    stage = Stage().begin()
    stage.document(CLOSE_SHIFT, {1097: 3}, fd=9)
    stage.wait(days(1))
    assert stage.told(RULE) == [("opened", "1d")]
    stage.document(RECEIPT, fd=5, undated=True)
    assert stage.told(RULE) == [("opened", "1d"), ("resolved", "1d")]


@pytest.mark.parametrize("counts_itself", [True, False])
def test_a_receipt_on_its_way_while_the_report_is_printed_is_no_backlog(counts_itself: bool) -> None:
    stage = Stage().begin()
    stage.document(RECEIPT)
    stage.document(CLOSE_SHIFT, {1097: 1 + counts_itself, 1098: ago(0)})
    assert stage.fn.unsent is None
    stage.wait(days(1))
    assert stage.told(RULE) == []


def test_a_report_that_counts_itself_alone_as_the_first_document_seen() -> None:
    stage = Stage()
    stage.document(CLOSE_SHIFT, {1097: 1, 1098: ago(0)}, fd=500)
    assert stage.fn.unsent is None


def test_a_register_that_was_offline_for_days_and_sends_everything_has_no_backlog() -> None:
    stage = Stage().begin()
    stage.document(CLOSE_SHIFT, {1097: 0, 1098: 0})
    stage.now += days(8)
    first = local("2026-03-03T09:00")
    for day in range(7):
        opened = first + days(day)
        flags: dict[int, int | bytes] = {1053: 1} if day > 2 else {}
        stage.document(OPEN_SHIFT, flags, issued=opened)
        stage.document(RECEIPT, issued=opened + hours(1))
        stage.document(
            CLOSE_SHIFT,
            {1097: 3 * day + 2, 1098: seconds_of(first.date()), **flags},
            issued=opened + hours(9),
        )
    assert stage.told(RULE) == []


def test_documents_we_hold_that_the_fn_calls_unsent_under_another_date_are_a_backlog() -> None:
    stage = Stage().begin()
    stage.document(STATE, {1097: 2, 1098: ago(4), 1116: 2})
    assert stage.told(RULE) == [("opened", "3d")]


def test_a_gap_below_the_report_is_a_backlog() -> None:
    stage = Stage().begin()
    stage.document(RECEIPT, fd=6)
    stage.document(CLOSE_SHIFT, {1097: 3, 1098: ago(0)})
    assert stage.fn.unsent is not None
    assert stage.fn.unsent.since == MIDNIGHT


@pytest.mark.parametrize("code", [OPEN_SHIFT, CLOSE_SHIFT])
def test_the_flag_alone_says_more_than_two_days(code: int) -> None:
    stage = Stage().begin()
    stage.document(code, {1053: 1})
    (opened,) = stage.changes(RULE)
    assert (opened.level.name, opened.facts["unsent"], opened.facts["days_to_block"]) == ("1d", None, 28)
    assert [(evidence.tag, evidence.value) for evidence in opened.evidence] == [(1053, 1)]
    stage.document(OPEN_SHIFT, {1053: 1})
    stage.wait(days(1))
    assert stage.told(RULE) == [("opened", "1d"), ("raised", "3d")]


@pytest.mark.parametrize(
    ("code", "tags"), [(OPEN_SHIFT, {1053: 0}), (CLOSE_SHIFT, {}), (OPEN_SHIFT, {}), (STATE, {1097: 0})]
)
def test_the_flag_is_gone(code: int, tags: dict[int, int | bytes]) -> None:
    stage = Stage().begin()
    stage.document(OPEN_SHIFT, {1053: 1})
    stage.document(code, tags)
    assert stage.told(RULE) == [("opened", "1d"), ("resolved", "1d")]


def test_a_state_report_without_a_count_says_nothing_of_the_flag() -> None:
    stage = Stage().begin()
    stage.document(OPEN_SHIFT, {1053: 1})
    stage.document(STATE)
    assert stage.told(RULE) == [("opened", "1d")]


def test_an_opening_report_does_not_end_a_counted_backlog() -> None:
    stage = Stage().begin()
    stage.document(CLOSE_SHIFT, {1097: 3, 1098: ago(5)})
    stage.document(OPEN_SHIFT)
    assert stage.told(RULE) == [("opened", "3d")]


def test_a_count_after_the_flag_goes_on_with_the_same_backlog() -> None:
    stage = Stage().begin()
    stage.document(OPEN_SHIFT, {1053: 1})
    stage.document(CLOSE_SHIFT, {1097: 3, 1098: ago(5)})
    assert stage.told(RULE) == [("opened", "1d"), ("raised", "3d")]


def test_the_flag_set_while_documents_waited_that_are_here_now() -> None:
    stage = Stage()
    stage.document(REGISTRATION, issued=local("2026-02-26T10:00"))
    stage.document(OPEN_SHIFT, {1053: 1}, issued=local("2026-03-02T09:00"))
    assert stage.told(RULE) == []


def test_the_flag_of_an_undated_report_is_believed() -> None:
    stage = Stage().begin()
    stage.document(OPEN_SHIFT, {1053: 1}, undated=True)
    assert stage.told(RULE) == [("opened", "1d")]


@pytest.mark.parametrize(
    ("issued", "dated", "age"),
    [
        ("2026-03-02T10:00", "2026-02-25", days(5) + hours(10)),
        ("2027-03-02T10:00", "2027-02-25", days(5) + hours(10)),  # a year ahead
        ("2025-03-02T10:00", "2025-02-25", days(5) + hours(10)),  # a year behind
        ("2026-02-27T10:00", "2026-02-25", days(5) + hours(10)),  # the report itself is late
        ("2026-03-02T10:00", "2026-04-01", timedelta()),
        (None, "2026-02-25", days(5) + hours(10)),
    ],
)
def test_age_by_our_clock_unless_that_is_out_of_the_question(issued: str | None, dated: str, age: timedelta) -> None:
    stage = Stage().begin()
    stage.document(
        CLOSE_SHIFT,
        {1097: 3, 1098: seconds_of(date.fromisoformat(dated))},
        fd=20,
        issued=local(issued) if issued else None,
        undated=issued is None,
    )
    assert stage.fn.unsent is not None
    assert START - stage.fn.unsent.since == age


def test_a_closed_fn_has_nothing_stuck() -> None:
    stage = Stage().begin()
    stage.document(CLOSE_SHIFT, {1097: 3, 1098: ago(5)})
    stage.document(CLOSE_FN)
    assert stage.told(RULE) == [("opened", "3d"), ("resolved", "3d")]
    assert documents_unsent.next_change(stage.facts, stage.now, stage.parameters) is None


def test_the_backlog_of_an_fn_that_was_taken_out_is_still_watched() -> None:
    stage = Stage().begin()
    stage.document(CLOSE_SHIFT, {1097: 3, 1098: ago(5)}, fd=20)
    stage.document(REGISTRATION, {1213: 400}, fd=1, fn=OTHER_FN)
    stage.document(CLOSE_SHIFT, {1097: 2, 1098: ago(1)}, fd=9, fn=OTHER_FN)
    assert stage.open(RULE) == [(RULE, "3d"), (RULE, "1d")]
    stage.wait(days(5))
    assert stage.open(RULE) == [(RULE, "10d"), (RULE, "3d")]
    stage.step(FnDetached(at=stage.now, fn=FN))
    assert stage.open(RULE) == [(RULE, "3d")]


def test_days_of_a_register_without_shift_reports_are_bounded() -> None:
    stage = Stage().begin()
    for _ in range(100):
        stage.now += days(1)
        stage.document(RECEIPT)
    assert len(stage.fn.runs) == 40
    assert stage.fn.runs[-1].day == stage.now.astimezone(MOSCOW).date()
    stage.document(CLOSE_SHIFT, {1097: 0})
    assert len(stage.fn.runs) == 2
