"""The session header (заголовок сеансового уровня), 30 bytes before every container.

::

    off 0        4     6     8                        24    26    28    30
        +--------+-----+-----+------------------------+-----+-----+-----+
        |2A08410A|81 A2| ver |  FN number, 16 ASCII   | len |flags| CRC |
        +--------+-----+-----+------------------------+-----+-----+-----+
         bytes    bytes bytes  space-padded right      u16LE u16LE u16LE

Source: the exchange protocol of the tax service (ККТ – ТС ОФД) v1.1.006, tables 1 and 2.
"""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass
from typing import Final

import construct

from ofd_gateway.protocol.crc import crc16
from ofd_gateway.protocol.errors import ProtocolError

__all__ = [
    "FN_FIELD_BYTES",
    "SESSION_HEADER",
    "SESSION_HEADER_BYTES",
    "CrcMode",
    "Flag",
    "SessionHeader",
    "check_signature",
    "parse_session_header",
]

SESSION_HEADER_BYTES: Final = 30
FN_FIELD_BYTES: Final = 16
SIGNATURE: Final = bytes.fromhex("2A08410A")
MARKING_SIGNATURE: Final = bytes.fromhex("DD80CAA1")
SESSION_VERSION: Final = bytes.fromhex("81A2")
CRC_OFFSET: Final = 28

SESSION_HEADER: Final = construct.Struct(
    "signature" / construct.Const(SIGNATURE),
    "session_version" / construct.Const(SESSION_VERSION),
    "version" / construct.Bytes(2),
    "fn" / construct.Bytes(FN_FIELD_BYTES),
    "body_length" / construct.Int16ul,
    "flags" / construct.Int16ul,
    "crc" / construct.Int16ul,
)
"""The declaration of the layout; `parse_session_header` reads the same with one `struct` call."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionHeader:
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
        """Flag bit 2; the length decides what really follows."""
        return bool(self.flags & Flag.CONTAINER)

    @property
    def crc_mode(self) -> CrcMode:
        """Flags 1–0."""
        return CrcMode(self.flags & 0b11)

    @property
    def known_version(self) -> bool:
        """The P-protocol version is one that is documented or seen in the field."""
        return self.version in FFD_BY_VERSION

    @property
    def ffd_hint(self) -> str | None:
        """The format that the P-protocol version announces; tag 1209 of the document has the last word."""
        return FFD_BY_VERSION.get(self.version)

    def pack(self) -> bytes:
        """The 30 bytes."""
        return _LAYOUT.pack(
            SIGNATURE,
            SESSION_VERSION,
            self.version,
            self.fn.encode("ascii").ljust(FN_FIELD_BYTES),
            self.body_length,
            self.flags,
            self.crc,
        )

    def sealed(self, body: bytes = b"") -> bytes:
        """The 30 bytes with the CRC that the flags ask for, computed with the flags in place."""
        data = self.pack()
        if self.crc_mode is CrcMode.NONE:
            return data
        crc = crc16(data[:CRC_OFFSET])
        if self.crc_mode is CrcMode.FULL:
            crc = crc16(body, crc)
        return data[:CRC_OFFSET] + crc.to_bytes(2, "little")


def check_signature(data: bytes) -> None:
    """Looks at the first bytes of a message, however few have arrived.

    Raises:
        ProtocolError: they do not begin a message of this protocol.
    """
    head = data[: len(SIGNATURE)]
    if SIGNATURE.startswith(head):
        return
    if MARKING_SIGNATURE.startswith(head):
        if len(head) < len(MARKING_SIGNATURE):
            return
        raise ProtocolError(
            "marking_protocol",
            field="signature",
            offset=0,
            rule="documents of the marking exchange (ОИСМ, ОКП) go to another server",
            detail=f"{head.hex()} begins a message of the marking protocol",
            raw=data,
        )
    raise ProtocolError(
        "session_signature",
        field="signature",
        offset=0,
        rule=f"a message begins with {SIGNATURE.hex()}",
        detail=f"found {head.hex()}",
        raw=data,
    )


def parse_session_header(data: bytes) -> SessionHeader:
    """Reads the first 30 bytes of `data` and checks all that can be known without the body.

    Raises:
        ProtocolError: names the field; its `header` is set as soon as the fields could be read.
    """
    check_signature(data)
    if len(data) < SESSION_HEADER_BYTES:
        raise ProtocolError(
            "truncated",
            field="session header",
            offset=len(data),
            rule=f"a session header has {SESSION_HEADER_BYTES} bytes",
            detail=f"only {len(data)} bytes",
            raw=data,
        )
    _, session_version, version, fn_field, body_length, flags, crc = _LAYOUT.unpack_from(data)
    if session_version != SESSION_VERSION:
        raise ProtocolError(
            "session_version",
            field="S-protocol version",
            offset=4,
            rule=f"the session protocol is {SESSION_VERSION.hex()}",
            detail=f"found {session_version.hex()}",
            raw=data,
        )
    fn = fn_field.rstrip(b" ")
    if not fn.isdigit() or len(fn) < FN_FIELD_BYTES - 1:
        raise ProtocolError(
            "session_fn",
            field="FN number",
            offset=8,
            rule="15 or 16 ASCII digits, padded with spaces on the right",
            detail=f"found {fn_field!r}",
            raw=data,
        )
    header = SessionHeader(version=version, fn=fn.decode("ascii"), body_length=body_length, flags=flags, crc=crc)
    _check_flags(header, data)
    return header


def _check_flags(header: SessionHeader, data: bytes) -> None:
    if header.flags & 0b10_0000:
        raise ProtocolError(
            "session_flags",
            field="flags",
            offset=26,
            rule="bits 5–4 are 00 (no answer expected) or 01 (answer expected)",
            detail=f"flags are 0x{header.flags:04x}",
            header=header,
            raw=data,
        )
    if header.crc_mode is CrcMode.FORBIDDEN:
        raise ProtocolError(
            "session_crc_mode",
            field="flags",
            offset=26,
            rule="bits 1–0 are 00 (no CRC), 01 (header) or 10 (header and body)",
            detail=f"flags are 0x{header.flags:04x}",
            header=header,
            raw=data,
        )
