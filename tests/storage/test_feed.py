"""The stream of documents: no gap and no double, in whatever order transactions end."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofd_gateway.storage import (
    BEGINNING,
    Cursor,
    CursorUnreadable,
    Database,
    Feed,
    FeedKey,
    Horizon,
    read_cursor,
    spell_cursor,
)
from tests.messages import PLAIN_FN
from tests.storage.arrivals import NOW, arrival, ledger, opened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

OTHER_FN = "8710000100000002"

numbers = st.integers(0, 10**18 - 1)
horizons = st.tuples(st.integers(1, 10**9 - 1), numbers, st.lists(numbers, max_size=5).map(tuple)).map(
    lambda three: Horizon(*three)
)
keys = st.tuples(
    numbers,
    st.from_regex(r"[0-9]{15,16}", fullmatch=True),
    st.integers(0, 10**9 - 1),
    st.integers(0, 10**10 - 1),
).map(lambda four: FeedKey(*four))


@given(st.one_of(horizons.map(Cursor), st.tuples(horizons, horizons, keys).map(lambda three: Cursor(*three))))
def test_a_cursor_is_read_as_it_was_spelt(cursor: Cursor) -> None:
    spelt = spell_cursor(cursor)
    assert read_cursor(spelt) == cursor
    assert spelt.isascii()
    assert not any(sign.isspace() for sign in spelt)


@given(st.text())
def test_garbage_is_no_cursor(text: str) -> None:
    with contextlib.suppress(CursorUnreadable):
        assert spell_cursor(read_cursor(text)) == text


@pytest.mark.parametrize("text", ["", "1", "1.2.", "1.2~1.3", "1.2~1.3~4.8710.0.1", "1.2\n", "-1.2", "1." + "9" * 30])
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(CursorUnreadable, match="no cursor"):
        read_cursor(text)


class Writer:
    """A transaction that stores documents and ends when it is told to."""

    def __init__(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        self.connection = connection
        self.transaction = connection.transaction()

    async def store(self, fd: int, fn: str = PLAIN_FN) -> None:
        await self.connection.execute(
            """
            INSERT INTO documents (fn, generation, fd, document_code, ffd, container, message_sign, received_at,
                session_version, peer, connection_id, response_code, operator_message, operator_sign, trailer)
            VALUES ($1, 0, $2, 3, '1.2', '', '', now(), '', '', '', 0, 0, '', '')
            """,
            fn,
            fd,
        )


@contextlib.asynccontextmanager
async def writers(dsn: str, count: int) -> AsyncIterator[list[Writer]]:
    connections = [await asyncpg.connect(dsn) for _ in range(count)]
    found = [Writer(connection) for connection in connections]
    for writer in found:
        await writer.transaction.start()
    yield found
    for connection in connections:
        await connection.close()


@contextlib.asynccontextmanager
async def feed_of(dsn: str) -> AsyncIterator[Feed]:
    database = await Database.connect(dsn)
    try:
        yield Feed(database)
    finally:
        await database.close()


class Reader:
    """Reads like a client that connects anew for each look: all it keeps is the text of its cursor."""

    def __init__(self, feed: Feed, *, fn: str | None = None, limit: int = 100) -> None:
        self.feed, self.fn, self.limit = feed, fn, limit
        self.cursor = spell_cursor(BEGINNING)
        self.had: list[tuple[str, int]] = []

    async def look(self) -> list[int]:
        new: list[int] = []
        cursor = read_cursor(self.cursor)
        while True:
            upto = cursor.upto or await self.feed.horizon()
            page = await self.feed.page(cursor.seen, upto, after=cursor.last, fn=self.fn, limit=self.limit)
            for key, record in page:
                cursor = read_cursor(spell_cursor(Cursor(cursor.seen, upto, key)))
                new.append(record.fd)
                self.had.append((record.fn, record.fd))
            if len(page) < self.limit:
                self.cursor = spell_cursor(Cursor(upto))
                return new


async def test_a_transaction_that_ends_late_is_not_skipped(dsn: str) -> None:
    async with feed_of(dsn) as feed, writers(dsn, 3) as (first, second, third):
        reader = Reader(feed)
        for fd, writer in enumerate((first, second, third), start=1):
            await writer.store(fd)
        assert await reader.look() == []
        await third.transaction.commit()
        assert await reader.look() == [3]
        await first.transaction.commit()
        assert await reader.look() == [1]
        assert await reader.look() == []
        await second.transaction.rollback()
        assert await reader.look() == []
        assert reader.had == [(PLAIN_FN, 3), (PLAIN_FN, 1)]


async def test_a_writer_that_never_ends_holds_nobody_up(dsn: str) -> None:
    async with feed_of(dsn) as feed, writers(dsn, 1) as (slow,):
        reader = Reader(feed)
        await slow.store(1)
        async with writers(dsn, 2) as quick:
            for fd, writer in enumerate(quick, start=2):
                await writer.store(fd)
                await writer.transaction.commit()
                assert await reader.look() == [fd]
        await slow.transaction.commit()
        assert await reader.look() == [1]


async def test_a_reader_goes_on_in_the_middle_of_a_page(dsn: str) -> None:
    async with feed_of(dsn) as feed, writers(dsn, 1) as (writer,):
        for fd in range(1, 8):
            await writer.store(fd)
        await writer.transaction.commit()
        seen, upto = BEGINNING.seen, await feed.horizon()
        page = await feed.page(seen, upto, after=None, fn=None, limit=3)
        place = read_cursor(spell_cursor(Cursor(seen, upto, page[-1][0])))
        async with writers(dsn, 1) as (later,):
            await later.store(8)
            await later.transaction.commit()
        rest = await feed.page(place.seen, upto, after=place.last, fn=None, limit=100)
        assert [record.fd for _, record in page] == [1, 2, 3]
        assert [record.fd for _, record in rest] == [4, 5, 6, 7]
        now = await feed.horizon()
        assert [record.fd for _, record in await feed.page(upto, now, after=None, fn=None, limit=9)] == [8]
        assert await feed.keys(upto, now) == [(PLAIN_FN, 8)]


@pytest.mark.parametrize("far_behind", [-1, 5_000])
@pytest.mark.parametrize("limit", [1, 2, 100])
async def test_however_it_is_paged_and_interleaved_each_document_comes_once(
    dsn: str, limit: int, far_behind: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One FN's documents are found in two ways, by position or by their own key; both give the same."""
    from ofd_gateway.storage import feed as module

    monkeypatch.setattr(module, "_FAR_BEHIND", far_behind)
    async with feed_of(dsn) as feed:
        reader, only = Reader(feed, limit=limit), Reader(feed, fn=OTHER_FN, limit=limit)
        async with writers(dsn, 6) as found:
            for number, writer in enumerate(found):
                await writer.store(number * 10 + 1)
                await writer.store(number * 10 + 2, OTHER_FN)
            for number in (4, 0, 5, 2, 1, 3):
                if number != 2:
                    await found[number].transaction.commit()
                await reader.look()
                await only.look()
            await found[2].transaction.rollback()
        await reader.look()
        expected = {(PLAIN_FN, n * 10 + 1) for n in (0, 1, 3, 4, 5)} | {(OTHER_FN, n * 10 + 2) for n in (0, 1, 3, 4, 5)}
        assert sorted(reader.had) == sorted(expected)
        assert sorted(only.had) == sorted(key for key in expected if key[0] == OTHER_FN)


async def test_what_the_intake_stores_is_in_the_stream(dsn: str) -> None:
    async with opened(dsn) as store, feed_of(dsn) as feed:
        await store.commit([arrival(fd=fd) for fd in (1, 2)], ledger(), NOW)
        await store.commit([arrival(fd=2)], ledger(), NOW)
        reader = Reader(feed)
        assert await reader.look() == [1, 2]
        await store.commit([arrival(fd=3)], ledger(), NOW)
        assert await reader.look() == [3]


async def test_a_server_that_counts_anew_begins_an_era(dsn: str) -> None:
    """As after a restore: the documents have positions that the server's own numbers have yet to reach."""
    async with feed_of(dsn) as feed, opened(dsn) as store:
        assert await feed.begin() is False
        reader, left_behind = Reader(feed), Reader(feed)
        await store.commit([arrival(fd=1)], ledger(), NOW)
        await left_behind.look()
        await store.commit([arrival(fd=2)], ledger(), NOW)
        before = await feed.horizon()
        connection = await asyncpg.connect(dsn)
        await connection.execute("UPDATE documents SET position = position + 1000000")
        assert await feed.begin() is True
        assert await feed.begin() is False
        await store.commit([arrival(fd=3)], ledger(), NOW)
        positions = [row[0] for row in await connection.fetch("SELECT position FROM documents ORDER BY fd")]
        await connection.close()
        assert positions[2] > max(positions[:2])
        assert await reader.look() == [1, 2, 3]
        assert await left_behind.look() == [1, 2, 3], "the restored ones have moved beyond its place; none is missing"
        ahead = Cursor(Horizon(before.era, 10**9))
        page = await feed.page(ahead.seen, await feed.horizon(), after=None, fn=None, limit=9)
        assert [record.fd for _, record in page] == [3], "a place beyond what was restored begins with the era"


async def test_another_server_begins_an_era_although_its_numbers_are_larger(dsn: str) -> None:
    """As after a restore into an older server: a reader had been further than the dump."""
    async with feed_of(dsn) as feed, opened(dsn) as store:
        await feed.begin()
        await store.commit([arrival(fd=1)], ledger(), NOW)
        lost = Horizon(1, (await feed.horizon()).next + 500)
        connection = await asyncpg.connect(dsn)
        await connection.execute("UPDATE feed_eras SET server = 'the one that broke/00000001'")
        await connection.close()
        assert await feed.begin() is True
        await store.commit([arrival(fd=2)], ledger(), NOW)
        page = await feed.page(lost, await feed.horizon(), after=None, fn=None, limit=9)
        assert [record.fd for _, record in page] == [2]


async def test_a_cursor_of_another_database_is_refused(dsn: str) -> None:
    async with feed_of(dsn) as feed:
        with pytest.raises(CursorUnreadable, match="another database"):
            await feed.page(Horizon(7, 1), await feed.horizon(), after=None, fn=None, limit=1)


async def test_documents_from_before_the_migration_are_not_in_the_stream(dsn: str) -> None:
    async with opened(dsn) as store, feed_of(dsn) as feed:
        await store.commit([arrival(fd=1)], ledger(), NOW)
        connection = await asyncpg.connect(dsn)
        await connection.execute("UPDATE documents SET position = NULL")
        await connection.close()
        assert await Reader(feed).look() == []


async def test_the_index_is_used(dsn: str) -> None:
    from ofd_gateway.storage import feed as module

    async with opened(dsn) as store:
        await store.commit([arrival(fd=fd) for fd in range(1, 50)], ledger(), NOW)
    connection = await asyncpg.connect(dsn)
    await connection.execute("SET enable_seqscan = off")
    plan = "\n".join(
        row[0] for row in await connection.fetch(f"EXPLAIN {module._PAGE}", 5, 900, [], 5, [], None, -1, "", 0, 0, 100)
    )
    await connection.close()
    assert "position_idx" in plan
