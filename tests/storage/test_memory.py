"""Transactions out of what the connection remembers, on every server at hand."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import asyncpg
import pytest

from ofd_gateway.alerts import Parameters
from ofd_gateway.alerts.notices import NoticeParameters
from ofd_gateway.alerts.parameters import FnFillingParameters
from ofd_gateway.ledger import FnState, Verdict
from ofd_gateway.storage import Directory, Outboxes, StoreFailed, Watching, commit
from ofd_gateway.storage.commit import CommitConnection
from ofd_gateway.storage.memory import Memory
from tests.faults.proxy import PREPARED, Fault, fault_proxy
from tests.messages import DEBUG_FN, PLAIN_FN, document_body, tlv
from tests.storage.arrivals import NOW, arrival, ledger, value

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ofd_gateway.ledger import Arrival, BatchDecision
    from ofd_gateway.storage.watches import WatchOutcome

OTHER_FN = "8710000100000002"
STORED = "SELECT count(*) FROM documents"


class Writer:
    """A connection of the intake, and how often it had to read."""

    def __init__(self, dsn: str, *, timeout_s: float = 10.0, outboxes: Outboxes = commit.NO_OUTBOXES) -> None:
        self.outcomes: list[WatchOutcome] = []
        parameters = Parameters(fn_filling=FnFillingParameters(capacity=10))
        watching = Watching(Directory(parameters, NoticeParameters()), self.outcomes.append)
        self.commits = CommitConnection(dsn, timeout_s=timeout_s, watching=watching, outboxes=outboxes)
        self.read = 0
        from_rows = self.commits._from_rows

        async def counted(*arguments: object) -> object:
            self.read += 1
            return await from_rows(*arguments)  # type: ignore[arg-type]

        self.commits._from_rows = counted  # type: ignore[method-assign,assignment]

    async def store(self, *arrivals: Arrival) -> BatchDecision:
        return await self.commits.commit(arrivals, ledger(), arrivals[-1].received_at)

    async def verdicts(self, *arrivals: Arrival) -> list[Verdict]:
        return [decision.verdict for decision in (await self.store(*arrivals)).decisions]


@asynccontextmanager
async def writer(
    dsn: str, *, timeout_s: float = 10.0, outboxes: Outboxes = commit.NO_OUTBOXES
) -> AsyncIterator[Writer]:
    one = Writer(dsn, timeout_s=timeout_s, outboxes=outboxes)
    try:
        yield one
    finally:
        await one.commits.close()


def receipt(fd: int, fn: str = PLAIN_FN, *, version: bytes = b"\x02") -> Arrival:
    body = document_body(fn, fd).replace(tlv(1209, b"\x02"), tlv(1209, version))
    if fn == OTHER_FN:
        body = body.replace(b"0000000000024136", b"0000000000099999")
    return arrival(fn, fd, body=body, received_at=NOW + timedelta(seconds=fd))


async def states(dsn: str) -> list[tuple[object, ...]]:
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch("SELECT fn, max_fd, last_received_at FROM fn_states ORDER BY fn")
    await connection.close()
    return [tuple(row) for row in rows]


async def test_documents_of_known_fns_are_stored_without_reading(dsn: str) -> None:
    async with writer(dsn) as one:
        await one.store(receipt(1), receipt(1, OTHER_FN))
        await one.store(receipt(2), receipt(2, OTHER_FN))
        assert one.read == 2
        await one.store(receipt(3), receipt(4))
        await one.store(receipt(5), receipt(3, OTHER_FN))
        assert one.read == 2
    assert await value(dsn, STORED) == 8
    assert await states(dsn) == [
        (PLAIN_FN, 5, NOW + timedelta(seconds=5)),
        (OTHER_FN, 3, NOW + timedelta(seconds=3)),
    ]
    assert await value(dsn, "SELECT count(*) FROM watches") == 2


@pytest.mark.parametrize("outboxes", [Outboxes(fns=True), Outboxes(buyers=True), Outboxes(fns=True, buyers=True)])
async def test_the_legs_find_what_was_stored_without_reading(dsn: str, outboxes: Outboxes) -> None:
    with_contact = arrival(PLAIN_FN, 3, body=document_body(PLAIN_FN, 3, t1008=b"i@example.com"))
    async with writer(dsn, outboxes=outboxes) as one:
        await one.store(receipt(1))
        await one.store(receipt(2))
        await one.store(with_contact, receipt(4))
        assert one.read == 2
    assert await value(dsn, "SELECT count(*) FROM fns_queue") == (4 if outboxes.fns else 0)
    assert await value(dsn, "SELECT count(*) FROM buyer_queue") == (1 if outboxes.buyers else 0)


async def test_a_repeat_and_a_conflict_are_seen(dsn: str) -> None:
    async with writer(dsn) as one:
        await one.store(receipt(1))
        await one.store(receipt(2))
        assert await one.verdicts(receipt(2)) == [Verdict.REPEATED]
        assert await one.verdicts(receipt(3), receipt(3), arrival(fd=3, sign=b"other!")) == [
            Verdict.ACCEPTED,
            Verdict.REPEATED,
            Verdict.CONFLICT,
        ]
        assert await one.verdicts(receipt(4)) == [Verdict.ACCEPTED]
    assert await value(dsn, STORED) == 4
    assert await value(dsn, "SELECT count(*) FROM quarantine") == 1


async def test_what_another_process_wrote_is_not_overwritten(dsn: str) -> None:
    async with writer(dsn) as one, writer(dsn) as other:
        await one.store(receipt(1))
        await one.store(receipt(2))
        await other.store(receipt(3))
        await other.store(receipt(4))
        assert await one.verdicts(receipt(3)) == [Verdict.REPEATED]
        assert await one.verdicts(receipt(5)) == [Verdict.ACCEPTED]
        assert await other.verdicts(receipt(5), receipt(6)) == [Verdict.REPEATED, Verdict.ACCEPTED]
    assert await value(dsn, STORED) == 6
    assert await value(dsn, "SELECT max_fd FROM fn_states") == 6


async def test_an_fn_that_others_write_too_is_read_before_it_is_written(dsn: str) -> None:
    async with writer(dsn) as one, writer(dsn) as other:
        for fd in range(1, 41, 2):
            await one.store(receipt(fd))
            await other.store(receipt(fd + 1))
        assert {one.read, other.read} == {20}
    assert await value(dsn, STORED) == 40


async def test_a_message_left_for_the_fn_is_told_at_once(dsn: str) -> None:
    async with writer(dsn) as one:
        await one.store(receipt(1, version=b"\x04"))
        await one.store(receipt(2, version=b"\x04"))
        connection = await asyncpg.connect(dsn)
        await connection.execute("UPDATE fn_states SET pending_message = 4")
        await connection.close()
        told = [
            decision.operator_message
            for fd in (3, 4)
            for decision in (await one.store(receipt(fd, version=b"\x04"))).decisions
        ]
    assert told == [4, 0]


async def test_an_alert_is_found_by_a_document_that_needed_no_reading(dsn: str) -> None:
    async with writer(dsn) as one:
        for fd in range(1, 10):
            await one.store(receipt(fd))
    found = [finding.change.rule for outcome in one.outcomes for finding in outcome.findings]
    assert found == ["fn_filling", "fn_filling"]
    assert await value(dsn, "SELECT level FROM alerts") == "90"
    assert one.read < 9


async def test_a_debug_fn_that_starts_again_is_read(dsn: str) -> None:
    registration = {"code": 1, "body": document_body(DEBUG_FN, 1, code=1)}
    async with writer(dsn) as one:
        await one.store(arrival(DEBUG_FN, 1, **registration))  # type: ignore[arg-type]
        await one.store(arrival(DEBUG_FN, 2))
        await one.store(arrival(DEBUG_FN, 1, sign=b"again!", **registration))  # type: ignore[arg-type]
        (decision,) = (await one.store(arrival(DEBUG_FN, 2, sign=b"anew!!"))).decisions
    assert (decision.verdict, decision.generation) == (Verdict.ACCEPTED, 1)


@pytest.mark.faults
@pytest.mark.parametrize(("fault", "stored"), [(Fault.CUT_BEFORE, False), (Fault.CUT_AFTER, True)])
async def test_a_lost_answer_leaves_the_outcome_unknown(dsn: str, fault: Fault, stored: bool) -> None:
    async with fault_proxy(dsn, ending=PREPARED) as proxy, writer(proxy.dsn, timeout_s=1.0) as one:
        for fd in (1, 2, 3):
            await one.store(receipt(fd))
        read = one.read
        proxy.strike_next(fault)
        with pytest.raises(StoreFailed) as caught:
            await one.store(receipt(4))
        assert (caught.value.committed, one.read) == ("unknown", read)
        (verdict,) = await one.verdicts(receipt(4))
        assert verdict is (Verdict.REPEATED if stored else Verdict.ACCEPTED)
        assert one.read == read + 1
    assert await value(dsn, STORED) == 4


def test_a_memory_that_is_full_forgets_the_oldest() -> None:
    memory = Memory(capacity=2)
    for number in range(3):
        memory.keep([FnState(fn=str(number))], [], written_by=number)
    assert memory.take_states(["0"]) is None
    assert memory.take_states(["1", "0"]) is None
    known = memory.take_states(["1", "2"])
    assert known is not None
    assert [one.written_by for one in known.values()] == [1, 2]


def test_caution_grows_with_each_surprise() -> None:
    memory = Memory()
    kept = []
    for _ in range(4):
        memory.mistrust(["1"])
        tries = 0
        while memory.take_states(["1"]) is None:
            memory.keep([FnState(fn="1")], [], written_by=1)
            tries += 1
        kept.append(tries)
    assert kept == [2, 3, 5, 9]
