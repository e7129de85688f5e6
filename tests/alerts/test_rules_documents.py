"""`fns_rejected`, `fd_gap`, `fd_conflict`: documents refused, missing and contradicting."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofd_gateway.alerts import ConflictSeen, ConflictSettled, FnsQueueMoved, FnsRefused
from ofd_gateway.alerts.facts.numbering import MAX_GAPS, Gap, gaps_after
from ofd_gateway.alerts.model import EndReason
from tests.alerts.scene import FN, OTHER_FN, RECEIPT, REGISTRATION, START, Stage, days, hours, minutes

REJECTED, GAP, CONFLICT = "fns_rejected", "fd_gap", "fd_conflict"


def refuse(stage: Stage, code: str = "507", text: str = "", fd: int = 3) -> None:
    stage.step(FnsRefused(at=stage.now, fn=FN, fd=fd, code=code, text=text))


def queue(stage: Stage, queued: int, *, accepted: bool = True) -> None:
    oldest = stage.now if queued else None
    stage.step(FnsQueueMoved(at=stage.now, queued=queued, oldest_queued_at=oldest, accepted=accepted))


def test_the_first_refusal_and_the_tenth_of_one_day() -> None:
    stage = Stage().begin()
    for fd in range(1, 15):
        refuse(stage, text="сумма не сходится" if fd == 1 else "", fd=fd)
        stage.now += minutes(1)
    assert stage.told(REJECTED) == [("opened", "first"), ("raised", "10")]
    opened, raised = stage.changes(REJECTED)
    assert (opened.facts["code"], opened.facts["text"], opened.facts["documents"]) == ("507", "сумма не сходится", 1)
    assert (raised.facts["documents"], raised.facts["fd"], raised.facts["text"]) == (10, 10, "сумма не сходится")
    assert stage.facts.rejections[0].count == 14


def test_each_code_and_each_local_day_is_its_own_episode() -> None:
    stage = Stage().begin()
    refuse(stage, "507")
    refuse(stage, "420")
    stage.now += hours(13)  # 23:00 in Moscow
    refuse(stage, "507")
    stage.now += hours(1)
    refuse(stage, "507")
    assert [change.episode for change in stage.changes(REJECTED)] == [
        "fns:507:2026-03-02",
        "fns:420:2026-03-02",
        "fns:507:2026-03-03",
    ]


@pytest.mark.parametrize(("queued", "accepted", "resolved"), [(0, True, True), (1, True, False), (0, False, False)])
def test_resolved_once_the_queue_is_empty_and_the_last_was_accepted(
    queued: int, accepted: bool, resolved: bool
) -> None:
    stage = Stage().begin()
    refuse(stage)
    queue(stage, queued, accepted=accepted)
    assert stage.open(REJECTED) == ([] if resolved else [(REJECTED, "first")])


def test_refusals_that_begin_anew_on_the_same_day_are_told_at_the_tenth() -> None:
    stage = Stage().begin()
    for _ in range(3):
        refuse(stage)
        queue(stage, 0)
    assert stage.told(REJECTED) == [("opened", "first"), ("resolved", "first")]
    for _ in range(7):
        refuse(stage)
    assert stage.told(REJECTED)[2:] == [("opened", "10")]


def test_a_queue_that_waits_raises_what_is_open() -> None:
    stage = Stage().begin()
    queue(stage, 5)
    stage.now += hours(1)
    refuse(stage)
    stage.wait(hours(23))
    assert stage.told(REJECTED) == [("opened", "first"), ("raised", "24h")]
    assert [change.at for change in stage.changes(REJECTED)] == [START + hours(1), START + hours(24)]
    queue(stage, 0)
    assert stage.open(REJECTED) == []


def test_a_queue_that_waits_without_a_refusal() -> None:
    stage = Stage().begin()
    queue(stage, 5)
    stage.wait(hours(24))
    (opened,) = stage.changes(REJECTED)
    assert (opened.level.name, opened.facts["source"], opened.facts["queued"]) == ("24h", "queue", 5)
    stage.wait(hours(-3))
    assert stage.open(REJECTED) == [(REJECTED, "24h")]
    stage.now += hours(4)
    refuse(stage)
    assert [(c.kind.value, c.end_reason) for c in stage.changes(REJECTED)[1:]] == [
        ("resolved", EndReason.SUPERSEDED),
        ("opened", None),
    ]


@pytest.mark.parametrize("code", [11, 14])
def test_our_own_negative_confirmations_count(code: int) -> None:
    stage = Stage().begin()
    stage.document(RECEIPT, response_code=code)
    (opened,) = stage.changes(REJECTED)
    assert (opened.facts["source"], opened.facts["code"], opened.facts["fd"]) == ("operator", str(code), 4)
    queue(stage, 0)
    assert stage.open(REJECTED) == [(REJECTED, "first")]
    stage.document(RECEIPT)
    stage.document(RECEIPT)
    assert stage.told(REJECTED) == [("opened", "first"), ("resolved", "first")]


def test_an_accepted_document_does_not_settle_what_the_tax_service_refused() -> None:
    stage = Stage().begin()
    refuse(stage)
    stage.document(RECEIPT)
    assert stage.open(REJECTED) == [(REJECTED, "first")]


def test_tallies_are_bounded_and_settled_ones_of_other_days_forgotten() -> None:
    stage = Stage().begin()
    for code in range(40):
        refuse(stage, str(code))
    assert [tally.code for tally in stage.facts.rejections] == [str(code) for code in range(24, 40)]
    queue(stage, 0)
    stage.now += days(1)
    refuse(stage, "507")
    assert [tally.code for tally in stage.facts.rejections] == ["507"]


def test_a_missing_number_is_a_gap_after_ten_minutes() -> None:
    stage = Stage().begin()
    stage.document(RECEIPT, fd=7)
    stage.wait(minutes(9))
    assert stage.told(GAP) == []
    stage.wait(minutes(1))
    (opened,) = stage.changes(GAP)
    assert (opened.facts["first_fd"], opened.facts["last_fd"], opened.facts["missing"]) == (4, 6, 3)
    assert (opened.type.value, opened.subject.id, opened.episode) == ("operator", FN, f"{FN}:4")
    for fd in (5, 4, 6):
        stage.document(RECEIPT, fd=fd)
    assert stage.told(GAP) == [("opened", "gap"), ("resolved", "gap")]


def test_numbers_that_only_overtook_each_other_are_no_gap() -> None:
    stage = Stage().begin()
    stage.document(RECEIPT, fd=6)
    stage.document(RECEIPT, fd=5)
    stage.document(RECEIPT, fd=4)
    stage.document(RECEIPT, fd=7)
    stage.wait(hours(1))
    assert stage.told(GAP) == []


def test_an_fn_first_seen_in_mid_life_has_no_gap_below() -> None:
    stage = Stage()
    stage.document(RECEIPT, fd=5000)
    stage.wait(hours(1))
    stage.document(RECEIPT, fd=4000)
    assert stage.fn.gaps == ()


def test_a_gap_of_an_fn_that_was_taken_out_can_still_be_filled() -> None:
    stage = Stage().begin()
    stage.document(RECEIPT, fd=5)
    stage.document(REGISTRATION, {1213: 400}, fd=1, fn=OTHER_FN)
    stage.wait(minutes(10))
    assert stage.open(GAP) == [(GAP, "gap")]
    stage.document(RECEIPT, fd=4, fn=FN)
    assert stage.open(GAP) == []
    assert stage.fn.number == OTHER_FN


@given(st.permutations(range(2, 90)))
def test_gaps_count_exactly_what_is_missing_and_close_when_all_came(order: list[int]) -> None:
    gaps: tuple[Gap, ...] = ()
    largest, came = 1, {1}
    for fd in order:
        gaps = gaps_after(gaps, largest, fd, START)
        largest = max(largest, fd)
        came.add(fd)
        assert sum(gap.left for gap in gaps) == largest - len(came)
        assert len(gaps) <= MAX_GAPS
        assert all(first.last_fd < second.first_fd for first, second in pairwise(gaps))
    assert gaps == ()


def test_more_gaps_than_are_kept_widen_the_last_one() -> None:
    gaps: tuple[Gap, ...] = ()
    for fd in range(2, 202, 2):
        gaps = gaps_after(gaps, fd - 2, fd, START)
    assert len(gaps) == MAX_GAPS
    assert gaps[-1] == Gap(2 * MAX_GAPS - 1, 199, 100 - MAX_GAPS + 1, START)


def test_a_conflict_is_told_to_operator_and_customer_and_stays_until_settled() -> None:
    stage = Stage().begin()
    for _ in range(2):
        stage.step(ConflictSeen(at=stage.now, fn=FN, fd=2))
    (opened,) = stage.changes(CONFLICT)
    assert (opened.type.value, opened.episode, opened.facts["fd"]) == ("operator", f"{FN}:2", 2)
    assert stage.open(REJECTED) == [(REJECTED, "first")]
    assert stage.changes(REJECTED)[0].facts["code"] == "11"
    stage.wait(days(400))
    assert stage.open(CONFLICT) == [(CONFLICT, "conflict")]
    stage.step(ConflictSettled(at=stage.now, fn=OTHER_FN, fd=2))
    assert stage.open(CONFLICT) == [(CONFLICT, "conflict")]
    stage.step(ConflictSettled(at=stage.now, fn=FN, fd=2))
    assert stage.told(CONFLICT) == [("opened", "conflict"), ("resolved", "conflict")]


def test_conflicts_are_bounded() -> None:
    stage = Stage().begin()
    stage.document(REGISTRATION, {1213: 400}, fd=1, fn=OTHER_FN)
    for fd in range(1, 40):
        stage.step(ConflictSeen(at=stage.now, fn=OTHER_FN, fd=fd))
    assert [conflict.fd for conflict in stage.fn.conflicts] == list(range(8, 40))
