"""The database as a command sees it: a server, the embedded one of a running gateway, or one started for its time."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from ofd_gateway.storage.database import Database
from ofd_gateway.storage.embedded import EmbeddedPostgres, running_dsn
from ofd_gateway.storage.migrations import migrate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

__all__ = ["EMBEDDED", "dsn_for_command", "open_for_command"]

EMBEDDED = "embedded"


@asynccontextmanager
async def open_for_command(database: str, state_dir: Path) -> AsyncIterator[Database]:
    """A pool on the database that `serve` with the same options uses.

    Raises:
        DatabaseError: it cannot be reached, started or read.
    """
    async with dsn_for_command(database, state_dir) as dsn:
        opened = await Database.connect(dsn, application_name="ofd-gateway command", pool_size=2)
        try:
            yield opened
        finally:
            await opened.close()


@asynccontextmanager
async def dsn_for_command(database: str, state_dir: Path) -> AsyncIterator[str]:
    """The URI of that database; an embedded one that nobody serves is started, migrated and stopped again."""
    if database != EMBEDDED:
        yield database
        return
    dsn = running_dsn(state_dir)
    if dsn is not None:
        yield dsn
        return
    server = EmbeddedPostgres(state_dir)
    dsn = await server.start()
    try:
        await migrate(dsn)
        yield dsn
    finally:
        await server.stop()
