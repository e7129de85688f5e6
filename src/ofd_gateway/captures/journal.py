"""A recording as JSON lines: one piece a line, with what was read of it.

The bytes (`hex`) are the truth; the other fields are there for people and for `jq`, and are not looked at when a
journal is read, except for those that say who sent the bytes, on which connection and when.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from ofd_gateway.captures.piece import Piece, Sender, Sort
from ofd_gateway.errors import OfdGatewayError

if TYPE_CHECKING:
    from ofd_gateway.captures.opened import Opened

__all__ = ["JournalError", "JournalLine", "encode_journal_line", "is_journal", "journal_line", "read_journal_line"]

_BLANK: Final = b" \t\r\n\xef\xbb\xbf"


class JournalError(OfdGatewayError):
    """A line that is none of a journal; `detail` says why."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with a piece: a slug, the offset in its bytes, a sentence."""

    reason: str
    offset: int
    text: str


class JournalLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line; `time` is UTC in ISO-8601, `direction` says who sent."""

    time: str | None = None
    connection: int = 1
    direction: Literal["register", "operator"] = "register"
    source: str = ""
    destination: str = ""
    sort: Literal["message", "partial", "foreign", "gap"] = "message"
    kind: str | None = None
    fn: str | None = None
    fd: int | None = None
    ffd: str | None = None
    response_code: int | None = None
    encrypted: bool = False
    missing_bytes: int = 0
    error: Fault | None = None
    hex: str


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(JournalLine).decode


def journal_line(opened: Opened) -> JournalLine:
    """The line of one piece."""
    piece, fault, document = opened.piece, opened.fault, opened.reading.document
    return JournalLine(
        time=None if piece.at is None else _iso(piece.at),
        connection=piece.connection,
        direction=piece.sender.value,
        source=piece.source,
        destination=piece.destination,
        sort=piece.sort.value,
        kind=opened.kind,
        fn=opened.fn,
        fd=opened.fd,
        ffd=None if document is None else document.ffd,
        response_code=opened.response_code,
        encrypted=opened.encrypted,
        missing_bytes=piece.missing_bytes,
        error=None if fault is None else Fault(reason=fault.reason, offset=fault.offset, text=str(fault)),
        hex=piece.raw.hex(),
    )


def is_journal(data: bytes) -> bool:
    """Whether a text begins as a journal does: with a JSON object that has a key."""
    head = data[:64].lstrip(_BLANK)
    return head.startswith(b"{") and head[1:].lstrip(_BLANK).startswith(b'"')


def read_journal_line(line: bytes) -> Piece | None:
    """The piece of a line, None for a line of a log among them (it has an `event`).

    Raises:
        JournalError: the line is no JSON, has no `hex`, or a field of the wrong kind.
    """
    try:
        read = _decode(line.strip(_BLANK))
        raw = bytes.fromhex(read.hex)
        at = None if read.time is None else datetime.fromisoformat(read.time)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        if _is_log(line):
            return None
        raise JournalError(str(error)) from None
    return Piece(
        connection=read.connection,
        sender=Sender(read.direction),
        sort=Sort(read.sort),
        raw=raw,
        at=at if at is None or at.tzinfo is not None else None,
        source=read.source,
        destination=read.destination,
        missing_bytes=read.missing_bytes,
    )


def encode_journal_line(line: JournalLine) -> bytes:
    """The bytes of one line, without its newline."""
    return _encode(line)


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _is_log(line: bytes) -> bool:
    try:
        read: Any = msgspec.json.decode(line.strip(_BLANK))
    except (msgspec.MsgspecError, RecursionError):
        return False
    return isinstance(read, dict) and "event" in read
