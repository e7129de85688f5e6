"""What bytes are: a session message, a container or a bare document, told apart by content."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from ofd_gateway.crypto import BodyUnreadable, EmulatorCrypto
from ofd_gateway.errors import OfdGatewayError
from ofd_gateway.ffd import Document, FormatError, decode
from ofd_gateway.ffd.dictionary import document_codes
from ofd_gateway.protocol import (
    CONTAINER_HEADER_BYTES,
    FROM_FN,
    FROM_OPERATOR,
    SESSION_HEADER_BYTES,
    TRAILER_BYTES,
    Container,
    CrcMode,
    ProtocolError,
    SessionHeader,
    crc16,
    parse_container,
    parse_session_header,
)

__all__ = ["LARGEST_MESSAGE_BYTES", "Reading", "UnreadableInput", "begins_message", "read_message"]

_SIGNATURES: Final = (b"\x2a\x08\x41\x0a", b"\xdd\x80\xca\xa1")
"""Of the session header, and of the marking protocol's, which is refused by its name."""
_CONTAINER_MARK: Final = bytes.fromhex("1009")
_LEAST_CONTAINER: Final = CONTAINER_HEADER_BYTES + TRAILER_BYTES
_TLV_HEAD_BYTES: Final = 4
LARGEST_MESSAGE_BYTES: Final = 66_000
"""More than any length field of 16 bits can announce, with its frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a piece of input is: any of a session header, a container and a document; `size` bytes of it."""

    header: SessionHeader | None = None
    container: Container | None = None
    document: Document | None = None
    message_sign: bytes | None = None
    size: int = 0


class UnreadableInput(OfdGatewayError):
    """The input is no message, container or document.

    `offset` counts from the beginning of the input, `reason` is a slug, `more` has the field or path, the rule and the
    detail. `partial` is what could be read of the message before; the message begins at `base`.
    """

    def __init__(self, reason: str, offset: int, text: str, *, partial: Reading | None = None, **more: str) -> None:
        super().__init__(text)
        self.reason = reason
        self.offset = offset
        self.more = more
        self.partial = partial or Reading()
        self.base = 0


def read_message(data: bytes, *, base: int = 0) -> Reading:
    """One session message, container or bare document at the beginning of `data`; `base` is added to offsets.

    Raises:
        UnreadableInput: names the field, the offset and the rule.
    """
    if data.startswith(_SIGNATURES):
        return _session(data, base)
    if _begins_container(data):
        return _container(data, base)
    return _bare(data, base)


def begins_message(data: bytes) -> bool:
    """Whether the first bytes are those of a session message, a container, or a document of a known code."""
    code, length = int.from_bytes(data[:2], "little"), int.from_bytes(data[2:4], "little")
    is_document = len(data) >= _TLV_HEAD_BYTES and code in document_codes() and length <= len(data) - _TLV_HEAD_BYTES
    return data.startswith(_SIGNATURES) or _begins_container(data) or is_document


def _begins_container(data: bytes) -> bool:
    return len(data) >= 9 and data[4] in {FROM_FN, FROM_OPERATOR} and data[7:9] == _CONTAINER_MARK


def _session(data: bytes, base: int) -> Reading:
    try:
        header = parse_session_header(data[:SESSION_HEADER_BYTES])
    except ProtocolError as error:
        raise _refused(error, base, Reading(header=error.header)) from error
    end = SESSION_HEADER_BYTES + header.body_length
    partial = Reading(header=header, size=end)
    if len(data) < end:
        raise UnreadableInput(
            "truncated",
            base + len(data),
            f"the header announces {header.body_length} bytes, {len(data) - SESSION_HEADER_BYTES} follow",
            partial=partial,
        )
    _check_crc(data[:end], base, partial)
    if header.body_length == 0:
        return partial
    return _opened(data[SESSION_HEADER_BYTES:end], base + SESSION_HEADER_BYTES, partial)


def _check_crc(message: bytes, base: int, partial: Reading) -> None:
    header = partial.header
    if header is None or header.crc_mode is CrcMode.NONE:
        return
    expected = crc16(message[:28])
    if header.crc_mode is CrcMode.FULL:
        expected = crc16(message[SESSION_HEADER_BYTES:], expected)
    if expected != header.crc:
        text = f"the session CRC is 0x{header.crc:04x}, the bytes give 0x{expected:04x}"
        raise UnreadableInput("session_crc", base + 28, text, partial=partial)


def _container(data: bytes, base: int) -> Reading:
    """The first of what may be several containers; one that is cut short is refused by the parser."""
    announced = int.from_bytes(data[:2], "little")
    size = announced if _LEAST_CONTAINER <= announced <= len(data) else len(data)
    return _opened(data[:size], base, Reading(size=size))


def _opened(raw: bytes, base: int, partial: Reading) -> Reading:
    try:
        container = parse_container(raw, kind=FROM_OPERATOR if raw[4:5] == bytes([FROM_OPERATOR]) else FROM_FN)
    except ProtocolError as error:
        raise _refused(error, base, partial) from error
    partial = replace(
        partial, container=container, message_sign=container.message_sign if container.kind == FROM_FN else None
    )
    try:
        body = EmulatorCrypto(b"-").unwrap(container)
    except BodyUnreadable as error:
        raise _refused(error, base, partial) from error
    hint = None if partial.header is None else partial.header.ffd_hint
    return replace(partial, document=_document(body, base + CONTAINER_HEADER_BYTES, partial, hint))


def _bare(data: bytes, base: int) -> Reading:
    """A document alone, or followed by its message sign as in `rawData` (8 bytes) or in a container (10)."""
    end = _TLV_HEAD_BYTES + int.from_bytes(data[2:4], "little")
    tail = data[end:]
    if len(tail) in {8, TRAILER_BYTES} and tail.startswith(b"\x81\x06"):
        document = _document(data[:end], base, Reading())
        return Reading(document=document, message_sign=tail[:8], size=len(data))
    return Reading(document=_document(data, base, Reading()), size=len(data))


def _document(body: bytes, base: int, partial: Reading, version_hint: str | None = None) -> Document:
    try:
        return decode(body, version_hint=version_hint)
    except FormatError as error:
        offset = base + error.offset
        text = f"{error.path}, byte {offset}: {error.detail}; {error.rule}"
        raise UnreadableInput(
            error.reason, offset, text, partial=partial, path=error.path, rule=error.rule, detail=error.detail
        ) from error


def _refused(error: ProtocolError | BodyUnreadable, base: int, partial: Reading) -> UnreadableInput:
    offset = base + error.offset
    text = f"{error.field}, byte {offset}: {error.detail}; {error.rule}"
    return UnreadableInput(
        error.reason, offset, text, partial=partial, field=error.field, rule=error.rule, detail=error.detail
    )
