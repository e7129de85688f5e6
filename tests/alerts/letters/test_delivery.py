"""What an answer of the mail server leads to, and when a letter is tried again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ofd_gateway.alerts.letters import RetryParameters, pause_after
from ofd_gateway.alerts.letters.delivery import Delivery, DeliveryOutcome, after_failure

RETRY = RetryParameters(first=timedelta(seconds=30), longest=timedelta(hours=1), attempts=3)


def judged(stage: str, code: int | None, reply: str = "no", attempts: int = 1) -> Delivery:
    return after_failure(
        stage=stage,
        code=code,
        reply=reply,
        permanent=code is not None and code >= 500,
        attempts=attempts,
        retry=RETRY,
        draw=0.0,
    )


@pytest.mark.parametrize(
    ("stage", "code", "reply", "outcome", "ours"),
    [
        ("recipient", 550, "5.1.1 no such user", DeliveryOutcome.ADDRESS_DEAD, False),
        ("recipient", 551, "not here", DeliveryOutcome.ADDRESS_DEAD, False),
        ("recipient", 553, "not allowed", DeliveryOutcome.ADDRESS_DEAD, False),
        ("recipient", 554, "5.7.1 relay access denied", DeliveryOutcome.DEFERRED, True),
        ("recipient", 530, "authenticate first", DeliveryOutcome.DEFERRED, True),
        ("recipient", 450, "busy", DeliveryOutcome.DEFERRED, False),
        ("data", 552, "too big", DeliveryOutcome.REFUSED, False),
        ("data", 554, "5.7.1 spam", DeliveryOutcome.REFUSED, False),
        ("data", None, "connection lost", DeliveryOutcome.DEFERRED, False),
        ("auth", 535, "wrong", DeliveryOutcome.DEFERRED, True),
        ("sender", 553, "not yours", DeliveryOutcome.DEFERRED, True),
        ("connect", 554, "go away", DeliveryOutcome.DEFERRED, True),
        ("connect", None, "refused", DeliveryOutcome.DEFERRED, False),
    ],
)
def test_answers(stage: str, code: int | None, reply: str, outcome: DeliveryOutcome, ours: bool) -> None:
    delivery = judged(stage, code, reply)
    assert (delivery.outcome, delivery.ours, delivery.code, delivery.reply) == (outcome, ours, code, reply)
    assert (delivery.pause is not None) == (outcome is DeliveryOutcome.DEFERRED)


def test_the_last_attempt() -> None:
    assert judged("connect", None, attempts=2).outcome is DeliveryOutcome.DEFERRED
    assert judged("connect", None, attempts=3).outcome is DeliveryOutcome.GIVEN_UP


@pytest.mark.parametrize(("attempts", "seconds"), [(1, 30), (2, 60), (3, 120), (7, 1920), (8, 3600), (10_000, 3600)])
def test_pauses_double_up_to_the_longest(attempts: int, seconds: int) -> None:
    assert pause_after(attempts, RETRY, 0.0) == timedelta(seconds=seconds)


def test_pauses_are_spread() -> None:
    assert pause_after(1, RETRY, 1.0) == timedelta(seconds=24)


def test_a_certificate_is_for_a_person_to_mend() -> None:
    delivery = after_failure(
        stage="tls", code=None, reply="certificate", permanent=True, attempts=1, retry=RETRY, draw=0.0
    )
    assert (delivery.outcome, delivery.ours) == (DeliveryOutcome.DEFERRED, True)
