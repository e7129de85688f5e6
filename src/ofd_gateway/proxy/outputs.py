"""Files of a recording: pcapng for Wireshark, JSON lines for programs."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final, Protocol

from ofd_gateway import __version__
from ofd_gateway.captures.journal import encode_journal_line, journal_line
from ofd_gateway.captures.pcapng import enhanced_packet, file_header

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from ofd_gateway.captures.opened import Opened

__all__ = ["JournalFile", "Output", "PcapngFile", "create_file"]

_WRITE_BYTES: Final = 256 * 1024


def create_file(path: Path) -> int:
    """The descriptor of a new file that only its owner may read (mode 0600); one that is there is emptied."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_CLOEXEC", 0), 0o600)


class Output(Protocol):
    """Where a recording goes; every method may raise OSError, after which the output is given up."""

    name: str

    def frames(self, frames: Sequence[bytes], at: datetime) -> None:
        """Packets of one event."""
        ...

    def piece(self, opened: Opened) -> None:
        """One message, or what stands in the place of one."""
        ...

    def flush(self) -> None:
        """Nothing waits: what was written should be seen by others."""
        ...

    def close(self) -> None:
        """Nothing follows."""
        ...


class PcapngFile:
    """The packets of all connections, written to an open file."""

    def __init__(self, descriptor: int, name: str) -> None:
        self.name = name
        self._file = _WholeRecords(descriptor)
        self._file.add(
            file_header(
                application=f"ofd-gateway {__version__}",
                comment="Recorded by a proxy: the bytes are those of the wire, the packets around them are made up.",
            )
        )

    def frames(self, frames: Sequence[bytes], at: datetime) -> None:
        """Writes packets."""
        for frame in frames:
            self._file.add(enhanced_packet(frame, at))

    def piece(self, opened: Opened) -> None:
        """Packets have no messages."""

    def flush(self) -> None:
        """Hands everything to the system."""
        self._file.flush()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


class JournalFile:
    """One JSON line a message, written to an open file."""

    def __init__(self, descriptor: int, name: str) -> None:
        self.name = name
        self._file = _WholeRecords(descriptor)

    def frames(self, frames: Sequence[bytes], at: datetime) -> None:
        """Messages have no packets."""

    def piece(self, opened: Opened) -> None:
        """Writes a line."""
        self._file.add(encode_journal_line(journal_line(opened)) + b"\n")

    def flush(self) -> None:
        """Hands everything to the system."""
        self._file.flush()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


class _WholeRecords:
    """A file that only ever holds whole records: when the disk takes only a part of one, the part is cut off again."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._size_bytes = 0
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0

    def add(self, record: bytes) -> None:
        self._waiting.append(record)
        self._waiting_bytes += len(record)
        if self._waiting_bytes > _WRITE_BYTES:
            self.flush()

    def flush(self) -> None:
        records, self._waiting, self._waiting_bytes = self._waiting, [], 0
        view = memoryview(b"".join(records))
        whole = self._size_bytes + len(view)
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError:
            self._give_up(records, whole - len(view))
            raise
        self._size_bytes = whole

    def close(self) -> None:
        self.flush()
        os.close(self._descriptor)

    def _give_up(self, records: list[bytes], written: int) -> None:
        whole = self._size_bytes
        for record in records:
            if whole + len(record) > written:
                break
            whole += len(record)
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, whole)
        os.close(self._descriptor)
