"""Input of `decode` that is no capture: bytes, hex, a hex dump, base64 or one line of a journal."""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING, Final

from ofd_gateway.captures.journal import JournalError, is_journal, read_journal_line
from ofd_gateway.captures.reading import (
    LARGEST_MESSAGE_BYTES,
    Reading,
    UnreadableInput,
    begins_message,
    read_message,
)
from ofd_gateway.cli.hexdump import NotHex, read_hex

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Reading", "UnreadableInput", "read_bytes", "read_input", "read_line", "read_message"]

_BOM: Final = b"\xef\xbb\xbf"
_PRINTABLE: Final = b"\t\r\n" + bytes(range(32, 127))


def read_input(raw: bytes) -> Iterator[tuple[int, Reading]]:
    """Everything in the input, one message after another, each with its offset.

    Raises:
        UnreadableInput: at the first byte that fits nothing.
    """
    if not raw:
        raise UnreadableInput("empty", 0, "the input is empty")
    position = 0
    while position < len(raw):
        try:
            reading = read_message(raw[position : position + LARGEST_MESSAGE_BYTES], base=position)
        except UnreadableInput as error:
            error.base = position
            raise
        yield position, reading
        position += reading.size


def read_line(line: bytes) -> Reading:
    """The only message of a line of text.

    Raises:
        UnreadableInput: there is none, or something follows it.
    """
    raw = read_bytes(line)
    if not raw:
        raise UnreadableInput("empty", 0, "the line is empty")
    reading = read_message(raw)
    if reading.size != len(raw):
        raise UnreadableInput("extra_data", reading.size, f"{len(raw) - reading.size} bytes follow the message")
    return reading


def read_bytes(data: bytes) -> bytes:
    """The bytes behind hex, a hex dump, base64 or one line of a journal, or the bytes themselves.

    Base64 is taken for such only where a message begins in it, because any word of four letters is base64.

    Raises:
        UnreadableInput: a text that is none of these.
    """
    text = data.removeprefix(_BOM).strip()
    if not text:
        return b"" if data.isspace() else text
    if not _is_text(text):
        return data
    if is_journal(text):
        return _journal_bytes(text)
    try:
        return read_hex(text.decode("ascii"))
    except NotHex as error:
        decoded = _base64(text)
        if decoded is not None:
            return decoded
        raise UnreadableInput(error.reason, error.offset, str(error)) from None


def _journal_bytes(line: bytes) -> bytes:
    try:
        piece = read_journal_line(line)
    except JournalError as error:
        raise UnreadableInput("journal_line", 0, str(error)) from None
    return b"" if piece is None else piece.raw


def _base64(text: bytes) -> bytes | None:
    try:
        decoded = binascii.a2b_base64(b"".join(text.split()), strict_mode=True)
    except binascii.Error:
        return None
    return decoded if begins_message(decoded) else None


def _is_text(data: bytes) -> bool:
    return not data.translate(None, delete=_PRINTABLE)
