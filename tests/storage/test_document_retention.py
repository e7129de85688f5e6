"""Old documents go; whatever something still rests on does not."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ofd_gateway.ledger import Verdict
from ofd_gateway.storage import DocumentRetention, Feed
from tests.messages import DEBUG_FN, PLAIN_FN, document_body
from tests.storage.arrivals import NOW, arrival, ledger, opened

if TYPE_CHECKING:
    from datetime import datetime

    from ofd_gateway.ledger import BatchDecision
    from ofd_gateway.storage import DocumentStore

DAY = timedelta(days=1)
OTHER_FN = "8710000100000009"


async def commit(store: DocumentStore, fd: int, at: datetime, fn: str = PLAIN_FN, code: int = 3) -> BatchDecision:
    return await store.commit(
        [arrival(fn, fd, code=code, received_at=at, body=document_body(fn, fd, code=code))], ledger(), at
    )


async def fds(store: DocumentStore, fn: str = PLAIN_FN) -> list[tuple[int, int]]:
    return [(record.generation, record.fd) async for record in store.list(fn=fn, limit=0)]


async def execute(store: DocumentStore, statement: str, *arguments: Any) -> None:
    async with store._database.acquire() as connection:
        await connection.execute(statement, *arguments)


async def fetch(store: DocumentStore, query: str, *arguments: Any) -> list[tuple[Any, ...]]:
    async with store._database.acquire() as connection:
        return [tuple(row) for row in await connection.fetch(query, *arguments)]


async def test_of_an_fn_that_goes_on_the_last_document_and_registration_stay(dsn: str) -> None:
    async with opened(dsn) as store:
        for fd, code in ((1, 1), (2, 2), (3, 3), (4, 11), (5, 3), (6, 3)):
            await commit(store, fd, NOW + fd * DAY, code=code)
        await commit(store, 1, NOW, OTHER_FN)
        state = await fetch(store, "SELECT * FROM fn_states WHERE fn = $1", PLAIN_FN)
        retention = DocumentRetention(store._database, batch=2)
        before = NOW + 5 * DAY + timedelta(hours=1)
        [old] = [old async for old in retention.count(before, fn=PLAIN_FN)]
        assert (old.documents, old.kept) == (4, 1)
        assert await fds(store) == [(0, fd) for fd in range(1, 7)]
        assert await retention.forget(before, PLAIN_FN) == 4
        assert await fds(store) == [(0, 4), (0, 6)]
        assert await fds(store, OTHER_FN) == [(0, 1)]
        assert await fetch(store, "SELECT * FROM fn_states WHERE fn = $1", PLAIN_FN) == state
        assert await retention.forget(before, PLAIN_FN) == 0


async def test_the_chain_goes_on_as_if_nothing_had_happened(dsn: str) -> None:
    async with opened(dsn) as store:
        for fd, code in ((1, 1), (2, 2), (3, 3)):
            await commit(store, fd, NOW, code=code)
        await commit(store, 1, NOW, OTHER_FN)
        assert await DocumentRetention(store._database).forget(NOW + DAY, PLAIN_FN) == 3
        [decision] = (await commit(store, 4, NOW + DAY)).decisions
        assert (decision.verdict, decision.violations) == (Verdict.ACCEPTED, ())
        assert await fetch(store, "SELECT max_fd FROM fn_states WHERE fn = $1", PLAIN_FN) == [(4,)]


async def test_an_fn_whose_time_is_over_is_gone_as_a_whole(dsn: str) -> None:
    async with opened(dsn) as store:
        for sign in (b"first1", b"again1"):
            await store.commit(
                [arrival(DEBUG_FN, 1, code=1, sign=sign, body=document_body(DEBUG_FN, 1, code=1))], ledger(), NOW
            )
        await commit(store, 1, NOW + DAY)
        assert await DocumentRetention(store._database).forget(NOW + DAY, DEBUG_FN) == 2
        assert await fds(store, DEBUG_FN) == []
        assert await fetch(store, "SELECT generation, max_fd FROM fn_states WHERE fn = $1", DEBUG_FN) == [(1, 1)]


async def test_what_has_still_to_go_out_stays(dsn: str) -> None:
    async with opened(dsn) as store:
        for fd in range(1, 7):
            await commit(store, fd, NOW)
        await commit(store, 1, NOW, OTHER_FN)
        await execute(
            store, "INSERT INTO fns_queue (fn, generation, fd, queued_at) VALUES ($1, 0, 2, $2)", PLAIN_FN, NOW
        )
        await execute(
            store, "INSERT INTO buyer_queue (fn, generation, fd, queued_at) VALUES ($1, 0, 3, $2)", PLAIN_FN, NOW
        )
        await execute(
            store,
            "INSERT INTO buyer_messages (fn, generation, fd, channel, contact, state, planned_at, next_attempt_at) "
            "VALUES ($1, 0, 4, 'email', 'a@b.ru', 'queued', $2, $2), ($1, 0, 5, 'email', NULL, 'sent', $2, NULL)",
            PLAIN_FN,
            NOW,
        )
        [old] = [old async for old in DocumentRetention(store._database).count(NOW + DAY, fn=PLAIN_FN)]
        assert (old.documents, old.kept) == (3, 3)
        assert await DocumentRetention(store._database).forget(NOW + DAY, PLAIN_FN) == 3
        assert await fds(store) == [(0, 2), (0, 3), (0, 4)]


async def test_answers_of_the_tax_service_go_along(dsn: str) -> None:
    async with opened(dsn) as store:
        for fd in (1, 2, 3):
            await commit(store, fd, NOW + fd * DAY)
        await execute(
            store,
            "INSERT INTO fns_answers (fn, generation, fd, code, attempts, status, text, received_at, first_sent_at, "
            "decided_at) SELECT $1, 0, fd, 0, 1, 'accepted', '', $2, $2, $2 FROM unnest('{1,2,3}'::int[]) AS fd",
            PLAIN_FN,
            NOW,
        )
        assert await DocumentRetention(store._database).forget(NOW + 2 * DAY, PLAIN_FN) == 1
        assert await fetch(store, "SELECT fd FROM fns_answers ORDER BY fd") == [(2,), (3,)]


async def test_positions_go_on_upwards_when_everything_else_is_gone(dsn: str) -> None:
    """By its last position a database that was set back in time is recognised."""
    async with opened(dsn) as store:
        feed = Feed(store._database)
        await commit(store, 1, NOW)
        await commit(store, 1, NOW, OTHER_FN)
        last = await fetch(store, "SELECT max(position) FROM documents")
        retention = DocumentRetention(store._database)
        deleted = {old.fn: await retention.forget(NOW + DAY, old.fn) async for old in retention.count(NOW + DAY)}
        assert deleted == {PLAIN_FN: 1, OTHER_FN: 0}
        assert await fetch(store, "SELECT max(position) FROM documents") == last
        assert not await feed.begin()
