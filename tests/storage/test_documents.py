"""Documents stored by the intake's transaction and read back, on every server at hand."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import asyncpg
import msgspec
import pytest

from ofd_gateway.ffd.checks import Severity, Violation
from ofd_gateway.ledger import BatchDecision, FnState, Verdict
from ofd_gateway.storage import DatabaseUnavailable, StoreFailed
from tests.messages import DEBUG_FN, PLAIN_FN, container, document_body
from tests.storage.arrivals import NOW, arrival, ledger, opened, quarantine_row, value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from ofd_gateway.ledger import Arrival, DocumentKey, StoredDocument
    from ofd_gateway.storage import DocumentRecord, DocumentStore

OTHER_FN = "8710000100000002"


async def listed(store: DocumentStore, **filters: object) -> list[tuple[str, int, int]]:
    return [(one.fn, one.generation, one.fd) async for one in store.list(**filters)]  # type: ignore[arg-type]


async def test_a_document_is_there_byte_for_byte_with_its_answer(dsn: str) -> None:
    violation = Violation(
        rule="R-P1", severity=Severity.ERROR, path="receipt", tag=1, offset=2, found="a\0b", expected="c"
    )
    async with opened(dsn) as store:
        batch = await store.commit([arrival(violations=(violation,))], ledger(), NOW)
        (decision,) = batch.decisions
        record = await store.get(PLAIN_FN, 1)
    assert record is not None
    assert record.container == container(PLAIN_FN, 1)
    assert (record.fn, record.generation, record.fd, record.document_code, record.ffd) == (PLAIN_FN, 0, 1, 3, "1.05")
    assert (record.response_code, record.operator_message) == (14, 0)
    assert (record.operator_sign, record.trailer) == (decision.signs.operator_sign, decision.signs.trailer)
    assert record.received_at == NOW
    assert record.issued_at_local == arrival().document.issued_at_local
    assert (record.registration_number, record.user_inn) == ("0000000000024136", "7802781104")
    assert (record.total_kopecks, record.shift_number, record.peer) == (12345, 1, "192.0.2.1:40000")
    assert record.session_version == b"\x01\x05"
    assert record.violations is not None
    assert (msgspec.json.decode(record.violations)[0]["rule"], "a\ufffdb" in record.violations) == ("R-P1", True)


async def test_the_state_of_the_fn_goes_with_its_documents(dsn: str) -> None:
    async with opened(dsn) as store:
        await store.commit([arrival(fd=5), arrival(OTHER_FN, 2)], ledger(), NOW)
        await store.commit([arrival(fd=6, received_at=NOW + timedelta(seconds=1))], ledger(), NOW)
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch(
        "SELECT fn, generation, max_fd, user_inn, last_received_at FROM fn_states ORDER BY fn"
    )
    await connection.close()
    assert [tuple(row) for row in rows] == [
        (PLAIN_FN, 0, 6, "7802781104", NOW + timedelta(seconds=1)),
        (OTHER_FN, 0, 2, "7802781104", NOW),
    ]


async def test_a_repeat_gets_the_stored_answer_and_stores_nothing(dsn: str) -> None:
    async with opened(dsn) as store:
        first = await store.commit([arrival()], ledger(), NOW)
        again = await store.commit([arrival(received_at=NOW + timedelta(days=1))], ledger(), NOW)
        (one,), (two,) = first.decisions, again.decisions
        assert (two.verdict, two.signs, two.response_code) == (Verdict.REPEATED, one.signs, one.response_code)
        assert again.documents == again.states == []
        assert await listed(store) == [(PLAIN_FN, 0, 1)]


async def test_other_content_under_the_same_number_goes_into_quarantine(dsn: str) -> None:
    other = arrival(body=document_body(PLAIN_FN, 1, total_kopecks=1), sign=b"other!")
    async with opened(dsn) as store:
        await store.commit([arrival()], ledger(), NOW)
        (decision,) = (await store.commit([other], ledger(), NOW)).decisions
        (kept,) = await store.list_quarantine(fn=PLAIN_FN)
        record = await store.get(PLAIN_FN, 1)
    assert decision.verdict is Verdict.CONFLICT
    assert (kept.fd, kept.reason, kept.raw) == (1, "fd_conflict", other.container.raw)
    assert record is not None
    assert record.container == container(PLAIN_FN, 1)


async def test_a_debug_fn_that_starts_again_opens_a_generation(dsn: str) -> None:
    async with opened(dsn) as store:
        await store.commit([arrival(DEBUG_FN, 1, code=1), arrival(DEBUG_FN, 2)], ledger(), NOW)
        await store.commit([arrival(DEBUG_FN, 1, code=1, sign=b"second")], ledger(), NOW + timedelta(hours=1))
        assert await listed(store) == [(DEBUG_FN, 0, 1), (DEBUG_FN, 0, 2), (DEBUG_FN, 1, 1)]
        latest, first = await store.get(DEBUG_FN, 1), await store.get(DEBUG_FN, 1, 0)
        assert latest is not None
        assert first is not None
        assert (latest.generation, first.generation) == (1, 0)
        assert await store.get(DEBUG_FN, 2, 1) is None


async def test_two_processes_agree_on_one_winner(dsn: str) -> None:
    async with opened(dsn) as one, opened(dsn) as two:
        for fd in range(1, 6):
            batches = await asyncio.gather(
                *(store.commit([arrival(fd=fd), arrival(OTHER_FN, fd)], ledger(), NOW) for store in (one, two, one))
            )
            verdicts = [decision.verdict.value for batch in batches for decision in batch.decisions]
            assert sorted(verdicts) == ["accepted"] * 2 + ["repeated"] * 4
        assert len(await listed(one, limit=0)) == 10


async def test_a_large_batch_of_many_registers(dsn: str) -> None:
    fns = [f"{8710000100000000 + number:016d}" for number in range(500)]
    async with opened(dsn) as store:
        batch = await store.commit([arrival(fn, 1) for fn in reversed(fns)], ledger(), NOW)
        assert len(batch.documents) == 500
        assert await listed(store, limit=0) == [(fn, 0, 1) for fn in fns]
        assert await listed(store, limit=3) == [(fn, 0, 1) for fn in fns[-3:]]


async def test_documents_are_listed_by_register_kind_and_time(dsn: str) -> None:
    async with opened(dsn) as store:
        for fd, code in enumerate((1, 2, 3, 3, 5), start=1):
            await store.commit([arrival(fd=fd, code=code, received_at=NOW + timedelta(minutes=fd))], ledger(), NOW)
        await store.commit([arrival(OTHER_FN, 1, received_at=NOW + timedelta(hours=1))], ledger(), NOW)
        for limit in (0, 100):
            assert [fd for _, _, fd in await listed(store, fn=PLAIN_FN, limit=limit)] == [1, 2, 3, 4, 5]
            assert [fd for _, _, fd in await listed(store, fn=PLAIN_FN, codes=(3, 5), limit=limit)] == [3, 4, 5]
            since = NOW + timedelta(minutes=5)
            assert await listed(store, since=since, limit=limit) == [(PLAIN_FN, 0, 5), (OTHER_FN, 0, 1)]
            assert await listed(store, fn="8710000100000009", limit=limit) == []
        assert [fd for _, _, fd in await listed(store, fn=PLAIN_FN, codes=(3,), limit=1)] == [4]


async def test_a_reader_may_leave_early(dsn: str) -> None:
    async with opened(dsn) as store:
        await store.commit([arrival(fd=fd) for fd in range(1, 4)], ledger(), NOW)
        documents = store.list(limit=0)
        first: DocumentRecord = await anext(documents)
        await documents.aclose()
        assert first.fd == 1
        assert len(await listed(store)) == 3


async def test_known_registers_are_recognised(dsn: str) -> None:
    async with opened(dsn) as store:
        assert not await store.is_known(PLAIN_FN, "0000000000024136")
        await store.commit([arrival()], ledger(), NOW)
        assert await store.is_known(PLAIN_FN, None)
        assert await store.is_known("8710000100000009", "0000000000024136")
        assert not await store.is_known("8710000100000009", None)


async def test_quarantined_messages_are_kept_as_they_came(dsn: str) -> None:
    async with opened(dsn) as store:
        rows = [quarantine_row(), quarantine_row("", fd=None, received_at=NOW + timedelta(seconds=1))]
        await store.quarantine(rows)
        kept = await store.list_quarantine()
        assert [(one.fn, one.fd, one.raw) for one in kept] == [
            (PLAIN_FN, 7, b"\x00\xff raw"),
            ("", None, b"\x00\xff raw"),
        ]
        assert await store.list_quarantine(limit=1) == kept[1:]
        assert await store.list_quarantine(since=NOW + timedelta(seconds=1), limit=0) == kept[1:]
        assert await store.list_quarantine(id_=kept[0].id) == kept[:1]
        assert await store.list_quarantine(fn=OTHER_FN) == []


async def test_text_that_postgresql_does_not_hold_is_quarantined_all_the_same(dsn: str) -> None:
    async with opened(dsn) as store:
        await store.quarantine([quarantine_row(detail="found a\0b", peer="\ud800", fn="12\0"), quarantine_row()])
        hostile, ordinary = sorted(await store.list_quarantine(), key=lambda one: one.fn)
    assert (hostile.detail, hostile.peer, hostile.fn) == ("found a\ufffdb", "?", "12\ufffd")
    assert ordinary.fn == PLAIN_FN


class Stubborn:
    """A ledger whose rows the database refuses."""

    def __init__(self, **changes: object) -> None:
        self._changes = changes

    def lookups(self, arrivals: Sequence[Arrival], states: Mapping[str, FnState]) -> list[DocumentKey]:
        return ledger().lookups(arrivals, states)

    def decide(
        self,
        arrivals: Sequence[Arrival],
        states: dict[str, FnState],
        stored: Mapping[DocumentKey, Sequence[StoredDocument]],
        now: datetime,
    ) -> BatchDecision:
        batch = ledger().decide(arrivals, states, stored, now)
        documents = [msgspec.structs.replace(row, **self._changes) for row in batch.documents]
        return msgspec.structs.replace(batch, documents=documents)


@pytest.mark.parametrize(
    "changes",
    [{"ffd": "1.0\0"}, {"document_code": 1 << 20}, {"fd": 1}, {"violations": b"{"}],
    ids=["NUL in a text", "a number beyond its column", "a number that is taken", "no JSON"],
)
async def test_what_the_database_refuses_is_told_apart_and_harms_nothing_else(
    dsn: str, changes: dict[str, object]
) -> None:
    async with opened(dsn) as store:
        await store.commit([arrival(fd=1)], ledger(), NOW)
        with pytest.raises(StoreFailed) as caught:
            await store.commit([arrival(fd=2)], Stubborn(**changes), NOW)  # type: ignore[arg-type]
        assert (caught.value.committed, caught.value.retryable) == ("no", False)
        (decision,) = (await store.commit([arrival(fd=2)], ledger(), NOW)).decisions
        assert decision.verdict is Verdict.ACCEPTED
        assert await listed(store) == [(PLAIN_FN, 0, 1), (PLAIN_FN, 0, 2)]


async def test_a_ledger_that_fails_leaves_nothing_behind_and_the_store_usable(dsn: str) -> None:
    class Broken:
        def lookups(self, *_: object) -> list[DocumentKey]:
            raise ZeroDivisionError

    async with opened(dsn) as store:
        with pytest.raises(ZeroDivisionError):
            await store.commit([arrival()], Broken(), NOW)  # type: ignore[arg-type]
        await store.commit([arrival()], ledger(), NOW)
        assert await listed(store) == [(PLAIN_FN, 0, 1)]


async def test_a_cancelled_caller_does_not_cut_the_transaction(dsn: str) -> None:
    holder = await asyncpg.connect(dsn)
    async with opened(dsn) as store:
        await store.commit([arrival(fd=1)], ledger(), NOW)
        lock = holder.transaction()
        await lock.start()
        await holder.execute("SELECT FROM fn_states WHERE fn = $1 FOR UPDATE", PLAIN_FN)
        committing = asyncio.create_task(store.commit([arrival(fd=2)], ledger(), NOW))
        await waiting_for_lock(dsn)
        for _ in range(3):
            committing.cancel()
            await asyncio.sleep(0)
        await lock.rollback()
        with pytest.raises(asyncio.CancelledError):
            await committing
        assert await listed(store) == [(PLAIN_FN, 0, 1), (PLAIN_FN, 0, 2)]
        failing = asyncio.create_task(store.commit([arrival(fd=3)], Stubborn(ffd="\0"), NOW))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        failing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await failing
    await holder.close()


async def waiting_for_lock(dsn: str, *, deadline_s: float = 10.0) -> None:
    async with asyncio.timeout(deadline_s):
        while not await value(
            dsn,
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
        ):
            await asyncio.sleep(0.01)


async def test_a_lock_that_is_not_freed_is_given_up(dsn: str) -> None:
    holder = await asyncpg.connect(dsn)
    async with opened(dsn, timeout_s=0.3) as store:
        await store.commit([arrival(fd=1)], ledger(), NOW)
        async with holder.transaction():
            await holder.execute("SELECT FROM fn_states WHERE fn = $1 FOR UPDATE", PLAIN_FN)
            with pytest.raises(StoreFailed) as caught:
                await store.commit([arrival(fd=2)], ledger(), NOW)
            assert (caught.value.committed, caught.value.retryable) == ("no", True)
        await store.commit([arrival(fd=2)], ledger(), NOW)
        assert await listed(store) == [(PLAIN_FN, 0, 1), (PLAIN_FN, 0, 2)]
    await holder.close()


async def test_readers_are_told_when_the_database_is_gone(dsn: str) -> None:
    async with opened(dsn) as store:
        await store._database.close()
        for reading in (store.get(PLAIN_FN, 1), store.is_known(PLAIN_FN, None), store.list_quarantine(), listed(store)):
            with pytest.raises(DatabaseUnavailable):
                await reading
