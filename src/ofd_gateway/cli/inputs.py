"""Recorded pieces behind any input that `decode` takes: a recording, or messages as bytes, hex or base64."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ofd_gateway.captures.conversations import Capture, Note
from ofd_gateway.captures.piece import Piece, Sender, Sort
from ofd_gateway.captures.reading import UnreadableInput
from ofd_gateway.captures.recording import is_recording, read_recording
from ofd_gateway.cli.reading import read_bytes, read_input
from ofd_gateway.protocol import FROM_OPERATOR

if TYPE_CHECKING:
    from ofd_gateway.captures.reading import Reading

__all__ = ["read_file", "read_pieces"]


def read_file(name: str) -> bytes:
    """The bytes of a file, of standard input for `-`."""
    return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()


def read_pieces(data: bytes) -> Capture:
    """The pieces of an input, one for each message; what cannot be read is in the notes."""
    if is_recording(data):
        return read_recording(data)
    pieces: list[Piece] = []
    notes: list[Note] = []
    at = 0
    try:
        raw = read_bytes(data)
        for at, reading in read_input(raw):
            pieces.append(_piece(reading, raw[at : at + reading.size]))
    except UnreadableInput as error:
        if error.partial.container is not None:
            # An encrypted or broken body: what is sent again, or compared, are the bytes.
            pieces.append(_piece(error.partial, raw[error.base :]))
        notes.append(Note(error.reason, str(error), is_fault=True, offset=error.offset))
    return Capture(tuple(pieces), tuple(notes))


def _piece(reading: Reading, raw: bytes) -> Piece:
    is_operators = reading.container is not None and reading.container.kind == FROM_OPERATOR
    return Piece(
        connection=1,
        sender=Sender.OPERATOR if is_operators else Sender.REGISTER,
        sort=Sort.MESSAGE,
        raw=raw,
        at=None,
        source="",
        destination="",
    )
