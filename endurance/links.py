"""Faults of the connections between a running gateway and its built-in database.

The gateway reaches that database by a socket in a directory. The proxy takes the place of that socket for a while::

    gateway ──▶ .s.PGSQL.5432 (the proxy) ──▶ .s.PGSQL.5433 (the server's own socket under another name)
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlsplit

import asyncpg
from tests.faults.proxy import Fault, FaultProxy

if TYPE_CHECKING:
    from random import Random

__all__ = ["NoSocket", "break_links"]

_PORT: Final = 5432
_ASIDE: Final = 5433
_FAULTS: Final = (Fault.CUT_BEFORE, Fault.CUT_AFTER, Fault.STALL, Fault.STALL_ANSWER)
_STRIKE_WAIT_S: Final = 1.0
_OTHERS: Final = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = $1"


class NoSocket(Exception):
    """The server is not there now; nothing was done."""


class _SocketProxy(FaultProxy):
    """The fault proxy in the place of a server's socket. Any statement may be struck."""

    def __init__(self, dsn: str) -> None:
        super().__init__(dsn, ending=b"")
        parts = urlsplit(dsn)
        self._database = parts.path.lstrip("/")
        self._user = parts.username
        self._directory = Path(parse_qs(parts.query)["host"][0])
        self._place = self._directory / f".s.PGSQL.{_PORT}"
        self._aside = self._directory / f".s.PGSQL.{_ASIDE}"
        self._own = 0

    async def take_place(self) -> None:
        """Stands in the socket's place and ends the connections made before. Raises NoSocket."""
        try:
            self._place.rename(self._aside)
        except OSError as error:
            raise NoSocket(str(error)) from error
        self._server = await asyncio.start_unix_server(self._serve, self._place)
        self._place.chmod(0o777)
        self._own = self._place.stat().st_ino
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            connection = await asyncpg.connect(
                user=self._user, database=self._database, host=str(self._directory), port=_ASIDE, timeout=5
            )
            await connection.execute(_OTHERS, self._database)
            await connection.close()

    async def give_back(self) -> None:
        """Puts the server's socket where it was, unless a new server has made another, and cuts all connections."""
        assert self._server is not None
        self._server.close()
        self.cut()
        with contextlib.suppress(OSError):
            if self._place.stat().st_ino == self._own:
                self._aside.rename(self._place)
            else:
                self._aside.unlink()
        await self._server.wait_closed()

    async def _serve(self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        try:
            await super()._serve(from_client, to_client)
        except (
            OSError,
            asyncio.CancelledError,
        ):  # the server is gone, or the connection was cut: no error of the loop's
            to_client.transport.abort()

    async def _open_server(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_unix_connection(str(self._aside))


async def break_links(dsn: str, dice: Random, seconds: float) -> int:
    """Strikes statement after statement for so long; how many were struck.

    `dsn` is that of a built-in database. Raises NoSocket.
    """
    proxy = _SocketProxy(dsn)
    await proxy.take_place()
    struck = 0
    try:
        ends_at = time.monotonic() + seconds
        while time.monotonic() < ends_at:
            await asyncio.sleep(dice.uniform(0.0, 0.3))
            if dice.random() < 0.2:
                proxy.cut()
                continue
            proxy.strike_next(dice.choice(_FAULTS))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_STRIKE_WAIT_S):
                    await proxy.struck.wait()
            struck += proxy.struck.is_set()
    finally:
        await proxy.give_back()
    return struck
