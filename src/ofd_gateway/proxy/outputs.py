"""Files of a recording: pcapng for Wireshark, JSON lines for programs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, BinaryIO, Protocol

from ofd_gateway import __version__
from ofd_gateway.captures.journal import encode_journal_line, journal_line
from ofd_gateway.captures.pcapng import enhanced_packet, file_header

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from ofd_gateway.captures.opened import Opened

__all__ = ["JournalFile", "Output", "PcapngFile"]


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
    """The packets of all connections; a file that is there is replaced. Only its owner may read it (mode 0600)."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._file = _create(path)
        self._file.write(
            file_header(
                application=f"ofd-gateway {__version__}",
                comment="Recorded by a proxy: the bytes are those of the wire, the packets around them are made up.",
            )
        )
        self._file.flush()

    def frames(self, frames: Sequence[bytes], at: datetime) -> None:
        """Writes packets."""
        for frame in frames:
            self._file.write(enhanced_packet(frame, at))

    def piece(self, opened: Opened) -> None:
        """Packets have no messages."""

    def flush(self) -> None:
        """Hands everything to the system."""
        self._file.flush()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


class JournalFile:
    """One JSON line a message; a file that is there is replaced. Only its owner may read it (mode 0600)."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._file = _create(path)

    def frames(self, frames: Sequence[bytes], at: datetime) -> None:
        """Messages have no packets."""

    def piece(self, opened: Opened) -> None:
        """Writes a line."""
        self._file.write(encode_journal_line(journal_line(opened)) + b"\n")

    def flush(self) -> None:
        """Hands everything to the system."""
        self._file.flush()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def _create(path: Path) -> BinaryIO:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_CLOEXEC", 0)
    return os.fdopen(os.open(path, flags, 0o600), "wb")
