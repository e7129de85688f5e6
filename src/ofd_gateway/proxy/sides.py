"""The two ends of one relayed connection: what comes in at one goes out at the other, bytes, half-closes and resets."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import TYPE_CHECKING, Final, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Side", "Watcher"]

_LINGER_ZERO: Final = struct.pack("ii", 1, 0)


class Watcher(Protocol):
    """Who is told, after the fact, what went through a side."""

    def sent(self, data: bytes) -> None:
        """These bytes came in and were passed on."""
        ...

    def ended(self) -> None:
        """Nothing more comes in at this side."""
        ...

    def reset(self) -> None:
        """The peer of this side broke off."""
        ...

    def closed(self) -> None:
        """The socket of this side is gone."""
        ...


class Side(asyncio.Protocol):
    """One end. Until `join` nothing is passed on and reading is paused.

    Bytes are written to the other side before the watcher hears of them. When the other side's peer does not read,
    this side stops reading, so no more than a socket's worth waits in memory.
    """

    def __init__(self, *, on_connected: Callable[[Side], None] | None = None) -> None:
        self._on_connected = on_connected
        self._transport: asyncio.Transport | None = None
        self._other: Side | None = None
        self._watcher: Watcher | None = None
        self._early: list[bytes] = []
        self._has_ended = False
        self._is_lost = False

    @property
    def address(self) -> tuple[str, int]:
        """Address and port of the peer."""
        return _address(self._open_transport.get_extra_info("peername"))

    @property
    def is_lost(self) -> bool:
        """The socket is gone."""
        return self._is_lost

    @property
    def has_ended(self) -> bool:
        """The peer sends nothing more."""
        return self._has_ended

    def join(self, other: Side, watcher: Watcher) -> None:
        """From now on what comes in goes out at `other`; what came before goes first."""
        self._other, self._watcher = other, watcher
        early, self._early = self._early, []
        for data in early:
            self._pass_on(data)
        if self._has_ended:
            self._end()
        if self._is_lost:
            other.close()
        else:
            self.resume()

    def write(self, data: bytes) -> None:
        """Sends bytes to the peer; they are lost where the peer has gone, as they would be without a proxy."""
        if not self._open_transport.is_closing():
            self._open_transport.write(data)

    def write_end(self) -> None:
        """Tells the peer that nothing follows."""
        if not self._open_transport.is_closing():
            self._open_transport.write_eof()

    def pause(self) -> None:
        """Stops reading."""
        if not self._open_transport.is_closing():
            self._open_transport.pause_reading()

    def resume(self) -> None:
        """Reads again, unless there is nothing to come."""
        if not self._open_transport.is_closing() and not self._has_ended:
            self._open_transport.resume_reading()

    def close(self) -> None:
        """Closes the socket once everything that was passed on has gone out."""
        if self._transport is not None:
            self._transport.close()

    def reset(self) -> None:
        """Breaks off, as the other side's peer did; what was passed on before still goes out."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if transport.get_write_buffer_size():
            transport.close()
            return
        with contextlib.suppress(OSError):
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        transport.abort()

    def abort(self) -> None:
        """Closes the socket at once."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Waits for the other side (asyncio)."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.pause_reading()
        if self._on_connected is not None:
            self._on_connected(self)

    def data_received(self, data: bytes) -> None:
        """Passes bytes on (asyncio)."""
        if self._other is not None:
            self._pass_on(data)
            return
        self._early.append(data)
        self.pause()

    def eof_received(self) -> bool:
        """Passes the end on; this direction is done, the other one goes on (asyncio)."""
        self._has_ended = True
        self._end()
        return True

    def pause_writing(self) -> None:
        """The peer does not read: the other side's peer has to wait (asyncio)."""
        if self._other is not None:
            self._other.pause()

    def resume_writing(self) -> None:
        """The peer reads again (asyncio)."""
        if self._other is not None:
            self._other.resume()

    def connection_lost(self, error: Exception | None) -> None:
        """The socket is gone: so must the other one (asyncio)."""
        self._is_lost = True
        if self._watcher is None or self._other is None:
            return
        if error is not None:
            self._watcher.reset()
            self._other.reset()
        else:
            self._other.close()
        self._watcher.closed()

    @property
    def _open_transport(self) -> asyncio.Transport:
        assert self._transport is not None  # noqa: S101  asyncio sets it before any other call
        return self._transport

    def _pass_on(self, data: bytes) -> None:
        if self._other is not None and self._watcher is not None:
            self._other.write(data)
            self._watcher.sent(data)

    def _end(self) -> None:
        if self._other is None or self._watcher is None:
            return
        self._other.write_end()
        self._watcher.ended()
        if self._other.has_ended:
            self.close()
            self._other.close()


def _address(name: object) -> tuple[str, int]:
    """Host and port of a socket's name; `peername` is None for a peer that has gone already."""
    if isinstance(name, tuple) and len(name) >= 2:
        return str(name[0]), int(name[1])
    return "0.0.0.0", 0  # noqa: S104  no address
