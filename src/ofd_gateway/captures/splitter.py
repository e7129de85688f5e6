"""One direction of a connection, cut into messages without judging them.

A session header says where its message ends, so a message with a wrong checksum, an encrypted or a broken body keeps
its place and the next one is found behind it. What begins no message is passed over up to the next signature.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeVar

from ofd_gateway.captures.piece import Sort
from ofd_gateway.protocol import MAX_BODY_BYTES, SESSION_HEADER_BYTES
from ofd_gateway.protocol.session import MARKING_SIGNATURE, SIGNATURE

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Cut", "Splitter"]

_Moment = TypeVar("_Moment")

_SIGNATURES: Final = (SIGNATURE, MARKING_SIGNATURE)
"""The marking exchange has the same session header under another signature."""
_SIGNATURE_BYTES: Final = 4
_LENGTH_OFFSET: Final = 24
_LENGTH_END: Final = 26


class Cut(NamedTuple, Generic[_Moment]):
    """One cut piece: its sort, its bytes, and the latest moment at which a byte of it was fed."""

    sort: Sort
    raw: bytes
    moment: _Moment
    missing_bytes: int = 0


class Splitter(Generic[_Moment]):
    """Takes the bytes of one direction in their order and gives pieces back as soon as they are complete.

    A moment is whatever the caller orders events by; moments may go back where lost bytes were sent again. At most
    one message is kept, because foreign bytes are given back at once.
    """

    __slots__ = ("_buffer", "_latest")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._latest: _Moment | None = None

    def feed(self, data: bytes, moment: _Moment) -> Iterator[Cut[_Moment]]:
        """Adds bytes; every piece that is complete now."""
        if not data:
            return
        if self._latest is None or moment > self._latest:  # type: ignore[operator]  # moments are ordered
            self._latest = moment
        self._buffer += data
        yield from self._pieces(is_last=False)

    def skip(self, missing_bytes: int, moment: _Moment) -> Iterator[Cut[_Moment]]:
        """Bytes are missing here: what waited for them is given back as it is, then the gap itself."""
        yield from self.finish()
        yield Cut(Sort.GAP, b"", moment, missing_bytes)

    def finish(self) -> Iterator[Cut[_Moment]]:
        """Nothing follows: whatever is left, cut at signatures."""
        yield from self._pieces(is_last=True)

    def _pieces(self, *, is_last: bool) -> Iterator[Cut[_Moment]]:
        while self._buffer:
            cut = self._foreign(is_last=is_last) or self._message() or (self._partial() if is_last else None)
            if cut is None:
                return
            yield cut
        self._latest = None

    def _foreign(self, *, is_last: bool) -> Cut[_Moment] | None:
        """The bytes before the next signature; the last ones wait while they may be the beginning of one."""
        if self._begins_message(is_last=is_last):
            return None
        end = self._next_signature(1, is_last=is_last)
        return self._take(Sort.FOREIGN, end)

    def _message(self) -> Cut[_Moment] | None:
        if len(self._buffer) < _LENGTH_END:
            return None
        size = SESSION_HEADER_BYTES + int.from_bytes(self._buffer[_LENGTH_OFFSET:_LENGTH_END], "little")
        return self._take(Sort.MESSAGE, size) if len(self._buffer) >= size else None

    def _partial(self) -> Cut[_Moment]:
        return self._take(Sort.PARTIAL, self._next_signature(_SIGNATURE_BYTES, is_last=True))

    def _begins_message(self, *, is_last: bool) -> bool:
        head = bytes(self._buffer[:_SIGNATURE_BYTES])
        if head not in _SIGNATURES:
            return not is_last and any(signature.startswith(head) for signature in _SIGNATURES)
        announced = int.from_bytes(self._buffer[_LENGTH_OFFSET:_LENGTH_END], "little")
        return len(self._buffer) < _LENGTH_END or announced <= MAX_BODY_BYTES

    def _next_signature(self, start: int, *, is_last: bool) -> int:
        """Where the next signature begins at or after `start`, or may begin; the end of the buffer where none does."""
        found = [at for signature in _SIGNATURES if (at := self._buffer.find(signature, start)) >= 0]
        if found:
            return min(found)
        size = len(self._buffer)
        if not is_last:
            for at in range(max(start, size - _SIGNATURE_BYTES + 1), size):
                if any(signature.startswith(self._buffer[at:]) for signature in _SIGNATURES):
                    return at
        return size

    def _take(self, sort: Sort, size: int) -> Cut[_Moment]:
        raw = bytes(self._buffer[:size])
        del self._buffer[:size]
        assert self._latest is not None  # noqa: S101  bytes came with a moment
        return Cut(sort, raw, self._latest)
