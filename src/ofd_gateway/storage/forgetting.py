"""Everything that was stored, forgotten: a database as it is after its migrations, for the next test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import asyncpg

if TYPE_CHECKING:
    from ofd_gateway.storage.database import Database
    from ofd_gateway.storage.migrations import Connection

__all__ = ["forget_everything"]

_KEPT: Final = ("schema_migrations", "directory", "fault_switch", "feed_eras", "fns_endpoint", "service_runs")
"""What is about the database and the run, not about what came."""
_ATTEMPTS: Final = 5

_TABLES: Final = """
SELECT quote_ident(relname) FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
  AND relname <> ALL($1::text[])
ORDER BY relname
"""


async def forget_everything(database: Database) -> None:
    """Empties every table that documents, people and rules have filled, in one transaction.

    Rows are deleted, not truncated: for the few rows of a test that is thirty times as fast. Whoever holds rows at the
    same time (letters on their way) is waited for. Raises `DatabaseUnavailable`.
    """
    async with database.reading() as connection:
        names = [row[0] for row in await connection.fetch(_TABLES, list(_KEPT))]
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                await _empty(connection, names)
            except asyncpg.DeadlockDetectedError:
                if attempt == _ATTEMPTS:
                    raise
            else:
                return


async def _empty(connection: Connection, names: list[str]) -> None:
    async with connection.transaction():
        await connection.execute(";".join(f"DELETE FROM {name}" for name in names))  # noqa: S608  names of the catalogue
