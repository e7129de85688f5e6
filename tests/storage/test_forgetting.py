"""A database after everything was forgotten is one after its migrations."""

from __future__ import annotations

import asyncio

import asyncpg

from ofd_gateway.storage import Database
from ofd_gateway.storage.forgetting import forget_everything
from tests.storage.arrivals import NOW, arrival, ledger, opened, quarantine_row

COUNTS = """
SELECT relname FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY relname
"""


async def rows_of(dsn: str) -> dict[str, int]:
    connection = await asyncpg.connect(dsn)
    try:
        names = [row[0] for row in await connection.fetch(COUNTS)]
        return {name: await connection.fetchval(f"SELECT count(*) FROM {name}") for name in names}
    finally:
        await connection.close()


async def forget(dsn: str) -> None:
    database = await Database.connect(dsn)
    try:
        await forget_everything(database)
    finally:
        await database.close()


async def test_what_migrations_have_filled_is_kept(dsn: str) -> None:
    fresh = await rows_of(dsn)
    await forget(dsn)
    assert await rows_of(dsn) == fresh


async def test_what_came_is_gone_and_may_come_again(dsn: str) -> None:
    fresh = await rows_of(dsn)
    async with opened(dsn) as store:
        await store.commit([arrival(fd=1), arrival(fd=2)], ledger(), NOW)
        await store.quarantine([quarantine_row()])
        stored = await rows_of(dsn)
        assert (stored["documents"], stored["quarantine"]) == (2, 1)
        await forget(dsn)
        assert await rows_of(dsn) == fresh
        await store.commit([arrival(fd=1, sign=b"\x00\x00\x00\x00\x00\x09")], ledger(), NOW)
    assert (await rows_of(dsn))["documents"] == 1


async def until_somebody_waits(watcher: asyncpg.Connection[asyncpg.Record]) -> None:
    """Asked outside any transaction, in which the answer would stay the first one."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with asyncio.timeout(20):
        while not await watcher.fetchval(waiting):
            await asyncio.sleep(0.01)


async def test_it_waits_for_those_who_hold_rows(dsn: str) -> None:
    async with opened(dsn) as store:
        await store.commit([arrival(fd=1)], ledger(), NOW)
    holder, watcher = await asyncpg.connect(dsn), await asyncpg.connect(dsn)
    async with holder.transaction():
        await holder.execute("UPDATE fn_states SET max_fd = max_fd")
        forgetting = asyncio.create_task(forget(dsn))
        await until_somebody_waits(watcher)
        assert not forgetting.done()
    await forgetting
    await holder.close()
    await watcher.close()
    assert (await rows_of(dsn))["fn_states"] == 0


async def test_a_deadlock_is_tried_again(dsn: str) -> None:
    """The holder has what is emptied later and wants what was emptied before; the server ends the forgetting one."""
    async with opened(dsn) as store:
        await store.commit([arrival(fd=1)], ledger(), NOW)
    holder, watcher = await asyncpg.connect(dsn), await asyncpg.connect(dsn)
    await holder.execute("SET deadlock_timeout = '60s'")
    deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    before = await watcher.fetchval(deadlocks)
    async with holder.transaction():
        await holder.execute("UPDATE fn_states SET max_fd = max_fd")
        forgetting = asyncio.create_task(forget(dsn))
        await until_somebody_waits(watcher)
        await holder.execute("UPDATE documents SET peer = peer")
    await forgetting
    async with asyncio.timeout(20):
        while await watcher.fetchval(deadlocks) == before:
            await asyncio.sleep(0.05)
    await holder.close()
    await watcher.close()
    assert (await rows_of(dsn))["documents"] == 0
