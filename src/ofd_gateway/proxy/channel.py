"""The way from the proxy to its recorder: a socket, and a bound to what may wait for it.

Passing bytes on never waits here. When the recorder is too far behind (a slow disk), bytes are left out of the
recording and counted; the place where they are missing is told as `Missed` as soon as there is room again.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, cast

import structlog

from ofd_gateway.proxy.recording import COMPLETE
from ofd_gateway.proxy.tap import Ended, Event, Missed, Reset, Sent, encode_event

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from ofd_gateway.captures.piece import Sender

__all__ = ["CAPACITY_BYTES", "Channel"]

CAPACITY_BYTES: Final = 32 * 1024 * 1024


class Channel(asyncio.Protocol):
    """A `Tap` that sends events to another process, at most `capacity_bytes` of them waiting.

    Events without bytes may use twice that room. `on_lost` is called when the recorder dies before `finish`.
    """

    def __init__(self, *, capacity_bytes: int = CAPACITY_BYTES, on_lost: Callable[[], None] | None = None) -> None:
        self.lost_reads = self.lost_bytes = 0
        self._capacity_bytes = capacity_bytes
        self._on_lost = on_lost
        self._missed: dict[tuple[int, Sender], int] = {}
        self._told_reads = self._told_bytes = 0
        self._transport: asyncio.Transport | None = None
        self._ended = asyncio.get_running_loop().create_future()
        self._status = b""
        self._is_finishing = False
        self._log = structlog.get_logger()

    @classmethod
    async def open(
        cls, sock: socket.socket, *, capacity_bytes: int = CAPACITY_BYTES, on_lost: Callable[[], None] | None = None
    ) -> Channel:
        """A channel over one end of a socket pair, which it owns from now on."""
        _, channel = await asyncio.get_running_loop().create_unix_connection(
            lambda: cls(capacity_bytes=capacity_bytes, on_lost=on_lost), sock=sock
        )
        return channel

    def put(self, event: Event) -> None:
        """Sends an event, or counts what it would have held."""
        transport = self._transport
        is_sent = isinstance(event, Sent)
        room_bytes = self._capacity_bytes if is_sent else 2 * self._capacity_bytes
        if transport is None or transport.is_closing() or transport.get_write_buffer_size() > room_bytes:
            if is_sent:
                self._lose(cast("Sent", event))
            return
        if isinstance(event, Sent | Ended | Reset) and self._missed:
            size = self._missed.pop((event.connection, event.sender), 0)
            if size:
                transport.write(encode_event(Missed(event.connection, event.at, event.sender, size)))
        transport.write(encode_event(event))
        if is_sent:
            self._tell_loss()

    async def finish(self, timeout_s: float) -> bool:
        """No event follows: waits until the recorder has written everything; False when it has not, or not in time."""
        self._is_finishing = True
        self._tell_loss()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write_eof()
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.shield(self._ended)
        except TimeoutError:
            return False
        finally:
            if self._transport is not None:
                self._transport.abort()
        return self._status == COMPLETE

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport (asyncio)."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """The recorder's last word (asyncio)."""
        self._status += data

    def connection_lost(self, error: Exception | None) -> None:
        """The recorder has ended (asyncio)."""
        if not self._ended.done():
            self._ended.set_result(None)
        if not self._is_finishing and self._on_lost is not None:
            self._on_lost()

    def _lose(self, event: Sent) -> None:
        key = (event.connection, event.sender)
        self._missed[key] = self._missed.get(key, 0) + len(event.data)
        self.lost_reads += 1
        self.lost_bytes += len(event.data)

    def _tell_loss(self) -> None:
        """Once for each time that the recorder fell behind."""
        reads, size = self.lost_reads - self._told_reads, self.lost_bytes - self._told_bytes
        if reads:
            self._told_reads, self._told_bytes = self.lost_reads, self.lost_bytes
            self._log.warning("proxy.records_dropped", reads=reads, bytes=size, total_bytes=self.lost_bytes)
