"""The container (контейнер): what a fiscal drive or the operator's crypto module builds around one document.

::

    off 0     2     4    5    6    7     9              17       20              28    30    32
        +-----+-----+----+----+----+-----+--------------+--------+---------------+-----+-----+--------------+---------+
        | len | CRC |type|doc |ver |10 09| FN BCD 8     | FD BE3 | 8 bytes nonce |00 0x|plen | STLV, plen B | trailer |
        +-----+-----+----+----+----+-----+--------------+--------+---------------+-----+-----+--------------+---------+
         u16LE u16LE                                                                     u16BE 32 … 32+plen-1    10 B

`len` is the whole container; the CRC covers all of it but its own field. The FN number is packed decimal, high nibble
first; a 15-digit number ends with nibble F. The trailer holds the message sign (ФПС) `81 06` + 6 bytes + `00 00` on
the way to the operator, the confirmation sign (ФПП) `82 06` + 6 bytes + `00 00` on the way back.

Source: the exchange protocol of the tax service v1.1.006, table 3, read by five captured containers.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

import construct

from ofd_gateway.protocol.crc import crc16
from ofd_gateway.protocol.errors import ProtocolError

__all__ = [
    "CONTAINER_HEADER",
    "CONTAINER_HEADER_BYTES",
    "FROM_FN",
    "FROM_OPERATOR",
    "MAX_BODY_BYTES",
    "TRAILER",
    "TRAILER_BYTES",
    "Container",
    "build_container",
    "parse_container",
]

CONTAINER_HEADER_BYTES: Final = 32
TRAILER_BYTES: Final = 10
MIN_CONTAINER_BYTES: Final = CONTAINER_HEADER_BYTES + 4 + TRAILER_BYTES
MAX_BODY_BYTES: Final = 32_768 + CONTAINER_HEADER_BYTES + TRAILER_BYTES
FROM_FN: Final = 0xA5
FROM_OPERATOR: Final = 0x5A
SERVICE_DATA: Final = bytes.fromhex("1009")
KEY_ID: Final = bytes.fromhex("0002")
CONFIRMATION_SIGN_PREFIX: Final = bytes.fromhex("8206")

CONTAINER_HEADER: Final = construct.Struct(
    "length" / construct.Int16ul,
    "crc" / construct.Int16ul,
    "kind" / construct.Int8ub,
    "document_code" / construct.Int8ub,
    "format_version" / construct.Int8ub,
    "service_data" / construct.Bytes(2),
    "fn_bcd" / construct.Bytes(8),
    "fd" / construct.Int24ub,
    "nonce" / construct.Bytes(8),
    "key_id" / construct.Bytes(2),
    "plain_length" / construct.Int16ub,
)
"""The declaration of the 32-byte header; the functions below read and write the same with one `struct` call."""

TRAILER: Final = construct.Struct(
    "kind" / construct.Int8ub,
    "length" / construct.Const(6, construct.Int8ub),
    "sign" / construct.Bytes(6),
    "zeros" / construct.Const(b"\x00\x00"),
)
"""The declaration of the 10-byte trailer: kind 0x81 from the FN, 0x82 from the operator."""

_LAYOUT: Final = struct.Struct("<HHBBB2s8s3s8s2s2s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One container; `body` is the STLV, plain or encrypted, and `raw` the bytes as received."""

    kind: int
    document_code: int
    format_version: int
    service_data: bytes
    fn: str
    fd: int
    nonce: bytes
    key_id: bytes
    body: bytes
    trailer: bytes
    raw: bytes

    @property
    def message_sign(self) -> bytes:
        """The first 8 bytes of the trailer, prefix included: what tells a repeat from other content."""
        return self.trailer[:8]


def parse_container(data: bytes, *, kind: int = FROM_FN) -> Container:
    """Reads exactly one container of the given type and checks its frame; the body stays as it is.

    An encrypted body hides the FN's trailer, so only the operator's trailer is looked at.

    Raises:
        ProtocolError: names the field, with offsets from the start of the container.
    """
    if len(data) < MIN_CONTAINER_BYTES:
        raise _error(
            "container_length", "container", 0, f"a container has at least {MIN_CONTAINER_BYTES} bytes", f"{len(data)} bytes"
        )
    length, crc, found_kind, document_code, version, service_data, fn_bcd, fd_bytes, nonce, key_id, plain = (
        _LAYOUT.unpack_from(data)
    )
    if length != len(data):
        raise _error("container_length", "length", 0, f"the container has {len(data)} bytes", f"the field says {length}")
    expected_crc = crc16(data[4:], crc16(data[:2]))
    if crc != expected_crc:
        raise _error("container_crc", "CRC", 2, f"these bytes have CRC 0x{expected_crc:04x}", f"found 0x{crc:04x}")
    if found_kind != kind:
        raise _error("container_type", "type", 4, f"type 0x{kind:02x} is expected here", f"found 0x{found_kind:02x}")
    if version >> 4:
        raise _error("container_version", "version", 6, "the high nibble is 0 (32-byte header)", f"found 0x{version:02x}")
    fd = int.from_bytes(fd_bytes, "big")
    if fd == 0:
        raise _error("container_fd", "FD number", 17, "an FN counts its documents from 1", "found 0")
    plain_length = int.from_bytes(plain, "big")
    room = len(data) - CONTAINER_HEADER_BYTES - TRAILER_BYTES
    if plain_length != room:
        raise _error(
            "container_plain_length", "plain length", 30, f"there are {room} bytes of STLV", f"the field says {plain_length}"
        )
    trailer = data[-TRAILER_BYTES:]
    if kind == FROM_OPERATOR and (not trailer.startswith(CONFIRMATION_SIGN_PREFIX) or trailer[-2:] != b"\x00\x00"):
        raise _error(
            "trailer", "trailer", len(data) - TRAILER_BYTES, "82 06, six bytes, 00 00", f"found {trailer.hex(' ')}"
        )
    return Container(
        kind=found_kind,
        document_code=document_code,
        format_version=version,
        service_data=service_data,
        fn=_unpack_fn(fn_bcd),
        fd=fd,
        nonce=nonce,
        key_id=key_id,
        body=data[CONTAINER_HEADER_BYTES:-TRAILER_BYTES],
        trailer=trailer,
        raw=data,
    )


def build_container(
    *,
    kind: int,
    document_code: int,
    fn: str,
    fd: int,
    nonce: bytes,
    body: bytes,
    trailer: bytes,
    key_id: bytes = KEY_ID,
    service_data: bytes = SERVICE_DATA,
    format_version: int = 1,
) -> bytes:
    """The bytes of a container around `body`, length and CRC filled in.

    Raises:
        ValueError: a part has not the size that its field has; that is a mistake of the caller.
    """
    for name, part, size in (
        ("nonce", nonce, 8),
        ("trailer", trailer, TRAILER_BYTES),
        ("key_id", key_id, 2),
        ("service_data", service_data, 2),
    ):
        if len(part) != size:
            raise ValueError(f"{name} has {len(part)} bytes instead of {size}")
    length = CONTAINER_HEADER_BYTES + len(body) + TRAILER_BYTES
    head = _LAYOUT.pack(
        length,
        0,
        kind,
        document_code,
        format_version,
        service_data,
        _pack_fn(fn),
        fd.to_bytes(3, "big"),
        nonce,
        key_id,
        len(body).to_bytes(2, "big"),
    )
    crc = crc16(trailer, crc16(body, crc16(head[4:], crc16(head[:2]))))
    return b"".join((head[:2], crc.to_bytes(2, "little"), head[4:], body, trailer))


def _unpack_fn(packed: bytes) -> str:
    digits = packed.hex()
    fn = digits.removesuffix("f")
    if not fn.isdecimal():
        raise _error(
            "container_fn", "FN number", 9, "15 or 16 packed decimal digits, 15 of them ended by nibble F", f"found {digits}"
        )
    return fn


def _pack_fn(fn: str) -> bytes:
    if not fn.isascii() or not fn.isdigit() or len(fn) not in {15, 16}:
        raise ValueError(f"an FN number has 15 or 16 digits, not {fn!r}")
    return bytes.fromhex(fn.ljust(16, "f"))


def _error(reason: str, field: str, offset: int, rule: str, detail: str) -> ProtocolError:
    return ProtocolError(reason, field=field, offset=offset, rule=rule, detail=detail)
