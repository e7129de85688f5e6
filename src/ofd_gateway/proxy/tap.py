"""What the proxy tells its recorder: events of connections, and how they travel between the two processes.

::

    u32 little-endian, length | MessagePack of one event

The recorder is a process of its own, because reading a large document takes milliseconds and a thread beside the event
loop would make bytes wait for it. Nothing here decides what is kept; see `channel`.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from ofd_gateway.captures.piece import Address, Sender

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Closed", "Ended", "Event", "EventReader", "Missed", "Opened", "Reset", "Sent", "Tap", "encode_event"]

_LENGTH_BYTES: Final = 4


class _Event(msgspec.Struct, frozen=True, tag=True, array_like=True, gc=False):
    connection: int
    at: datetime


class Opened(_Event, frozen=True, tag=True, array_like=True, gc=False):
    """Both connections stand; always the first event of a connection."""

    register: Address
    operator: Address


class Sent(_Event, frozen=True, tag=True, array_like=True, gc=False):
    """One side sent these bytes, as they came from one read."""

    sender: Sender
    data: bytes


class Missed(_Event, frozen=True, tag=True, array_like=True, gc=False):
    """One side sent so many bytes, which were passed on and are not recorded."""

    sender: Sender
    size: int


class Ended(_Event, frozen=True, tag=True, array_like=True, gc=False):
    """One side will send nothing more."""

    sender: Sender


class Reset(_Event, frozen=True, tag=True, array_like=True, gc=False):
    """One side broke the connection off."""

    sender: Sender


class Closed(_Event, frozen=True, tag=True, array_like=True, gc=False):
    """Both connections are gone; always the last event of a connection."""


Event = Opened | Sent | Missed | Ended | Reset | Closed


class Tap(Protocol):
    """Where a server tells what has passed through it."""

    def put(self, event: Event) -> None:
        """One more event; must not wait for anybody."""
        ...


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Event).decode


def encode_event(event: Event) -> bytes:
    """The bytes of one event."""
    body = _encode(event)
    return len(body).to_bytes(_LENGTH_BYTES, "little") + body


class EventReader:
    """Takes bytes in pieces of any size and gives events back."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Event]:
        """Every event that is complete with these bytes."""
        self._buffer += data
        at, size = 0, len(self._buffer)
        while size - at >= _LENGTH_BYTES:
            end = at + _LENGTH_BYTES + int.from_bytes(self._buffer[at : at + _LENGTH_BYTES], "little")
            if end > size:
                break
            yield _decode(self._buffer[at + _LENGTH_BYTES : end])
            at = end
        del self._buffer[:at]
