"""The database as a command sees it: a server, the embedded one of a running gateway, or one started for its time."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from ofd_gateway.storage.database import Database
from ofd_gateway.storage.embedded import EmbeddedPostgres, running_dsn
from ofd_gateway.storage.errors import DatabaseBusy, DatabaseUnavailable, SchemaOutdated
from ofd_gateway.storage.locks import FileLock
from ofd_gateway.storage.migrations import migrate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

__all__ = ["EMBEDDED", "dsn_for_command", "open_for_command"]

EMBEDDED: Final = "embedded"

_FIND_WAIT_S: Final = 25.0
_LOCK_WAIT_S: Final = 0.3
_OTHERS_WAIT_S: Final = 600.0
_MIGRATIONS_WAIT_S: Final = 5.0
_POLL_S: Final = 0.1


@asynccontextmanager
async def open_for_command(database: str, state_dir: Path) -> AsyncIterator[Database]:
    """A pool on the database that `serve` with the same options uses.

    Raises:
        DatabaseError: it cannot be reached, started or read.
    """
    async with dsn_for_command(database, state_dir) as dsn:
        opened = await _connected(dsn, _MIGRATIONS_WAIT_S if database == EMBEDDED else 0.0)
        try:
            yield opened
        finally:
            await opened.close()


@asynccontextmanager
async def dsn_for_command(database: str, state_dir: Path) -> AsyncIterator[str]:
    """The URI of that database; an embedded one that nobody serves is started, migrated and stopped again.

    Several commands share one server: the one that started it waits for the others before it stops it. A gateway or a
    command that is just starting or stopping its server is waited for.

    Raises:
        DatabaseBusy: somebody holds the state directory and does not serve.
        DatabaseUnavailable: the server does not start.
    """
    if database != EMBEDDED:
        yield database
        return
    deadline = time.monotonic() + _FIND_WAIT_S
    users = _users_lock(state_dir)
    try:
        while True:
            dsn = running_dsn(state_dir) if users.share() else None
            if dsn is not None:
                yield dsn
                return
            server = EmbeddedPostgres(state_dir, lock_wait_s=_LOCK_WAIT_S)
            try:
                dsn = await server.start()
            except DatabaseBusy:
                if time.monotonic() >= deadline:
                    raise
                continue
            try:
                await migrate(dsn)
                yield dsn
            finally:
                await users.wait_alone(_OTHERS_WAIT_S)
                await server.stop()
            return
    finally:
        users.close()


async def _connected(dsn: str, migrations_wait_s: float) -> Database:
    """A pool; a gateway that has just started may be at its migrations still."""
    deadline = time.monotonic() + migrations_wait_s
    while True:
        try:
            return await Database.connect(dsn, application_name="ofd-gateway command", pool_size=2)
        except SchemaOutdated:
            if time.monotonic() >= deadline:
                raise
        await asyncio.sleep(_POLL_S)


def _users_lock(state_dir: Path) -> FileLock:
    """Shared by all commands that use one server; taken alone by the one that stops it."""
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        return FileLock(state_dir / "postgres.users")
    except OSError as error:
        raise DatabaseUnavailable(f"the state directory cannot be used: {error}") from error
