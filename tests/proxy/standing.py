"""A proxy in this process between real sockets, with everything it told its tap."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from ofd_gateway.captures.piece import Address
from ofd_gateway.clock import SystemClock
from ofd_gateway.proxy.server import ProxyServer
from ofd_gateway.proxy.tap import Event
from ofd_gateway.sockets import bind_socket

DEADLINE_S = 10.0

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Heard:
    """A tap that remembers."""

    events: list[Event] = field(default_factory=list)

    def put(self, event: Event) -> None:
        self.events.append(event)


@dataclass
class Standing:
    port: int
    server: ProxyServer
    tap: Heard

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    def events(self) -> list[Event]:
        """Everything told so far."""
        return self.tap.events

    async def until_idle(self) -> None:
        await until(lambda: not self.server.connection_count)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not holds():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def standing(talk: Talk, *, host: str = "127.0.0.1", stop_timeout_s: float = 2.0) -> AsyncIterator[Standing]:
    """A proxy before an upstream that behaves as `talk` does."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except OSError:
            pass
        finally:
            writer.close()

    upstream = await asyncio.start_server(accept, host, 0)
    async with proxying(upstream.sockets[0].getsockname()[1], host=host, stop_timeout_s=stop_timeout_s) as proxy:
        yield proxy
    upstream.close()


@asynccontextmanager
async def proxying(port: int, *, host: str = "127.0.0.1", stop_timeout_s: float = 2.0) -> AsyncIterator[Standing]:
    tap = Heard()
    server = ProxyServer(
        upstream=Address(host, port), tap=tap, clock=SystemClock(), connect_timeout_s=5.0, stop_timeout_s=stop_timeout_s
    )
    sock = bind_socket("127.0.0.1", 0)
    await server.start(sock)
    try:
        yield Standing(sock.getsockname()[1], server, tap)
    finally:
        await server.stop()


async def close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    try:
        await writer.wait_closed()
    except OSError:
        return
