"""Input of `decode`: text in the usual spellings of hex, or bytes; a message, a container or a bare document."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ofd_gateway.crypto import BodyUnreadable, EmulatorCrypto
from ofd_gateway.errors import OfdGatewayError
from ofd_gateway.ffd import Document, FormatError, decode
from ofd_gateway.protocol import (
    FROM_FN,
    FROM_OPERATOR,
    SESSION_HEADER_BYTES,
    Container,
    CrcMode,
    ProtocolError,
    SessionHeader,
    crc16,
    parse_container,
    parse_session_header,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Reading", "UnreadableInput", "read_bytes", "read_input", "read_message"]

SIGNATURES: Final = (b"\x2a\x08\x41\x0a", b"\xdd\x80\xca\xa1")
_CLEAR_HEADER: Final = bytes.fromhex("1009")
_HEX_TEXT: Final = re.compile(rb"(?:0x|\\x|[0-9a-fA-F]|[\s:,;\-])+")
_HEX_NOISE: Final = re.compile(rb"0x|\\x|[\s:,;\-]")
_DUMP_LINE: Final = re.compile(rb"^[0-9a-fA-F]{4,16}:?\s+((?:[0-9a-fA-F]{2,4}\s{1,2})*[0-9a-fA-F]{2,4})(?:\s{2,}.*|\s*)$")
_TLV_HEAD_BYTES: Final = 4


class UnreadableInput(OfdGatewayError):
    """The input is no message, container or document; offsets count from its beginning."""

    def __init__(self, reason: str, offset: int, text: str, **more: str) -> None:
        super().__init__(text)
        self.reason = reason
        self.offset = offset
        self.more = more


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a piece of input is: any of a session header, a container and a document."""

    header: SessionHeader | None = None
    container: Container | None = None
    document: Document | None = None
    message_sign: bytes | None = None
    size: int = 0


def read_input(data: bytes) -> Iterator[Reading]:
    """Everything in the input, one message after another.

    Raises:
        UnreadableInput: at the first byte that fits nothing.
    """
    raw = read_bytes(data)
    if not raw:
        raise UnreadableInput("empty", 0, "the input is empty")
    position = 0
    while position < len(raw):
        reading = read_message(raw[position:], base=position)
        position += reading.size
        yield reading


def read_bytes(data: bytes) -> bytes:
    """The bytes behind hex (with spaces, colons, `0x`), a hex dump with offsets, or the bytes themselves."""
    text = data.strip()
    if not text or not _is_text(text):
        return data
    if _HEX_TEXT.fullmatch(text):
        digits = _HEX_NOISE.sub(b"", text)
        if len(digits) % 2:
            raise UnreadableInput("odd_hex", len(digits) // 2, f"{len(digits)} hex digits: the last byte is cut in half")
        return bytes.fromhex(digits.decode())
    lines = [_DUMP_LINE.match(line.strip()) for line in text.splitlines() if line.strip()]
    if all(lines):
        return b"".join(bytes.fromhex(b"".join(line[1].split()).decode()) for line in lines if line)
    raise UnreadableInput("no_hex", _first_odd(text), "text that is neither hex nor a hex dump")


def read_message(data: bytes, *, base: int = 0) -> Reading:
    """One session message, container or bare document at the beginning of `data`; `base` is added to offsets.

    Raises:
        UnreadableInput: names the field, the offset and the rule.
    """
    try:
        if data.startswith(SIGNATURES):
            return _session(data)
        if _looks_like_container(data):
            return _container(data)
        return _bare(data)
    except ProtocolError as error:
        raise UnreadableInput(
            error.reason, base + error.offset, str(error), field=error.field, rule=error.rule, detail=error.detail
        ) from error
    except BodyUnreadable as error:
        offset = base + error.offset + (SESSION_HEADER_BYTES if data.startswith(SIGNATURES) else 0)
        raise UnreadableInput(
            error.reason, offset, str(error), field=error.field, rule=error.rule, detail=error.detail
        ) from error
    except FormatError as error:
        offset = base + error.offset + _document_offset(data)
        raise UnreadableInput(
            error.reason, offset, str(error), path=error.path, rule=error.rule, detail=error.detail
        ) from error


def _session(data: bytes) -> Reading:
    header = parse_session_header(data[:SESSION_HEADER_BYTES])
    end = SESSION_HEADER_BYTES + header.body_length
    if len(data) < end:
        raise ProtocolError(
            "truncated",
            field="message",
            offset=len(data),
            rule=f"the header announces {header.body_length} bytes",
            detail=f"{len(data) - SESSION_HEADER_BYTES} are there",
        )
    _check_crc(header, data[:end])
    if header.body_length == 0:
        return Reading(header=header, size=end)
    body = data[SESSION_HEADER_BYTES:end]
    try:
        container = parse_container(body, kind=_kind(body))
    except ProtocolError as error:
        error.offset += SESSION_HEADER_BYTES
        raise
    return _opened(container, header=header, size=end)


def _check_crc(header: SessionHeader, message: bytes) -> None:
    if header.crc_mode is CrcMode.NONE:
        return
    expected = crc16(message[:28])
    if header.crc_mode is CrcMode.FULL:
        expected = crc16(message[SESSION_HEADER_BYTES:], expected)
    if expected != header.crc:
        raise ProtocolError(
            "session_crc",
            field="CRC",
            offset=28,
            rule=f"these bytes have CRC 0x{expected:04x}",
            detail=f"found 0x{header.crc:04x}",
        )


def _container(data: bytes) -> Reading:
    return _opened(parse_container(data, kind=_kind(data)), header=None, size=len(data))


def _opened(container: Container, *, header: SessionHeader | None, size: int) -> Reading:
    body = EmulatorCrypto(b"-").unwrap(container)
    document = decode(body, version_hint=None if header is None else header.ffd_hint)
    sign = container.message_sign if container.kind == FROM_FN else None
    return Reading(header=header, container=container, document=document, message_sign=sign, size=size)


def _bare(data: bytes) -> Reading:
    """A document alone, or followed by its message sign as in `rawData` (8 bytes) or in a container (10)."""
    end = _TLV_HEAD_BYTES + int.from_bytes(data[2:4], "little")
    tail = data[end:]
    if len(tail) in {8, 10} and tail.startswith(b"\x81\x06"):
        return Reading(document=decode(data[:end]), message_sign=tail[:8], size=len(data))
    return Reading(document=decode(data), size=len(data))


def _looks_like_container(data: bytes) -> bool:
    return len(data) >= 9 and data[4] in {FROM_FN, FROM_OPERATOR} and data[7:9] == _CLEAR_HEADER  # noqa: PLR2004


def _kind(data: bytes) -> int:
    return FROM_OPERATOR if data[4:5] == bytes([FROM_OPERATOR]) else FROM_FN


def _document_offset(data: bytes) -> int:
    if data.startswith(SIGNATURES):
        return SESSION_HEADER_BYTES + 32
    return 32 if _looks_like_container(data) else 0


def _is_text(data: bytes) -> bool:
    return all(byte in b"\t\r\n" or 32 <= byte < 127 for byte in data[:4096])  # noqa: PLR2004  printable ASCII


def _first_odd(text: bytes) -> int:
    match = _HEX_TEXT.match(text)
    return match.end() if match else 0
