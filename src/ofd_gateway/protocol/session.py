"""The session header (заголовок сеансового уровня), 30 bytes before every container.

::

    off 0        4     6     8                        24    26    28    30
        +--------+-----+-----+------------------------+-----+-----+-----+
        |2A08410A|81 A2| ver |  FN number, 16 ASCII   | len |flags| CRC |
        +--------+-----+-----+------------------------+-----+-----+-----+
         bytes    bytes bytes  space-padded right      u16LE u16LE u16LE

    flags   15 … 8   7 6       5 4           3   2          1 0
            0        priority  01 answer     0   container  CRC: 00 none, 01 header, 10 header and body
                               00 no answer

`len` counts the container that follows; 0 means that none does (служебный режим). A 15-digit FN number has one space
behind it. The CRC covers bytes 0–27 with the flags in place, in mode 10 the container as well; in mode 00 its field
means nothing, because real software leaves other values there.

Source: the exchange protocol of the tax service (ККТ – ТС ОФД) v1.1.006, tables 1 and 2. `declaration.SESSION_HEADER`
declares the same layout.
"""

from __future__ import annotations

import enum
import re
import struct
from typing import Final

import msgspec

from ofd_gateway.protocol.crc import crc16
from ofd_gateway.protocol.errors import ProtocolError

__all__ = [
    "CRC_MODE_MASK",
    "CRC_OFFSET",
    "FFD_BY_VERSION",
    "FN_FIELD_BYTES",
    "SESSION_HEADER_BYTES",
    "SESSION_VERSION",
    "SIGNATURE",
    "CrcMode",
    "Flag",
    "SessionHeader",
    "check_beginning",
    "parse_session_header",
    "session_crc",
]

SESSION_HEADER_BYTES: Final = 30
FN_FIELD_BYTES: Final = 16
SIGNATURE: Final = bytes.fromhex("2A08410A")
MARKING_SIGNATURE: Final = bytes.fromhex("DD80CAA1")
SESSION_VERSION: Final = bytes.fromhex("81A2")
CRC_OFFSET: Final = 28
CRC_MODE_MASK: Final = 0b11

FFD_BY_VERSION: Final = {
    bytes.fromhex("0001"): "1.0",
    bytes.fromhex("0002"): "1.0",
    bytes.fromhex("0100"): "1.0",
    bytes.fromhex("0105"): "1.05",
    bytes.fromhex("0110"): "1.1",
    bytes.fromhex("0120"): "1.2",
    # Firmware of some registers spells 1.1 and 1.2 like this.
    bytes.fromhex("0101"): "1.1",
    bytes.fromhex("0102"): "1.2",
}
"""P-protocol version bytes in the order of the wire, and the format (ФФД) that they announce."""

_LAYOUT: Final = struct.Struct("<4s2s2s16sHHH")
_FIELDS: Final = struct.Struct("<6s2s16sHHH")
_BEGINNING: Final = SIGNATURE + SESSION_VERSION
_VERSION_OFFSET: Final = 4
_FN_OFFSET: Final = 8
_FN_END: Final = _FN_OFFSET + FN_FIELD_BYTES
_FN_BEGINNING: Final = re.compile(rb"[0-9]{15}[0-9 ]|[0-9]{0,15}")
_FN: Final = re.compile(r"[0-9]{15,16}")
_PADDING: Final = b" "
_ANSWER_BITS_FORBIDDEN: Final = 0b10_0000


class CrcMode(enum.IntEnum):
    """Flags 1–0: what the session CRC covers."""

    #: No CRC; the field is not looked at.
    NONE = 0b00
    #: Bytes 0–27 of the header.
    HEADER = 0b01
    #: Bytes 0–27 of the header, then the whole body.
    FULL = 0b10
    #: Not allowed.
    FORBIDDEN = 0b11


class Flag(enum.IntFlag):
    """Single bits of the flags field."""

    #: Bits 5–4 = 01: the client waits for an answer.
    EXPECTS_ANSWER = 0x10
    #: Bit 2: a container follows.
    CONTAINER = 0x04


class SessionHeader(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One session header; `fn` is without its padding, `version` as on the wire."""

    version: bytes
    fn: str
    body_length: int
    flags: int
    crc: int = 0

    @property
    def expects_answer(self) -> bool:
        """Flags 5–4 are 01."""
        return bool(self.flags & Flag.EXPECTS_ANSWER)

    @property
    def carries_container(self) -> bool:
        """Flag bit 2; the length decides what really follows, whatever the flag says."""
        return bool(self.flags & Flag.CONTAINER)

    @property
    def crc_mode(self) -> CrcMode:
        """Flags 1–0."""
        return CrcMode(self.flags & CRC_MODE_MASK)

    @property
    def known_version(self) -> bool:
        """The P-protocol version is one that is documented or seen in the field."""
        return self.version in FFD_BY_VERSION

    @property
    def ffd_hint(self) -> str | None:
        """The format that the P-protocol version announces; tag 1209 of the document has the last word."""
        return FFD_BY_VERSION.get(self.version)

    def pack(self) -> bytes:
        """The 30 bytes, the CRC field as it is.

        Raises:
            ValueError: a value does not fit its field; that is a mistake of the caller.
        """
        if len(self.version) != 2:
            raise ValueError(f"the P-protocol version has 2 bytes, not {self.version.hex(' ')}")
        if not _FN.fullmatch(self.fn):
            raise ValueError(f"an FN number has 15 or 16 digits, not {self.fn!r}")
        fn = self.fn.encode("ascii").ljust(FN_FIELD_BYTES, _PADDING)
        try:
            return _LAYOUT.pack(SIGNATURE, SESSION_VERSION, self.version, fn, self.body_length, self.flags, self.crc)
        except struct.error as error:
            raise ValueError(f"length, flags and CRC have 16 bits each: {self}") from error

    def sealed(self, body: bytes = b"") -> bytes:
        """The 30 bytes with the CRC that the flags ask for, computed with the flags in place."""
        data = self.pack()
        mode = self.flags & CRC_MODE_MASK
        if mode == CrcMode.NONE:
            return data
        return data[:CRC_OFFSET] + session_crc(data, body, mode).to_bytes(2, "little")


def session_crc(header: bytes | bytearray, body: bytes, mode: int) -> int:
    """The CRC that belongs into a header of mode 01 or 10."""
    crc = crc16(memoryview(header)[:CRC_OFFSET])
    return crc16(body, crc) if mode == CrcMode.FULL else crc


def check_beginning(data: bytes | bytearray) -> None:
    """Looks at the first bytes of a message, however few have arrived, up to the end of the FN number.

    What is wrong here makes the header unreadable, so it is said at the first wrong byte.

    Raises:
        ProtocolError: they do not begin a message of this protocol.
    """
    if not data.startswith(SIGNATURE):
        _check_signature(bytes(data[: len(SIGNATURE)]))
    version = bytes(data[_VERSION_OFFSET : _VERSION_OFFSET + len(SESSION_VERSION)])
    if not SESSION_VERSION.startswith(version):
        raise ProtocolError(
            "session_version",
            field="S-protocol version",
            offset=_VERSION_OFFSET,
            rule=f"the session protocol is {SESSION_VERSION.hex()}",
            detail=f"found {version.hex()}",
        )
    if not _FN_BEGINNING.fullmatch(data, _FN_OFFSET, _FN_END):
        raise ProtocolError(
            "session_fn",
            field="FN number",
            offset=_FN_OFFSET,
            rule="15 or 16 ASCII digits, padded with a space on the right",
            detail=f"found {bytes(data[_FN_OFFSET:_FN_END])!r}",
        )


def parse_session_header(data: bytes | bytearray) -> SessionHeader:
    """Reads the first 30 bytes of `data` and checks all that can be known without the body.

    Raises:
        ProtocolError: names the field; its `header` is set as soon as the fields could be read.
    """
    if len(data) < SESSION_HEADER_BYTES:
        check_beginning(data)
        raise ProtocolError(
            "truncated",
            field="session header",
            offset=len(data),
            rule=f"a session header has {SESSION_HEADER_BYTES} bytes",
            detail=f"only {len(data)} bytes",
            raw=bytes(data),
        )
    beginning, version, fn_field, body_length, flags, crc = _FIELDS.unpack_from(data)
    if beginning != _BEGINNING or not fn_field.isdigit():
        check_beginning(data)
    fn = fn_field.rstrip(_PADDING).decode("ascii")
    header = SessionHeader(version=version, fn=fn, body_length=body_length, flags=flags, crc=crc)
    if flags & _ANSWER_BITS_FORBIDDEN or flags & CRC_MODE_MASK == CRC_MODE_MASK:
        raise _wrong_flags(header)
    return header


def _check_signature(head: bytes) -> None:
    if SIGNATURE.startswith(head):
        return
    if head == MARKING_SIGNATURE:
        raise ProtocolError(
            "marking_protocol",
            field="signature",
            offset=0,
            rule="documents of the marking exchange (ОИСМ, ОКП) go to another server",
            detail=f"{head.hex()} begins a message of the marking protocol",
        )
    if not MARKING_SIGNATURE.startswith(head):
        raise ProtocolError(
            "session_signature",
            field="signature",
            offset=0,
            rule=f"a message begins with {SIGNATURE.hex()}",
            detail=f"found {head.hex()}",
        )


def _wrong_flags(header: SessionHeader) -> ProtocolError:
    if header.flags & _ANSWER_BITS_FORBIDDEN:
        return ProtocolError(
            "session_flags",
            field="flags",
            offset=26,
            rule="bits 5–4 are 00 (no answer expected) or 01 (answer expected)",
            detail=f"flags are 0x{header.flags:04x}",
            header=header,
        )
    return ProtocolError(
        "session_crc_mode",
        field="flags",
        offset=26,
        rule="bits 1–0 are 00 (no CRC), 01 (header) or 10 (header and body)",
        detail=f"flags are 0x{header.flags:04x}",
        header=header,
    )
