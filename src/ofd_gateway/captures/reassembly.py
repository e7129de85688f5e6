"""TCP segments to byte streams: retransmissions, overlaps, segments out of order; what is missing is told.

Each direction is put together from all segments of the recording, so a byte that comes late still takes its place. The
first copy of a byte wins; a later one that differs is counted. Where a recording begins in the middle of a connection,
the stream begins with the lowest sequence number seen.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final, NamedTuple

from ofd_gateway.captures.packets import ACK, FIN, RST, SYN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from ofd_gateway.captures.packets import Segment
    from ofd_gateway.captures.piece import Address

__all__ = ["Chunk", "Half", "Moment", "Reassembler", "TcpConnection"]

_SEQUENCE: Final = 1 << 32
_HALF_SEQUENCE: Final = 1 << 31


class Moment(NamedTuple):
    """When a frame was seen: its number, by which moments are ordered, and the time on its label."""

    number: int
    at: datetime | None


class Chunk(NamedTuple):
    """Bytes in their place; `missing_bytes` of the stream before them are not in the recording."""

    data: bytes
    moment: Moment
    missing_bytes: int


class _Part(NamedTuple):
    start: int
    end: int
    data: bytes
    moment: Moment


class Half:
    """One direction of a connection, from `source` to the other side."""

    def __init__(self, source: Address, destination: Address) -> None:
        self.source = source
        self.destination = destination
        self.first_seq: int | None = None
        """Sequence number of the SYN, None where the recording does not have it."""
        self.has_ended = False
        self.conflicting_bytes = 0
        self._parts: list[_Part] = []
        self._starts: list[int] = []
        self._base: int | None = None
        self._last: int | None = None
        self._announced_end: tuple[int, Moment] | None = None

    def add(self, segment: Segment, moment: Moment) -> None:
        """One more segment of this direction."""
        start = self._position(segment.seq)
        if segment.flags & SYN:
            start += 1
            self.first_seq = segment.seq
            self._base = start
        end = start + len(segment.payload)
        self._put(start, segment.payload, moment)
        if segment.flags & (FIN | RST):
            self.has_ended = True
        told = end + segment.cut_bytes
        if (segment.cut_bytes or segment.flags & FIN) and (
            self._announced_end is None or told > self._announced_end[0]
        ):
            self._announced_end = (told, moment)

    def chunks(self) -> Iterator[Chunk]:
        """The stream in its order, then an empty chunk where its end is missing."""
        at = self._base
        for part in self._parts:
            if at is None:
                at = part.start
            start = max(at, part.start)
            if start < part.end:
                yield Chunk(part.data[start - part.start :], part.moment, start - at)
                at = part.end
        if self._announced_end is not None and at is not None and self._announced_end[0] > at:
            yield Chunk(b"", self._announced_end[1], self._announced_end[0] - at)

    def _position(self, seq: int) -> int:
        """The sequence number without its wrap at 2^32: the position nearest to that of the segment before."""
        if self._last is None:
            self._last = seq + _SEQUENCE
        self._last += (seq - self._last + _HALF_SEQUENCE) % _SEQUENCE - _HALF_SEQUENCE
        return self._last

    def _put(self, start: int, data: bytes, moment: Moment) -> None:
        """Fills the holes that `data` covers; compares what is there already."""
        end = start + len(data)
        index = max(bisect_right(self._starts, start) - 1, 0)
        at = start
        added: list[_Part] = []
        while at < end and index < len(self._parts):
            part = self._parts[index]
            if part.start >= end:
                break
            if part.end > at:
                if part.start > at:
                    added.append(_Part(at, part.start, data[at - start : part.start - start], moment))
                    at = part.start
                self._compare(part, at, min(part.end, end), data[at - start :])
                at = min(part.end, end)
            index += 1
        if at < end:
            added.append(_Part(at, end, data[at - start :], moment))
        for part in added:
            place = bisect_right(self._starts, part.start)
            self._parts.insert(place, part)
            self._starts.insert(place, part.start)

    def _compare(self, part: _Part, start: int, end: int, data: bytes) -> None:
        kept = part.data[start - part.start : end - part.start]
        came = data[: end - start]
        if kept != came:
            self.conflicting_bytes += sum(one != other for one, other in zip(kept, came, strict=True))


class TcpConnection:
    """Both directions of one connection; `opened_by` is who sent the SYN, None where the recording lacks it."""

    def __init__(self, number: int, segment: Segment) -> None:
        self.number = number
        self.opened_by: Address | None = None
        self.halves = {
            segment.source: Half(segment.source, segment.destination),
            segment.destination: Half(segment.destination, segment.source),
        }

    def add(self, segment: Segment, moment: Moment) -> None:
        """One more segment of either direction."""
        if segment.flags & SYN:
            self.opened_by = segment.destination if segment.flags & ACK else segment.source
        self.halves[segment.source].add(segment, moment)

    def is_reopened_by(self, segment: Segment) -> bool:
        """Whether the segment begins another connection between the same two ports."""
        if not segment.flags & SYN or segment.flags & ACK:
            return False
        half = self.halves[segment.source]
        return half.first_seq != segment.seq if half.first_seq is not None else self._has_data()

    def _has_data(self) -> bool:
        return any(half.has_ended or next(half.chunks(), None) is not None for half in self.halves.values())


class Reassembler:
    """Sorts segments into connections, which are numbered from 1 in the order of their first segments."""

    def __init__(self) -> None:
        self.connections: list[TcpConnection] = []
        self._current: dict[frozenset[Address], TcpConnection] = {}

    def add(self, segment: Segment, moment: Moment) -> None:
        """One more segment."""
        key = frozenset((segment.source, segment.destination))
        connection = self._current.get(key)
        if connection is None or connection.is_reopened_by(segment):
            connection = TcpConnection(len(self.connections) + 1, segment)
            self.connections.append(connection)
            self._current[key] = connection
        connection.add(segment, moment)
