"""Migrations: applied once, in order, by one of many; drift and newer schemas are refused."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING

import asyncpg
import pytest

from ofd_gateway.storage import Database, DatabaseUnavailable, MigrationChanged, SchemaMismatch, migrate, migrations
from ofd_gateway.storage.migrations import Migration, load_migrations

if TYPE_CHECKING:
    from pathlib import Path

MIGRATE = "import asyncio, sys; from ofd_gateway.storage import migrate; print(*asyncio.run(migrate(sys.argv[1])))"


async def execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def test_each_migration_is_applied_once(empty_dsn: str) -> None:
    assert await migrate(empty_dsn) == [migration.name for migration in load_migrations()]
    assert await migrate(empty_dsn) == []


async def test_three_processes_may_start_at_once(empty_dsn: str) -> None:
    def run() -> str:
        done = subprocess.run(
            [sys.executable, "-c", MIGRATE, empty_dsn], capture_output=True, text=True, check=True, timeout=60
        )
        return done.stdout.strip()

    said = await asyncio.gather(*(asyncio.to_thread(run) for _ in range(3)))
    assert sorted(said, key=len) == ["", "", " ".join(migration.name for migration in load_migrations())]


async def test_an_edited_migration_is_refused(dsn: str) -> None:
    await execute(dsn, "UPDATE schema_migrations SET sha256 = 'other' WHERE name = '0001_documents.sql'")
    with pytest.raises(MigrationChanged, match=r"0001_documents\.sql"):
        await migrate(dsn)


async def test_a_newer_schema_is_refused_at_start(dsn: str) -> None:
    await execute(dsn, "INSERT INTO schema_migrations (name, sha256) VALUES ('9999_future.sql', 'x')")
    with pytest.raises(SchemaMismatch, match="newer than this code"):
        await migrate(dsn)
    with pytest.raises(SchemaMismatch, match=r"9999_future\.sql"):
        await Database.connect(dsn)


async def test_an_older_schema_and_an_empty_database_are_refused(dsn: str, empty_dsn: str) -> None:
    await execute(dsn, "DELETE FROM schema_migrations WHERE name = '0001_documents.sql'")
    with pytest.raises(SchemaMismatch, match="ofd-gateway migrate"):
        await Database.connect(dsn)
    with pytest.raises(SchemaMismatch, match="no schema yet"):
        await Database.connect(empty_dsn)


async def test_a_failing_migration_leaves_nothing_behind(empty_dsn: str) -> None:
    broken = Migration("0001_broken.sql", "CREATE TABLE half (x int); SELECT nonsense;", "0" * 64)
    with pytest.raises(DatabaseUnavailable, match="nonsense"):
        await migrate(empty_dsn, [broken])
    connection = await asyncpg.connect(empty_dsn)
    assert await connection.fetchval("SELECT to_regclass('half')") is None
    await connection.close()


async def test_an_unreachable_server_is_named() -> None:
    with pytest.raises(DatabaseUnavailable, match="cannot connect"):
        await migrate("postgresql://nobody@127.0.0.1:1/none")


@pytest.mark.parametrize("names", [["0002_late.sql"], ["1_short.sql"], ["0001_a.sql", "0001_b.sql"]])
def test_file_names_are_numbered_without_gaps(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).write_text("SELECT 1;")
    with pytest.raises(SchemaMismatch, match="should be number"):
        load_migrations(tmp_path)


async def test_every_unique_key_of_a_table_with_an_fn_begins_with_it(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch(
        """
        SELECT c.relname, array_agg(a.attname ORDER BY k.n) AS columns
        FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
        CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, n)
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
        WHERE i.indisunique AND c.relnamespace = 'public'::regnamespace
          AND EXISTS (SELECT 1 FROM pg_attribute f WHERE f.attrelid = i.indrelid AND f.attname = 'fn')
        GROUP BY c.relname, i.indexrelid
        """
    )
    await connection.close()
    assert {row["relname"] for row in rows} >= {"documents", "fn_states", "quarantine"}
    assert {row["columns"][0] for row in rows} == {"fn"}


def test_an_installation_without_migrations_is_recognised(tmp_path: Path) -> None:
    with pytest.raises(SchemaMismatch, match="installation is broken"):
        load_migrations(tmp_path)


async def test_only_one_process_migrates_at_a_time(empty_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations, "_LOCK_WAIT_S", 0.2)
    other = await asyncpg.connect(empty_dsn)
    await other.execute("SELECT pg_advisory_lock($1)", migrations._LOCK_KEY)
    with pytest.raises(DatabaseUnavailable, match="another process has been migrating"):
        await migrate(empty_dsn)
    await other.close()
    assert await migrate(empty_dsn)


@pytest.mark.parametrize(
    "dsn", ["nonsense", "postgresql://host:port/db", "postgresql://127.0.0.1:99999/db", "postgresql:///db?host=/none"]
)
async def test_a_uri_without_sense_is_told_as_such(dsn: str) -> None:
    with pytest.raises(DatabaseUnavailable, match="cannot connect"):
        await migrate(dsn)
    with pytest.raises(DatabaseUnavailable, match="cannot connect"):
        await Database.connect(dsn)
