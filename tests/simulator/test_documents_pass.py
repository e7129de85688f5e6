"""What the simulator sends is right by the project's own format-logical checks: every format, every kind of shop."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from ofd_gateway.ffd import decode
from ofd_gateway.ffd.checks import CheckPolicy, advance, check, check_sequence
from ofd_gateway.simulator import Endpoint, Ffd, FleetOrder, Plan
from ofd_gateway.simulator.fleet import deal_tills

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ofd_gateway.ffd import Document
    from ofd_gateway.ffd.checks import SequenceFacts
    from ofd_gateway.simulator.till import Till

MORNING = datetime(2026, 3, 2, 6, 30, tzinfo=UTC)
PLAN = Plan(receipts=45, receipts_per_shift=20, correction_every=10, reregister_every_shifts=1, closes_archive=True)
ORDER = FleetOrder(endpoint=Endpoint(host="127.0.0.1", port=1), registers=24, plan=PLAN)


class StillClock:
    def now(self) -> datetime:
        return MORNING


def tills(ffd: Ffd) -> list[Till]:
    return deal_tills(replace(ORDER, ffd_mix=(ffd,)), StillClock())


def documents(till: Till, ffd: Ffd) -> Iterator[tuple[Document, datetime]]:
    """The register's whole life, a document every half an hour, a third of them confirmed late."""
    now = MORNING
    while True:
        issued = till.issue_next(now)
        if issued is None:
            if till.fn.oldest is None:
                return
            while (oldest := till.fn.oldest) is not None:
                till.fn.confirm(oldest.fd)
            continue
        if issued.fd % 3 == 0:
            while (oldest := till.fn.oldest) is not None:
                till.fn.confirm(oldest.fd)
        yield decode(issued.container[32:-10], version_hint=ffd.value), now
        now += timedelta(minutes=30)


@pytest.mark.parametrize("ffd", Ffd)
def test_no_document_is_told_an_error_or_a_warning(ffd: Ffd) -> None:
    told: Counter[tuple[str, str, str]] = Counter()
    kinds = set()
    for till in tills(ffd):
        for document, now in documents(till, ffd):
            kinds.add(document.kind)
            assert document.ffd == ffd.value
            told.update((document.kind, found.rule, found.path) for found in check(document, now=now))

    assert told == {}
    assert kinds == {
        "fiscalReport",
        "fiscalReportCorrection",
        "openShift",
        "receipt",
        "receiptCorrection",
        "bso",
        "bsoCorrection",
        "currentStateReport",
        "closeShift",
        "closeArchive",
    }


@pytest.mark.parametrize("ffd", Ffd)
def test_no_sequence_is_told_a_warning(ffd: Ffd) -> None:
    told: Counter[tuple[str, str, str]] = Counter()
    policy = CheckPolicy()
    for till in tills(ffd):
        facts: SequenceFacts | None = None
        for document, _ in documents(till, ffd):
            told.update(
                (document.kind, found.rule, found.path) for found in check_sequence(document, facts, policy=policy)
            )
            facts = advance(facts, document)

    assert told == {}


@pytest.mark.parametrize("ffd", Ffd)
def test_every_document_reads_back_byte_for_byte(ffd: Ffd) -> None:
    for till in tills(ffd)[:3]:
        for document, _ in documents(till, ffd):
            assert document.encode() == document.raw
            assert document.fn == till.fn.number
            assert document.user_inn == till.identity.user_inn
            assert document.registration_number == till.identity.registration_number
