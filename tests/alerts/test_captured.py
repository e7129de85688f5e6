"""Captured documents of real registers go through the engine without a failure, and say what they say."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from ofd_gateway.alerts import DocumentAccepted, Parameters, register_state, step
from ofd_gateway.alerts.facts import FnFacts, RegisterFacts
from ofd_gateway.ffd import decode
from tests.alerts.scene import days

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)


def seen(reference: Path, name: str, at: datetime = NOW) -> tuple[RegisterFacts, FnFacts]:
    document = decode(bytes.fromhex((reference / "ffd" / "examples" / f"{name}.tlv.hex").read_text()))
    assert document.fn is not None
    assert document.fd is not None
    event = DocumentAccepted(at=at, fn=document.fn, fd=document.fd, document=document)
    result = step(register_state(), event, at, Parameters())
    assert result.failures == ()
    facts = result.state.facts
    assert isinstance(facts, RegisterFacts)
    assert facts.fn is not None
    return facts, facts.fn


@pytest.mark.parametrize(
    "name", ["receipt_1.05_2018-10_market", "receipt_1.0_2017-08_leroy", "receipt_1.0_2018-05_x5_rounded_total"]
)
def test_receipts_are_life_and_open_a_shift(reference: Path, name: str) -> None:
    facts, fn = seen(reference, name)
    assert facts.last_receipt_at == NOW
    assert (facts.late_documents, facts.came_late) == (1, True)
    assert fn.shift is not None
    assert fn.shift.open
    assert (facts.registration_number or "").isdigit()


def test_a_registration_of_format_1_2_names_its_key_resource(reference: Path) -> None:
    facts, fn = seen(reference, "reregistration_1.2_2024_mcublog", datetime(2024, 5, 20, 12, 0, tzinfo=UTC))
    assert (fn.ffd, fn.first_fd, facts.autonomous) == ("1.2", 1, False)
    assert fn.key_life is not None
    assert fn.key_life.days == 410
    assert fn.activated_at is not None
    assert fn.key_life.expires_at == fn.activated_at + days(410)


def test_a_registration_of_2016_dates_its_fn(reference: Path) -> None:
    _, fn = seen(reference, "registration_1.0_2016_yandex_test", datetime(2016, 9, 20, 12, 0, tzinfo=UTC))
    assert (fn.key_life, fn.ffd) == (None, "1.0")
    assert fn.activated_at is not None
