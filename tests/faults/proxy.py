"""A TCP proxy between a client and PostgreSQL that loses connections at the worst moments, on purpose.

It reads the client's side of the protocol just far enough to recognise one statement (the text of a simple query, or
any prepared one) and does to it what its `fault` says, once; then it is a faithful proxy again. A reset needs no
statement: it strikes when so many bytes more have passed, in whichever direction.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import socket
import struct
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_CHUNK_BYTES = 65536

PREPARED = b"S\0\0\0\x04"
"""How the message ends that runs a prepared statement."""


class Fault(enum.Enum):
    """What happens to the statement."""

    NONE = "none"
    CUT_BEFORE = "cut before"  # the server never sees it
    CUT_AFTER = "cut after"  # the server runs it, its answer is lost
    STALL = "stall"  # the server never sees it, the client waits
    STALL_ANSWER = "stall answer"  # the server runs it, the client waits
    RESET = "reset"  # both sides get a reset (RST) in the middle of what passes


class FaultProxy:
    """Listens on a port of its own; `dsn` is the given one by way of the proxy.

    `ending` is how the data ends that a fault may strike. `application` is the name that connections have begun with on
    which it may; those of all others pass untouched.
    """

    def __init__(self, dsn: str, *, ending: bytes = b"COMMIT\0", application: str = "") -> None:
        self._dsn = urlsplit(dsn)
        self.ending = ending
        self._application = application.encode()
        self._bytes_left = 0
        self._server: asyncio.Server | None = None
        self._links: set[asyncio.Task[None]] = set()
        self.fault = Fault.NONE
        self.struck = asyncio.Event()

    @property
    def dsn(self) -> str:
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        return f"postgresql://{self._dsn.username}@127.0.0.1:{port}{self._dsn.path}?sslmode=disable"

    async def start(self, port: int = 0) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)

    async def stop(self) -> None:
        """Nobody listens any more and every connection is cut."""
        assert self._server is not None
        self._server.close()
        self.cut()
        await self._server.wait_closed()

    def cut(self) -> None:
        for link in self._links:
            link.cancel()

    def strike_next(self, fault: Fault, *, after_bytes: int = 0) -> None:
        self.fault = fault
        self._bytes_left = after_bytes
        self.struck.clear()

    async def _serve(self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        link = asyncio.current_task()
        assert link is not None
        self._links.add(link)
        try:
            from_server, to_server = await self._open_server()
        except OSError:
            self._links.discard(link)
            to_client.transport.abort()
            return
        try:
            greeting = await from_client.read(_CHUNK_BYTES)
            to_server.write(greeting)
            is_target = self._application in greeting
            async with asyncio.TaskGroup() as tasks:
                answers = tasks.create_task(self._answers(from_server, to_client, is_target=is_target))
                await self._requests(from_client, to_server, from_server, answers, is_target=is_target)
                answers.cancel()
        except* _StruckError:
            for writer in (to_client, to_server):
                _reset(writer)
        except* OSError:
            pass
        finally:
            self._links.discard(link)
            for writer in (to_client, to_server):
                writer.transport.abort()

    async def _requests(
        self,
        from_client: asyncio.StreamReader,
        to_server: asyncio.StreamWriter,
        from_server: asyncio.StreamReader,
        answers: asyncio.Task[None],
        *,
        is_target: bool,
    ) -> None:
        while data := await from_client.read(_CHUNK_BYTES):
            fault = self.fault if is_target and data.endswith(self.ending) else Fault.NONE
            if fault in {Fault.NONE, Fault.RESET}:
                await self._pass(data, to_server, is_target=is_target)
                continue
            self.fault = Fault.NONE
            if fault in {Fault.CUT_AFTER, Fault.STALL_ANSWER}:
                answers.cancel()
                await asyncio.wait([answers])
                to_server.write(data)
                await from_server.read(1)
            self.struck.set()
            if fault in {Fault.CUT_BEFORE, Fault.CUT_AFTER}:
                return
            await from_client.read()

    async def _answers(
        self, from_server: asyncio.StreamReader, to_client: asyncio.StreamWriter, *, is_target: bool
    ) -> None:
        while data := await from_server.read(_CHUNK_BYTES):
            await self._pass(data, to_client, is_target=is_target)
        to_client.close()

    async def _pass(self, data: bytes, to: asyncio.StreamWriter, *, is_target: bool) -> None:
        if not is_target or self.fault is not Fault.RESET or len(data) < self._bytes_left:
            self._bytes_left -= len(data) if is_target else 0
            to.write(data)
            await to.drain()
            return
        self.fault = Fault.NONE
        to.write(data[: self._bytes_left])
        await to.drain()
        self.struck.set()
        raise _StruckError

    async def _open_server(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        directory = parse_qs(self._dsn.query).get("host")
        if directory:
            return await asyncio.open_unix_connection(f"{directory[0]}/.s.PGSQL.5432")
        return await asyncio.open_connection(self._dsn.hostname, self._dsn.port or 5432)


class _StruckError(Exception):
    """A reset is due."""


def _reset(writer: asyncio.StreamWriter) -> None:
    connected = writer.get_extra_info("socket")
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@contextlib.asynccontextmanager
async def fault_proxy(dsn: str, *, ending: bytes = b"COMMIT\0", application: str = "") -> AsyncIterator[FaultProxy]:
    proxy = FaultProxy(dsn, ending=ending, application=application)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()
