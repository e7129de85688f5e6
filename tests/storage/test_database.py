"""The checks of a server before it is used."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import asyncpg
import pytest

from ofd_gateway.storage import Database, DatabaseUnavailable, DatabaseUnsafe, masked_dsn
from ofd_gateway.storage.database import check_durability, limit_statements
from tests.faults.proxy import fault_proxy
from tests.storage.arrivals import value

if TYPE_CHECKING:
    from tests.postgres import Server


@pytest.mark.parametrize(
    ("dsn", "shown"),
    [
        ("postgresql://u:secret@h:5432/db", "postgresql://u:***@h:5432/db"),
        ("postgresql://u:se@cret@h/db", "postgresql://u:***@h/db"),
        ("postgresql://:secret@h/db", "postgresql://:***@h/db"),
        ("postgresql:///db?user=u&password=secret&host=/run", "postgresql:///db?user=u&password=***&host=/run"),
        ("postgresql://h/db?sslpassword=secret", "postgresql://h/db?sslpassword=***"),
        ("host=h password=secret user=u", "host=h password=*** user=u"),
        ("postgresql://u:secret@a:1,b:2/db", "postgresql://u:***@a:1,b:2/db"),
        ("postgresql://u@a:1,b:2/db", "postgresql://u@a:1,b:2/db"),
        ("embedded", "embedded"),
        ("postgresql://u:se/cret@h", "postgresql://u:***@h"),
        ("postgresql://h:5432?password=secret", "postgresql://h:5432?password=***"),
        ("postgresql://postgres@/db?host=/run/dir", "postgresql://postgres@/db?host=/run/dir"),
    ],
)
def test_no_password_is_shown(dsn: str, shown: str) -> None:
    assert masked_dsn(dsn) == shown


async def test_a_sound_server_is_accepted(dsn: str) -> None:
    database = await Database.connect(dsn)
    await database.ping()
    await database.close()


async def test_a_database_that_does_not_wait_for_the_disk_is_refused(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    name = urlsplit(dsn).path.lstrip("/")
    await connection.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    await connection.close()
    with pytest.raises(DatabaseUnsafe, match="synchronous_commit = off"):
        await Database.connect(dsn)


async def test_each_setting_that_is_off_is_named(dsn: str) -> None:
    class Answer:
        async def fetch(self, query: str) -> list[dict[str, str]]:
            connection = await asyncpg.connect(dsn)
            try:
                assert await connection.fetch(query) == []
            finally:
                await connection.close()
            return [{"name": "fsync"}, {"name": "full_page_writes"}]

    with pytest.raises(DatabaseUnsafe, match="fsync = off, full_page_writes = off"):
        await check_durability(Answer())  # type: ignore[arg-type]


async def test_the_loss_of_the_server_is_told_and_ends(server: Server, dsn: str) -> None:
    database = await Database.connect(dsn)
    connection = await asyncpg.connect(server.maintenance_dsn)
    await connection.execute(f'DROP DATABASE "{urlsplit(dsn).path.lstrip("/")}" WITH (FORCE)')
    await connection.close()
    with pytest.raises(DatabaseUnavailable):
        await database.ping()
    await database.close()


async def test_a_pool_follows_a_database_that_takes_no_writes_for_a_while(server: Server, dsn: str) -> None:
    name = urlsplit(dsn).path.lstrip("/")
    before = await Database.connect(dsn)
    await value(server.maintenance_dsn, f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    during = await Database.connect(dsn)
    await during.ping()
    for _ in range(2):
        with pytest.raises(DatabaseUnavailable, match="read_only"):
            await during.ping(for_writing=True)
    await before.ping(for_writing=True)
    async with during.reading() as connection:
        assert await connection.fetchval("SHOW transaction_read_only") == "on"
    await value(server.maintenance_dsn, f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
    with pytest.raises(DatabaseUnavailable, match="read-only"):
        async with during.reading() as connection:
            await connection.execute("CREATE TABLE written (i int)")
    async with during.reading() as connection:
        await connection.execute("CREATE TABLE written (i int)")
    await during.ping(for_writing=True)
    for database in (before, during):
        await database.close()


async def test_the_server_ends_what_takes_too_long_unless_its_own_limit_is_shorter(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    for set_before, limit in (("0", "1500ms"), ("200ms", "200ms"), ("1min", "1500ms")):
        await connection.execute(f"SET statement_timeout = '{set_before}'")
        await limit_statements(connection, 1.5)
        assert await connection.fetchval("SHOW statement_timeout") == limit
    await connection.close()


async def test_closing_does_not_wait_for_a_reader_for_ever(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ofd_gateway.storage.database._CLOSE_TIMEOUT_S", 0.05)
    database = await Database.connect(dsn)
    begun = asyncio.Event()

    async def read() -> None:
        async with database.reading() as connection:
            begun.set()
            await connection.execute("SELECT pg_sleep(60)")

    reader = asyncio.create_task(read())
    await begun.wait()
    await database.close()
    with pytest.raises(DatabaseUnavailable):
        await reader


@pytest.mark.faults
@pytest.mark.parametrize("way", ["acquire", "reading"])
async def test_a_cancelled_task_is_cancelled_though_its_connection_dies(dsn: str, way: str) -> None:
    async with fault_proxy(dsn) as proxy:
        database = await Database.connect(proxy.dsn)

        async def work() -> None:
            async with getattr(database, way)() as connection, connection.transaction():
                await connection.execute("SELECT pg_sleep(20)")

        task = asyncio.create_task(work())
        async with asyncio.timeout(20):
            while not await value(dsn, "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(20)'"):
                await asyncio.sleep(0.02)
        task.cancel()
        proxy.cut()
        await asyncio.wait([task], timeout=20)
        assert task.cancelled(), task
        await database.close()
