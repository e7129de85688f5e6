"""A pool of connections to a database that is fit to serve: durable and at this code's schema."""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, cast

import asyncpg

from ofd_gateway.storage.errors import DatabaseUnavailable, DatabaseUnsafe, reason_of
from ofd_gateway.storage.hosts import CONNECTION_ERRORS, connect
from ofd_gateway.storage.migrations import check_schema

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ofd_gateway.storage.migrations import Connection

__all__ = ["CONNECTION_ERRORS", "Database", "check_durability", "limit_statements", "masked_dsn"]

_DSN_ERRORS: Final = (ValueError, OverflowError)
"""What the driver raises of a URI whose parts make no sense."""

_DURABILITY: Final = """
SELECT name FROM pg_settings
WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes') AND setting = 'off'
ORDER BY name
"""
_LIMIT_STATEMENTS: Final = """
SELECT set_config(name, $1::int::text, false) FROM pg_settings
WHERE name = 'statement_timeout' AND setting::int NOT BETWEEN 1 AND $1::int
"""
_PASSWORD: Final = re.compile(r"^(\w+://[^:@/?]*):.*@", re.DOTALL)
_PASSWORD_PARAMETER: Final = re.compile(r"((?:ssl)?password=)[^&\s]*")
_CONNECT_TIMEOUT_S: Final = 10.0
_COMMAND_TIMEOUT_S: Final = 30.0
_CLOSE_TIMEOUT_S: Final = 3.0


def masked_dsn(dsn: str) -> str:
    """The URI with its password hidden, wherever in the URI it stands."""
    return _PASSWORD_PARAMETER.sub(r"\1***", _PASSWORD.sub(r"\1:***@", dsn))


async def check_durability(connection: Connection) -> None:
    """Whether what is committed on this connection survives a power failure.

    Raises:
        DatabaseUnsafe: a setting of the server, the database or the user says otherwise.
    """
    off = [row["name"] for row in await connection.fetch(_DURABILITY)]
    if off:
        raise DatabaseUnsafe(
            f"the server has {' = off, '.join(off)} = off: a confirmed document could be lost; set it to on"
        )


async def limit_statements(connection: Connection, timeout_s: float) -> None:
    """Lets the server itself end whatever takes longer on this connection, unless it has a shorter limit already.

    A session that waits for a lock does not notice that its client has gone: without a limit each attempt would leave
    one behind, until the server has no connection left.
    """
    await connection.fetchval(_LIMIT_STATEMENTS, max(1, round(timeout_s * 1000)))


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
                init_size=1,
                min_size=0,  # with a floor the driver logs a traceback for each attempt to restore it
                max_size=pool_size,
                connect=cast("Any", connect),  # it takes what the pool gives it, and the driver's own takes more
                timeout=_CONNECT_TIMEOUT_S,
                command_timeout=_COMMAND_TIMEOUT_S,
                server_settings={"application_name": application_name},
            )
        except (*CONNECTION_ERRORS, *_DSN_ERRORS) as error:
            raise DatabaseUnavailable(f"cannot connect to {masked_dsn(dsn)}: {reason_of(error)}") from None
        database = cls(pool, dsn)
        try:
            await database.ping()
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

    async def ping(self, *, for_writing: bool = False) -> None:
        """Returns when the server answers, is durable and at this code's schema; else raises a `DatabaseError`.

        `for_writing` asks for a server that takes writes as well.
        """
        async with self.reading() as connection:
            await check_durability(connection)
            await check_schema(connection)
            if for_writing and await connection.fetchval("SHOW transaction_read_only") == "on":
                raise asyncpg.ReadOnlySQLTransactionError("the server takes no writes (transaction_read_only is on)")

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[asyncpg.pool.PoolConnectionProxy[asyncpg.Record]]:
        """A connection of the pool for the length of an `async with`; raises what the driver raises.

        When the server takes no writes every connection is made anew: a session keeps the setting that it began with,
        and another of several hosts may take them by now.

        A transaction that is rolled back for a cancelled task raises an error of its own when the connection is dead.
        The task is cancelled all the same: whoever waits for its end would wait for ever.
        """
        try:
            async with self._pool.acquire() as connection:
                yield connection
        except CONNECTION_ERRORS as error:
            if isinstance(error, asyncpg.ReadOnlySQLTransactionError):
                await self._pool.expire_connections()
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise asyncio.CancelledError from error
            raise

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[asyncpg.pool.PoolConnectionProxy[asyncpg.Record]]:
        """The same, with every error of the connection as `DatabaseUnavailable`."""
        try:
            async with self.acquire() as connection:
                yield connection
        except CONNECTION_ERRORS as error:
            raise DatabaseUnavailable(str(error) or type(error).__name__) from error
