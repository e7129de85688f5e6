"""A recording of any form: a pcap or pcapng file, or a journal of JSON lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ofd_gateway.captures.conversations import Capture, Note, read_capture
from ofd_gateway.captures.journal import JournalError, is_journal, read_journal_line
from ofd_gateway.captures.savefile import is_savefile

if TYPE_CHECKING:
    from ofd_gateway.captures.piece import Piece

__all__ = ["is_recording", "read_recording"]


def is_recording(data: bytes) -> bool:
    """Whether the bytes begin as a capture file or a journal does."""
    return is_savefile(data) or is_journal(data)


def read_recording(data: bytes) -> Capture:
    """Everything in a recording; what cannot be read is named in its notes."""
    return read_capture(data) if is_savefile(data) else _read_journal(data)


def _read_journal(data: bytes) -> Capture:
    pieces: list[Piece] = []
    notes: list[Note] = []
    offset = 0
    for number, line in enumerate(data.splitlines(keepends=True), start=1):
        if line.strip():
            try:
                piece = read_journal_line(line)
            except JournalError as error:
                notes.append(Note("journal_line", f"строка / line {number}: {error}", is_fault=True, offset=offset))
            else:
                pieces += [] if piece is None else [piece]
        offset += len(line)
    if not pieces:
        notes.append(Note("no_messages", "сообщений обмена нет / no messages of the exchange", is_fault=True))
    return Capture(tuple(pieces), tuple(notes))
