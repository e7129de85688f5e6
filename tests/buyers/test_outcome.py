"""What answers to the parts of a message lead to."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ofd_gateway.alerts.letters import RetryParameters
from ofd_gateway.buyers.outcome import Fate, PartAnswer, SmsOutcome, after_answers, orphan_fate

RETRY = RetryParameters(first=timedelta(seconds=30), longest=timedelta(hours=1), attempts=3)
OK = PartAnswer(part=1, status=0, message_id="a")
THROTTLED = PartAnswer(part=2, status=0x58)
FULL = PartAnswer(part=2, status=0x14)
SYSTEM = PartAnswer(part=2, status=0x08)
SOURCE = PartAnswer(part=2, status=0x0A)
DESTINATION = PartAnswer(part=2, status=0x0B)
LOST = PartAnswer(part=2, detail="no answer")
UNSENT = PartAnswer(part=2, written=False, detail="lost")


def fate(*answers: PartAnswer, attempts: int = 1, resend_unknown: bool = True) -> Fate:
    return after_answers(answers, attempts=attempts, retry=RETRY, resend_unknown=resend_unknown, draw=0.0)


@pytest.mark.parametrize(
    ("answers", "outcome", "seconds", "counts"),
    [
        ([OK], SmsOutcome.SENT, None, True),
        ([], SmsOutcome.SENT, None, True),
        ([OK, THROTTLED], SmsOutcome.THROTTLED, 1, False),
        ([FULL], SmsOutcome.THROTTLED, 1, False),
        ([OK, SYSTEM], SmsOutcome.DEFERRED, 30, True),
        ([SOURCE], SmsOutcome.DEFERRED, 30, True),
        ([OK, DESTINATION], SmsOutcome.REFUSED, None, True),
        ([OK, LOST], SmsOutcome.UNKNOWN, 30, True),
        ([LOST, DESTINATION], SmsOutcome.REFUSED, None, True),
        ([UNSENT], SmsOutcome.NOT_SENT, 1, False),
    ],
)
def test_the_worst_answer_decides(
    answers: list[PartAnswer], outcome: SmsOutcome, seconds: int | None, counts: bool
) -> None:
    found = fate(*answers)
    pause = None if seconds is None else timedelta(seconds=seconds)
    assert (found.outcome, found.pause, found.counts) == (outcome, pause, counts)


def test_pauses_grow_and_end() -> None:
    assert fate(SYSTEM, attempts=2).pause == timedelta(seconds=60)
    given_up = fate(SYSTEM, attempts=3)
    assert (given_up.outcome, given_up.pause, given_up.code) == (SmsOutcome.GIVEN_UP, None, 0x08)
    assert fate(LOST, attempts=3).outcome is SmsOutcome.GIVEN_UP


def test_slowness_is_never_given_up() -> None:
    assert fate(THROTTLED, attempts=1000).pause is not None
    assert fate(UNSENT, attempts=1000).pause is not None


def test_only_our_settings_are_ours() -> None:
    assert fate(SOURCE).ours
    assert not fate(SYSTEM).ours


def test_an_unknown_outcome_may_be_final() -> None:
    found = fate(LOST, resend_unknown=False)
    assert (found.outcome, found.pause) == (SmsOutcome.UNKNOWN, None)
    orphan = orphan_fate(attempts=1, retry=RETRY, resend_unknown=False, draw=0.0)
    assert (orphan.outcome, orphan.pause) == (SmsOutcome.UNKNOWN, None)


def test_what_a_dead_process_had_in_hand_is_sent_again() -> None:
    orphan = orphan_fate(attempts=2, retry=RETRY, resend_unknown=True, draw=0.0)
    assert (orphan.outcome, orphan.pause) == (SmsOutcome.UNKNOWN, timedelta(seconds=60))


def test_what_was_said_is_kept() -> None:
    assert fate(OK, PartAnswer(part=2, status=0, message_id="b")).reply == "a, b"
    assert (fate(DESTINATION).code, fate(DESTINATION).reply) == (0x0B, "ESME_RINVDSTADR (0xb)")
