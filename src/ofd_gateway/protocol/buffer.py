"""Bytes that have arrived and that no event has taken yet."""

from __future__ import annotations

from typing import Final

__all__ = ["MAX_BUFFERED_BYTES", "ReceiveBuffer"]

#: One message and two reads of 256 KiB, the most that event loops take from a socket at once, fit with room to spare.
MAX_BUFFERED_BYTES: Final = 1 << 20


class ReceiveBuffer:
    """A queue of bytes: pieces go in at the end, whole messages come out at the front.

    A message that arrives in one piece is never copied. Pieces are gathered in place, so that a message sent byte by
    byte costs time in proportion to its length, and so do many messages in one piece.
    """

    __slots__ = ("data",)

    def __init__(self) -> None:
        self.data: bytes | bytearray = b""

    def __len__(self) -> int:
        return len(self.data)

    def append(self, piece: bytes) -> None:
        """Adds a piece.

        Raises:
            BufferError: more than `MAX_BUFFERED_BYTES` would wait; the caller should have stopped reading.
        """
        waiting = len(self.data)
        if not waiting:
            self.data = bytes(piece)
            return
        if waiting + len(piece) > MAX_BUFFERED_BYTES:
            raise BufferError(f"{waiting} bytes wait already; answer the message in flight before reading on")
        if isinstance(self.data, bytes):
            self.data = bytearray(self.data)
        self.data += piece

    def peek(self, size: int) -> bytes:
        """At most `size` bytes from the front, which stay."""
        data = self.data
        return data if len(data) == size and isinstance(data, bytes) else bytes(data[:size])

    def drop(self, size: int) -> None:
        """Forgets `size` bytes from the front, or all there are."""
        if len(self.data) <= size:
            self.data = b""
            return
        if isinstance(self.data, bytes):
            self.data = bytearray(self.data)
        del self.data[:size]

    def clear(self) -> None:
        """Forgets everything."""
        self.data = b""
