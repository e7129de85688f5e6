"""A capture file as pieces of the exchange: every message of every connection, in the order in which it was complete.

Whatever cannot be used is named in a `Note`: damage of the file, packets of other protocols, connections without a
single message. A note that is a fault means that something of the exchange itself may be missing.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from ofd_gateway.captures.packets import read_segment
from ofd_gateway.captures.piece import Address, Piece, Sender, Sort
from ofd_gateway.captures.reassembly import Moment, Reassembler
from ofd_gateway.captures.savefile import SavefileFault, read_frames
from ofd_gateway.captures.splitter import Cut, Splitter
from ofd_gateway.protocol import FROM_FN, FROM_OPERATOR, SESSION_HEADER_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ofd_gateway.captures.reassembly import Half, TcpConnection

__all__ = ["Capture", "Note", "read_capture"]

_CONTAINER_TYPE_OFFSET: Final = SESSION_HEADER_BYTES + 4
_SHOWN_BYTES: Final = 16


class Note(NamedTuple):
    """Something about the file rather than about one message; `offset` is a place in the file, None for none."""

    reason: str
    text: str
    is_fault: bool
    offset: int | None = None


class Capture(NamedTuple):
    """What a capture file holds."""

    pieces: tuple[Piece, ...]
    notes: tuple[Note, ...]


class _Placed(NamedTuple):
    """A piece before it is known who is the register."""

    half: Half
    cut: Cut[Moment]


def read_capture(data: bytes) -> Capture:
    """The pieces and notes of a pcap or pcapng file; never raises, whatever the bytes are."""
    notes: list[Note] = []
    reassembler = Reassembler()
    skipped: Counter[str] = Counter()
    for frame in read_frames(data):
        if isinstance(frame, SavefileFault):
            notes.append(Note(frame.reason, frame.text, is_fault=True, offset=frame.offset))
            continue
        segment = read_segment(frame)
        if isinstance(segment, str):
            skipped[segment] += 1
        else:
            reassembler.add(segment, Moment(frame.number, frame.at))
    if skipped:
        text = ", ".join(f"{name}: {count}" for name, count in skipped.most_common())
        notes.append(Note("other_packets", f"не TCP / no TCP: {text}", is_fault=False))
    pieces: list[tuple[int, Piece]] = []
    for connection in reassembler.connections:
        placed = list(_placed(connection))
        notes += _notes(connection, placed)
        if _speaks_protocol(placed):
            pieces += _pieces(connection, placed)
    if not pieces:
        notes.append(Note("no_messages", "сообщений обмена нет / no messages of the exchange", is_fault=True))
    pieces.sort(key=lambda numbered: numbered[0])
    return Capture(tuple(piece for _, piece in pieces), tuple(notes))


def _placed(connection: TcpConnection) -> Iterator[_Placed]:
    for half in connection.halves.values():
        for cut in _joined(_cuts(half)):
            yield _Placed(half, cut)


def _cuts(half: Half) -> Iterator[Cut[Moment]]:
    splitter: Splitter[Moment] = Splitter()
    for chunk in half.chunks():
        if chunk.missing_bytes:
            yield from splitter.skip(chunk.missing_bytes, chunk.moment)
        yield from splitter.feed(chunk.data, chunk.moment)
    yield from splitter.finish()


def _joined(cuts: Iterator[Cut[Moment]]) -> Iterator[Cut[Moment]]:
    """The same with neighbouring foreign pieces in one."""
    waiting: list[Cut[Moment]] = []
    for cut in cuts:
        if cut.sort is Sort.FOREIGN:
            waiting.append(cut)
            continue
        yield from _join(waiting)
        waiting = []
        yield cut
    yield from _join(waiting)


def _join(waiting: list[Cut[Moment]]) -> Iterator[Cut[Moment]]:
    if waiting:
        yield waiting[-1]._replace(raw=b"".join(cut.raw for cut in waiting))


def _speaks_protocol(placed: list[_Placed]) -> bool:
    return any(one.cut.sort in {Sort.MESSAGE, Sort.PARTIAL} for one in placed)


def _pieces(connection: TcpConnection, placed: list[_Placed]) -> Iterator[tuple[int, Piece]]:
    register = _register(connection, placed)
    for half, cut in placed:
        yield (
            cut.moment.number,
            Piece(
                connection=connection.number,
                sender=Sender.REGISTER if half.source == register else Sender.OPERATOR,
                sort=cut.sort,
                raw=cut.raw,
                at=cut.moment.at,
                source=str(half.source),
                destination=str(half.destination),
                missing_bytes=cut.missing_bytes,
            ),
        )


def _register(connection: TcpConnection, placed: list[_Placed]) -> Address:
    """Who opened the connection; where that was not recorded, who sends containers of a drive, else the higher port."""
    if connection.opened_by is not None:
        return connection.opened_by
    for half, cut in placed:
        kind = cut.raw[_CONTAINER_TYPE_OFFSET : _CONTAINER_TYPE_OFFSET + 1]
        if cut.sort is Sort.MESSAGE and kind == bytes((FROM_FN,)):
            return half.source
        if cut.sort is Sort.MESSAGE and kind == bytes((FROM_OPERATOR,)):
            return half.destination
    return max(connection.halves, key=lambda address: address.port)


def _notes(connection: TcpConnection, placed: list[_Placed]) -> Iterator[Note]:
    halves = tuple(connection.halves.values())
    who = f"соединение / connection {connection.number} ({halves[0].source} – {halves[0].destination})"
    conflicting = sum(half.conflicting_bytes for half in halves)
    if conflicting and _speaks_protocol(placed):
        text = f"{who}: {conflicting} байт повторены иначе / bytes were sent again with other content"
        yield Note("tcp_conflict", text, is_fault=True)
    size = sum(len(one.cut.raw) for one in placed)
    if size and not _speaks_protocol(placed):
        head = placed[0].cut.raw[:_SHOWN_BYTES].hex(" ")
        text = f"{who}: {size} байт другого протокола / bytes of another protocol: {head}"
        yield Note("other_protocol", text, is_fault=False)
