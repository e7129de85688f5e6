"""Forward-only migrations: numbered SQL files, each applied once, in order, in a transaction of its own."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from ofd_gateway.storage.errors import (
    DatabaseUnavailable,
    MigrationChanged,
    SchemaMismatch,
    SchemaOutdated,
    reason_of,
)
from ofd_gateway.storage.hosts import CONNECTION_ERRORS, connect

if TYPE_CHECKING:
    import asyncpg

__all__ = ["Migration", "check_schema", "load_migrations", "migrate"]

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
"""One of its own or one of a pool."""

FILE_NAME: Final = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_LOCK_KEY: Final = 0x0FD_6A7E
_LOCK_WAIT_S: Final = 60.0
_CONNECT_TIMEOUT_S: Final = 10.0
_CREATE_LEDGER: Final = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    name       text        PRIMARY KEY,
    sha256     text        NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of `migrations/`."""

    name: str
    sql: str
    sha256: str


def load_migrations(directory: Path | None = None) -> list[Migration]:
    """All migrations in order, from the installed package or from the checkout.

    Raises:
        SchemaMismatch: a file is misnamed, a number is missing or taken twice, or there is none at all.
    """
    return list(_load(directory or _directory()))


@functools.cache
def _load(directory: Path) -> tuple[Migration, ...]:
    migrations = []
    for number, path in enumerate(sorted(directory.glob("*.sql")), start=1):
        match = FILE_NAME.fullmatch(path.name)
        if match is None or int(match[1]) != number:
            raise SchemaMismatch(f"migration {path.name} should be number {number:04d}, named like 0001_words.sql")
        data = path.read_bytes()
        migrations.append(Migration(path.name, data.decode(), hashlib.sha256(data).hexdigest()))
    if not migrations:
        raise SchemaMismatch(f"there are no migrations in {directory}; the installation is broken")
    return tuple(migrations)


async def migrate(dsn: str, migrations: list[Migration] | None = None) -> list[str]:
    """Applies what is missing and returns the names; safe when several processes start at once.

    The lock is polled: a session that waits inside `pg_advisory_lock` holds a snapshot, which can deadlock with what
    the migration does. It belongs to the session, so a killed process leaves none behind.

    Raises:
        DatabaseUnavailable: no connection, no lock, or the server refuses a statement.
        MigrationChanged: an applied file has other content now.
        SchemaMismatch: the database has migrations that this code does not know.
    """
    known = load_migrations() if migrations is None else migrations
    try:
        connection = await connect(
            dsn, timeout=_CONNECT_TIMEOUT_S, server_settings={"application_name": "ofd-gateway migrate"}
        )
    except (*CONNECTION_ERRORS, ValueError, OverflowError) as error:
        raise DatabaseUnavailable(f"cannot connect to the database: {reason_of(error)}") from None
    try:
        await _lock(connection)
        await connection.execute(_CREATE_LEDGER)
        missing = _missing(known, await _applied(connection))
        for migration in missing:
            async with connection.transaction():
                await connection.execute(migration.sql)
                await connection.execute(
                    "INSERT INTO schema_migrations (name, sha256) VALUES ($1, $2)", migration.name, migration.sha256
                )
        return [migration.name for migration in missing]
    except CONNECTION_ERRORS as error:
        raise DatabaseUnavailable(f"the migration failed: {error}") from error
    finally:
        await connection.close()


async def check_schema(connection: Connection) -> None:
    """Whether the database is exactly at the schema of this code.

    Raises:
        SchemaMismatch: it is older or newer.
        MigrationChanged: an applied file has other content now.
    """
    if await connection.fetchval("SELECT to_regclass('schema_migrations')") is None:
        raise SchemaOutdated("the database has no schema yet; run `ofd-gateway migrate`")
    missing = _missing(load_migrations(), await _applied(connection))
    if missing:
        raise SchemaOutdated(f"the schema lacks {missing[0].name}; run `ofd-gateway migrate`")


def _missing(known: list[Migration], applied: dict[str, str]) -> list[Migration]:
    by_name = {migration.name: migration for migration in known}
    for name, sha256 in applied.items():
        migration = by_name.get(name)
        if migration is None:
            raise SchemaMismatch(f"the schema is newer than this code: it has {name}; upgrade ofd-gateway")
        if migration.sha256 != sha256:
            raise MigrationChanged(f"{name} was applied with other content; migrations are never edited")
    return [migration for migration in known if migration.name not in applied]


async def _applied(connection: Connection) -> dict[str, str]:
    rows = await connection.fetch("SELECT name, sha256 FROM schema_migrations ORDER BY name")
    return {row["name"]: row["sha256"] for row in rows}


async def _lock(connection: Connection) -> None:
    deadline = time.monotonic() + _LOCK_WAIT_S
    while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK_KEY):
        if time.monotonic() > deadline:
            raise DatabaseUnavailable(f"another process has been migrating for {_LOCK_WAIT_S:.0f} s")
        await asyncio.sleep(0.1)


def _directory() -> Path:
    packaged = Path(__file__).resolve().parents[1] / "migrations"
    return packaged if packaged.is_dir() else Path(__file__).resolve().parents[3] / "migrations"
