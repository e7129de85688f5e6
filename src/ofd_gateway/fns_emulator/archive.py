"""Where decided documents are kept: the last ones in memory, or all of them in a file of JSON lines."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol

import msgspec

from ofd_gateway.errors import OfdGatewayError
from ofd_gateway.ffd import parse_json, to_json_bytes
from ofd_gateway.fns_emulator.contract import Key, Verdict

__all__ = ["Archive", "FileArchive", "KeepFailed", "KeptHead", "Record", "RingArchive", "UnreadableKeep"]

_INDEX_EVERY: Final = 256
_SCANNED_LINES: Final = 20_000
"""Lines that one page may cost; `next` leads on from there."""
_MODE: Final = 0o600
"""Documents hold buyers' contacts."""


class UnreadableKeep(OfdGatewayError):
    """A file of kept documents that cannot be used: in use, or with a line that is none of ours. Nothing is changed."""


class KeepFailed(OfdGatewayError):
    """Documents could not be written. None of them may be answered; the sender sends them again."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One decided document before it is written."""

    kept_at: datetime
    fn: str
    generation: int
    fd: int
    ffd: str
    kind: str
    received_at: datetime
    answer: Verdict
    rule: str | None
    document: dict[str, Any]


class KeptHead(msgspec.Struct, frozen=True, kw_only=True):
    """What a start reads of a kept line."""

    fn: str
    generation: int
    fd: int
    kind: str
    answer: Verdict
    document: dict[str, msgspec.Raw]

    @property
    def key(self) -> Key:
        """What a document is told from others by."""
        return self.fn, self.generation, self.fd

    @property
    def sign(self) -> int | None:
        """The message sign, None when the document had none."""
        with contextlib.suppress(KeyError, msgspec.DecodeError):
            return _SIGNED.decode(self.document[self.kind]).sign
        return None


class _Signed(msgspec.Struct, frozen=True):
    sign: int | None = msgspec.field(default=None, name="messageFiscalSign")


_SIGNED: Final = msgspec.json.Decoder(_Signed)
_HEAD: Final = msgspec.json.Decoder(KeptHead)


class Archive(Protocol):
    """Takes decided documents and gives them back in pages."""

    def append(self, records: Sequence[Record]) -> None:
        """Keeps documents. Raises KeepFailed when that is impossible; then none of them is kept."""
        ...

    def page(self, *, fn: str | None, after: int, limit: int) -> tuple[list[dict[str, Any]], int | None]:
        """Documents behind the number `after`, oldest first, and the `after` of the next page or None."""
        ...

    def close(self) -> None:
        """Lets go of what is held."""
        ...


class RingArchive:
    """The last documents, in memory: so many, and no more than 64 MiB of them."""

    def __init__(self, capacity: int, capacity_bytes: int = 64 << 20) -> None:
        self._lines: deque[tuple[int, str, bytes]] = deque()
        self._capacity = capacity
        self._capacity_bytes = capacity_bytes
        self._seq = self._size = 0

    def append(self, records: Sequence[Record]) -> None:
        """Keeps documents, in place of the oldest."""
        for record in records:
            self._seq += 1
            line = _line(record)
            self._lines.append((self._seq, record.fn, line))
            self._size += len(line)
        while len(self._lines) > self._capacity or self._size > self._capacity_bytes:
            self._size -= len(self._lines.popleft()[2])

    def page(self, *, fn: str | None, after: int, limit: int) -> tuple[list[dict[str, Any]], int | None]:
        """What is still held of the documents behind `after`."""
        found: list[dict[str, Any]] = []
        for seq, owner, line in tuple(self._lines):  # pages are made in another thread than documents are kept
            if seq <= after or (fn is not None and owner != fn):
                continue
            if len(found) == limit:
                return found, int(found[-1]["seq"])
            found.append(_told(seq, line))
        return found, None

    def close(self) -> None:
        """Nothing is held outside this process."""


class FileArchive:
    """A file with one JSON line a document, written before any answer leaves.

    The lines are in the kernel's hands when `append` returns, so SIGKILL loses nothing; `fsync` guards against a
    failing machine as well. A line that a killed process left half written is cut off at the start: its document was
    not answered. Raises UnreadableKeep when another process has the file or a line cannot be understood.
    """

    def __init__(self, path: Path, *, fsync: bool = False) -> None:
        self._path = path
        self._fsync = fsync
        self._count = self._size = 0
        self._index: list[int] = []
        self._file: BinaryIO = _open_alone(path)

    def read(self) -> Iterator[KeptHead]:
        """Every kept document, oldest first; to be called once, before anything is appended."""
        self._file.seek(0)
        for line in self._file:
            if not line.endswith(b"\n"):
                break
            try:
                head = _HEAD.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise UnreadableKeep(f"{self._path}, line {self._count + 1}: {error}") from None
            self._grown(len(line))
            yield head

    def cut_torn_line(self) -> int:
        """Cuts off what follows the last whole line; the number of bytes."""
        torn = os.fstat(self._file.fileno()).st_size - self._size
        if torn:
            os.ftruncate(self._file.fileno(), self._size)
        return torn

    def append(self, records: Sequence[Record]) -> None:
        """Writes the lines in one piece, or takes the piece back."""
        lines = [_line(record) + b"\n" for record in records]
        fd = self._file.fileno()
        try:
            rest = memoryview(b"".join(lines))
            while rest:
                rest = rest[os.write(fd, rest) :]
            if self._fsync:
                os.fsync(fd)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(fd, self._size)
            raise KeepFailed(f"{self._path}: {error.strerror}") from error
        for line in lines:
            self._grown(len(line))

    def page(self, *, fn: str | None, after: int, limit: int) -> tuple[list[dict[str, Any]], int | None]:
        """Reads the file from the nearest indexed line on."""
        found: list[dict[str, Any]] = []
        start = min(after, self._count) // _INDEX_EVERY
        if start >= len(self._index):
            return found, None
        seq, end = start * _INDEX_EVERY, self._count
        scanned_to = min(end, after + _SCANNED_LINES)
        with self._path.open("rb") as file:
            file.seek(self._index[start])
            while seq < scanned_to and len(found) < limit:
                seq += 1
                line = file.readline()
                if seq > after and (fn is None or _HEAD.decode(line).fn == fn):
                    found.append(_told(seq, line))
        return found, seq if seq < end else None

    def close(self) -> None:
        """Closes the file, which another process may use from now on."""
        self._file.close()

    def _grown(self, size: int) -> None:
        if self._count % _INDEX_EVERY == 0:
            self._index.append(self._size)
        self._count += 1
        self._size += size


def _open_alone(path: Path) -> BinaryIO:
    import fcntl

    with contextlib.ExitStack() as undo:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, _MODE)
        file = undo.enter_context(open(descriptor, "rb"))  # noqa: PTH123  a descriptor is no path
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UnreadableKeep(f"{path}: another process keeps its documents there") from None
        undo.pop_all()
        return file


def _line(record: Record) -> bytes:
    return to_json_bytes(msgspec.structs.asdict(record))


def _told(seq: int, line: bytes) -> dict[str, Any]:
    kept = parse_json(line)
    assert isinstance(kept, dict)  # noqa: S101  written by ourselves, or read as such at the start
    return {"seq": seq, **kept}
