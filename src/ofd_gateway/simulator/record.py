"""The simulator's own record (протокол обмена) of what was confirmed, one JSON line a document."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec

from ofd_gateway.errors import OfdGatewayError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType


class RecordUnreadable(OfdGatewayError):
    """A line of a record is no record line; the message names file and line."""


class ConfirmedDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One confirmed document: enough to find it in a database and compare it byte for byte."""

    fn: str
    fd: int
    code: int
    """Document code (код документа)."""
    container: str
    """The container as sent, hex."""
    response_code: int
    operator_sign: str
    """1078, hex."""
    trailer: str
    """Trailer of the confirmation (ФПП), hex."""
    confirmed_at: str
    """When the register had it, UTC, ISO-8601."""
    sent_times: int
    """How often the document was sent until then."""


class Recorder:
    """Appends lines to a file; a line is in the operating system's hands before `write` returns.

    So a killed gateway (or a killed simulator) cannot take a line back. It is not synced to disk: the record
    outlives programs, not a power cut.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0), 0o644)
        self._encoder = msgspec.json.Encoder()

    def write(self, document: ConfirmedDocument) -> None:
        """One more line, whole or not at all (OSError when the disk is full)."""
        line = self._encoder.encode(document) + b"\n"
        written = os.write(self._descriptor, line)
        if written != len(line):
            raise OSError(f"only {written} of {len(line)} bytes of a record line were written")

    def close(self) -> None:
        """Closes the file."""
        os.close(self._descriptor)

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_record(path: Path) -> Iterator[ConfirmedDocument]:
    """The lines of a record, in order. Raises RecordUnreadable for a line that is none, OSError for the file."""
    decoder = msgspec.json.Decoder(ConfirmedDocument)
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                yield decoder.decode(line)
            except msgspec.MsgspecError as error:
                raise RecordUnreadable(f"{path}, line {number}: {error}") from error
