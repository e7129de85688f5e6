"""The container (контейнер): what a fiscal drive or the operator's crypto module builds around one document.

::

    off 0     2     4    5    6    7     9              17       20              28    30    32
        +-----+-----+----+----+----+-----+--------------+--------+---------------+-----+-----+--------------+---------+
        | len | CRC |type|doc |ver |10 09| FN BCD 8     | FD BE3 | 8 bytes nonce |00 0x|plen | STLV, plen B | trailer |
        +-----+-----+----+----+----+-----+--------------+--------+---------------+-----+-----+--------------+---------+
         u16LE u16LE                                                                    u16BE 32 … 32+plen-1    10 B

    trailer   81 06 | 6 bytes | 00 00   from the FN: the message sign (ФПС)
              82 06 | 6 bytes | 00 00   from the operator: the confirmation sign (ФПП)

`len` is the whole container; the CRC covers all of it but its own field. The FN number is packed decimal, high nibble
first; a 15-digit number ends with nibble F. `plen` is the whole STLV with its head, so it is `len` − 42.

Source: the exchange protocol of the tax service v1.1.006, table 3, read by five captured containers.
`declaration.CONTAINER_HEADER` and `declaration.TRAILER` declare the same layout.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from ofd_gateway.protocol.crc import crc16
from ofd_gateway.protocol.errors import ProtocolError

if TYPE_CHECKING:
    from ofd_gateway.protocol.errors import Reason

__all__ = [
    "CONTAINER_HEADER_BYTES",
    "FROM_FN",
    "FROM_OPERATOR",
    "MAX_BODY_BYTES",
    "MIN_CONTAINER_BYTES",
    "TRAILER_BYTES",
    "Container",
    "ContainerHead",
    "build_container",
    "complete_container",
    "parse_container",
    "parse_container_head",
]

CONTAINER_HEADER_BYTES: Final = 32
TRAILER_BYTES: Final = 10
_FRAME_BYTES: Final = CONTAINER_HEADER_BYTES + TRAILER_BYTES
_STLV_HEAD_BYTES: Final = 4
MIN_CONTAINER_BYTES: Final = _FRAME_BYTES + _STLV_HEAD_BYTES
MAX_BODY_BYTES: Final = 32_768 + _FRAME_BYTES
FROM_FN: Final = 0xA5
FROM_OPERATOR: Final = 0x5A
SERVICE_DATA: Final = bytes.fromhex("1009")
KEY_ID: Final = bytes.fromhex("0002")
CONFIRMATION_SIGN_PREFIX: Final = bytes.fromhex("8206")
TRAILER_SUFFIX: Final = bytes.fromhex("0000")

_PART_SIZES: Final = (8, TRAILER_BYTES, 2, 2)
_LAYOUT: Final = struct.Struct("<HHBBB2s8s3s8s2s2s")


class ContainerHead(NamedTuple):
    """The first 32 bytes of a container, checked as far as they can be without the rest."""

    crc: int
    kind: int
    document_code: int
    format_version: int
    service_data: bytes
    fn: str
    fd: int
    nonce: bytes
    key_id: bytes


class Container(msgspec.Struct, frozen=True, kw_only=True, gc=False):
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
            "container_length",
            field="container",
            offset=0,
            rule=f"a container has at least {MIN_CONTAINER_BYTES} bytes",
            detail=f"found {len(data)} bytes",
        )
    return complete_container(parse_container_head(data, length=len(data), kind=kind), data)


def parse_container_head(data: bytes | bytearray, *, length: int, kind: int, start: int = 0) -> ContainerHead:
    """Reads the first 32 bytes of a container, from `start` on, that is announced to have `length` bytes.

    Raises:
        ProtocolError: names the field, with offsets from the start of the container.
    """
    found_length, crc, found_kind, document_code, version, service_data, fn_bcd, fd_bytes, nonce, key_id, plain = (
        _LAYOUT.unpack_from(data, start)
    )
    fd = int.from_bytes(fd_bytes, "big")
    if found_length != length:
        raise _error(
            "container_length",
            field="length",
            offset=0,
            rule=f"the container has {length} bytes",
            detail=f"the field says {found_length}",
            fd=fd,
        )
    if found_kind != kind:
        raise _error(
            "container_type",
            field="type",
            offset=4,
            rule=f"type 0x{kind:02x} is expected here",
            detail=f"found 0x{found_kind:02x}",
            fd=fd,
        )
    if version >> 4:
        raise _error(
            "container_version",
            field="version",
            offset=6,
            rule="the high nibble is 0 (32-byte header)",
            detail=f"found 0x{version:02x}",
            fd=fd,
        )
    digits: str = fn_bcd.hex()
    fn = digits.removesuffix("f")
    if not fn.isdecimal():
        raise _error(
            "container_fn",
            field="FN number",
            offset=9,
            rule="15 or 16 packed decimal digits, 15 of them ended by nibble F",
            detail=f"found {digits}",
            fd=fd,
        )
    if not fd:
        raise _error(
            "container_fd", field="FD number", offset=17, rule="an FN counts its documents from 1", detail="found 0"
        )
    plain_length = int.from_bytes(plain, "big")
    if plain_length != length - _FRAME_BYTES:
        raise _error(
            "container_plain_length",
            field="plain length",
            offset=30,
            rule=f"there are {length - _FRAME_BYTES} bytes of STLV",
            detail=f"the field says {plain_length}",
            fd=fd,
        )
    return ContainerHead(crc, found_kind, document_code, version, service_data, fn, fd, nonce, key_id)


def complete_container(head: ContainerHead, data: bytes) -> Container:
    """The container of which `head` was read, now that all of it is there.

    Raises:
        ProtocolError: the CRC or the operator's trailer is wrong, with offsets from the start of the container.
    """
    crc = crc16(data[4:], crc16(data[:2]))
    if head.crc != crc:
        raise _error(
            "container_crc",
            field="CRC",
            offset=2,
            rule=f"these bytes have CRC 0x{crc:04x}",
            detail=f"found 0x{head.crc:04x}",
            fd=head.fd,
        )
    trailer = data[-TRAILER_BYTES:]
    if head.kind == FROM_OPERATOR and not (
        trailer.startswith(CONFIRMATION_SIGN_PREFIX) and trailer.endswith(TRAILER_SUFFIX)
    ):
        raise _error(
            "trailer",
            field="trailer",
            offset=len(data) - TRAILER_BYTES,
            rule="82 06, six bytes, 00 00",
            detail=f"found {trailer.hex(' ')}",
            fd=head.fd,
        )
    return Container(
        kind=head.kind,
        document_code=head.document_code,
        format_version=head.format_version,
        service_data=head.service_data,
        fn=head.fn,
        fd=head.fd,
        nonce=head.nonce,
        key_id=head.key_id,
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
    """The bytes of a container around `body`, lengths and CRC filled in.

    Raises:
        ValueError: a part does not fit its field; that is a mistake of the caller.
    """
    if (len(nonce), len(trailer), len(key_id), len(service_data)) != _PART_SIZES:
        sizes = f"nonce {len(nonce)}, trailer {len(trailer)}, key_id {len(key_id)}, service_data {len(service_data)}"
        raise ValueError(f"parts of 8, 10, 2 and 2 bytes are needed: {sizes}")
    try:
        head = _LAYOUT.pack(
            _FRAME_BYTES + len(body),
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
    except (struct.error, OverflowError) as error:
        values = f"kind {kind}, code {document_code}, version {format_version}, FD {fd}, body of {len(body)} bytes"
        raise ValueError(f"a value does not fit its field: {values}") from error
    length, rest = head[:2], b"".join((head[4:], body, trailer))
    return length + crc16(rest, crc16(length)).to_bytes(2, "little") + rest


def _pack_fn(fn: str) -> bytes:
    if not fn.isascii() or not fn.isdigit() or len(fn) not in {15, 16}:
        raise ValueError(f"an FN number has 15 or 16 digits, not {fn!r}")
    return bytes.fromhex(fn.ljust(16, "f"))


def _error(reason: Reason, *, field: str, offset: int, rule: str, detail: str, fd: int | None = None) -> ProtocolError:
    return ProtocolError(reason, field=field, offset=offset, rule=rule, detail=detail, fd=fd)
