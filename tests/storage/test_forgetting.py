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


async def test_it_waits_for_those_who_hold_rows(dsn: str) -> None:
    async with opened(dsn) as store:
        await store.commit([arrival(fd=1)], ledger(), NOW)
    holder = await asyncpg.connect(dsn)
    transaction = holder.transaction()
    await transaction.start()
    await holder.execute("UPDATE fn_states SET max_fd = max_fd")
    forgetting = asyncio.create_task(forget(dsn))
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with asyncio.timeout(20):
        while not await holder.fetchval(waiting):
            await asyncio.sleep(0.01)
    await transaction.commit()
    await forgetting
    await holder.close()
    assert (await rows_of(dsn))["fn_states"] == 0
