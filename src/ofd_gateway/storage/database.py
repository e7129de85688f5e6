"""A pool of connections to a database that is fit to serve: durable and at this code's schema."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from ofd_gateway.storage.errors import DatabaseUnavailable, DatabaseUnsafe
from ofd_gateway.storage.migrations import check_schema

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

__all__ = ["CONNECTION_ERRORS", "Database", "masked_dsn"]

CONNECTION_ERRORS: Final = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError)
"""Everything that a statement on a live or dying connection raises."""

_DURABILITY: Final = ("fsync", "synchronous_commit", "full_page_writes")
_CONNECT_TIMEOUT_S: Final = 10.0
_COMMAND_TIMEOUT_S: Final = 30.0
_CLOSE_TIMEOUT_S: Final = 3.0


def masked_dsn(dsn: str) -> str:
    """The URI with its password hidden."""
    parts = urlsplit(dsn)
    if parts.password is None:
        return dsn
    user = parts.username or ""
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{user}:***@{place}"))


class Database:
    """The way to the database for everything but the group commit, which has a connection of its own."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], dsn: str) -> None:
        self._pool = pool
        self.dsn = dsn

    @classmethod
    async def connect(cls, dsn: str, *, application_name: str = "ofd-gateway", pool_size: int = 4) -> Database:
        """Opens the pool and checks the server.

        Raises:
            DatabaseUnavailable: no connection.
            DatabaseUnsafe: a durability setting is off.
            SchemaMismatch: the schema is older or newer than this code.
        """
        try:
            pool = await asyncpg.create_pool(
                dsn,
                min_size=1,
                max_size=pool_size,
                timeout=_CONNECT_TIMEOUT_S,
                command_timeout=_COMMAND_TIMEOUT_S,
                server_settings={"application_name": application_name},
            )
        except CONNECTION_ERRORS as error:
            raise DatabaseUnavailable(f"cannot connect to {masked_dsn(dsn)}: {error}") from error
        database = cls(pool, dsn)
        try:
            async with pool.acquire() as connection:
                await _check_durability(connection)
                await check_schema(connection)
        except BaseException:
            await database.close()
            raise
        return database

    async def close(self) -> None:
        """Closes the pool; connections that do not end at once are cut."""
        try:
            async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                await self._pool.close()
        except CONNECTION_ERRORS:
            self._pool.terminate()

    async def ping(self) -> None:
        """Returns when the server answers and has this code's schema; raises a `DatabaseError` otherwise."""
        try:
            async with self._pool.acquire() as connection:
                await check_schema(connection)
        except CONNECTION_ERRORS as error:
            raise DatabaseUnavailable(str(error) or type(error).__name__) from error

    def acquire(self) -> AbstractAsyncContextManager[asyncpg.pool.PoolConnectionProxy[asyncpg.Record]]:
        """A connection of the pool for the length of an `async with`."""
        return self._pool.acquire()


async def _check_durability(connection: asyncpg.pool.PoolConnectionProxy[asyncpg.Record]) -> None:
    for name in _DURABILITY:
        value = await connection.fetchval("SELECT current_setting($1)", name)
        if value == "off":
            raise DatabaseUnsafe(f"the server has {name} = off: a confirmed document could be lost; set it to on")
