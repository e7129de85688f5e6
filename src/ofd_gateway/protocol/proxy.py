"""The header by which a balancer says whose connection it passes on (PROXY protocol, version 2).

::

    off 0              12       13      14       16                                    16 + len
        +--------------+--------+-------+--------+-------------------+------------------+
        |  signature   |ver cmd |fam pro|  len   |  addresses        |  TLVs            |
        +--------------+--------+-------+--------+-------------------+------------------+
         12 bytes       u8       u8      u16BE    12, 36, 216 or 0    type u8, len u16BE, value

    ver cmd   high nibble 2, the version; low nibble 0 LOCAL (the balancer's own, as health checks), 1 PROXY
    fam pro   00 unspecified, 11 TCP over IPv4, 21 TCP over IPv6, 31 a UNIX stream
    IPv4      source 4, destination 4, source port u16BE, destination port u16BE
    IPv6      source 16, destination 16, source port u16BE, destination port u16BE

TLVs are skipped, their lengths checked. What LOCAL and unspecified headers carry is skipped without a look, as the
specification demands. Source: "The PROXY protocol, versions 1 & 2", section 2.2. `declaration.PROXY_HEADER` declares
the same layout.
"""

from __future__ import annotations

import ipaddress
import struct
from typing import Final

import msgspec

from ofd_gateway.errors import OfdGatewayError

__all__ = ["MAX_PROXY_HEADER_BYTES", "PROXY_SIGNATURE", "ProxyError", "ProxyHeader", "parse_proxy_header"]

PROXY_SIGNATURE: Final = b"\r\n\r\n\x00\r\nQUIT\n"
MAX_PROXY_HEADER_BYTES: Final = 4096
"""Far more than balancers send, TLVs with certificates included; a longer header is refused before it has arrived."""

_HEAD: Final = struct.Struct(">12sBBH")
_TLV_HEAD: Final = struct.Struct(">BH")
_IPV4: Final = struct.Struct(">4s4sHH")
_IPV6: Final = struct.Struct(">16s16sHH")
_FIRST_VERSION: Final = b"PROXY "
_VERSION: Final = 0x20
_LOCAL: Final = 0
_PROXY: Final = 1
_UNSPECIFIED: Final = 0x00
_TCP_IPV4: Final = 0x11
_TCP_IPV6: Final = 0x21
_UNIX_STREAM: Final = 0x31
_ADDRESS_BYTES: Final = {_UNSPECIFIED: 0, _TCP_IPV4: _IPV4.size, _TCP_IPV6: _IPV6.size, _UNIX_STREAM: 216}


class ProxyError(OfdGatewayError):
    """The connection does not begin with a header of the PROXY protocol; the caller closes it without a byte.

    `field` is the field concerned, `offset` its place in the header, `rule` what should have been there and `detail`
    what was there.
    """

    def __init__(self, *, field: str, offset: int, rule: str, detail: str) -> None:
        super().__init__(f"{field} at byte {offset}: {detail}; {rule}")
        self.field = field
        self.offset = offset
        self.rule = rule
        self.detail = detail


class ProxyHeader(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One header of `size` bytes; `source` is `203.0.113.7:49152` or `[2001:db8::7]:49152`.

    Both addresses are None when the header names none: then the balancer's own address is all there is.
    """

    size: int
    source: str | None = None
    destination: str | None = None


def parse_proxy_header(data: bytes | bytearray) -> ProxyHeader | None:
    """The header that `data` begins with, None while it is not complete.

    Raises:
        ProxyError: as soon as it can be known; which one does not depend on how much has arrived.
    """
    if len(data) < _HEAD.size:
        _check_signature(bytes(data[: len(PROXY_SIGNATURE)]))
        return None
    signature, version, family, length = _HEAD.unpack_from(data, 0)
    _check_signature(signature)
    command = _command(version)
    size = _HEAD.size + length
    if size > MAX_PROXY_HEADER_BYTES:
        rule = f"a header has at most {MAX_PROXY_HEADER_BYTES} bytes"
        raise ProxyError(field="length", offset=14, rule=rule, detail=f"it announces {size}")
    if command == _LOCAL:
        return ProxyHeader(size=size) if len(data) >= size else None
    address_bytes = _address_bytes(family)
    if length < address_bytes:
        rule = f"addresses of family 0x{family:02x} take {address_bytes} bytes"
        raise ProxyError(field="length", offset=14, rule=rule, detail=f"it announces {length}")
    if len(data) < size:
        return None
    if family == _UNSPECIFIED:
        return ProxyHeader(size=size)
    _check_tlvs(data, _HEAD.size + address_bytes, size)
    if family == _UNIX_STREAM:
        return ProxyHeader(size=size)
    layout = _IPV4 if family == _TCP_IPV4 else _IPV6
    source, destination, source_port, destination_port = layout.unpack_from(data, _HEAD.size)
    return ProxyHeader(
        size=size, source=_address(source, source_port), destination=_address(destination, destination_port)
    )


def _check_signature(beginning: bytes) -> None:
    wrong = next((at for at, byte in enumerate(beginning) if byte != PROXY_SIGNATURE[at]), None)
    if wrong is None:
        return
    detail = f"found {beginning[wrong : wrong + 1].hex()}"
    if _FIRST_VERSION.startswith(beginning[: len(_FIRST_VERSION)]):
        detail += ", as version 1 of the PROXY protocol begins"
    rule = "a connection begins with the signature 0d0a0d0a000d0a515549540a"
    raise ProxyError(field="signature", offset=wrong, rule=rule, detail=detail)


def _command(version: int) -> int:
    if version & 0xF0 != _VERSION:
        raise ProxyError(field="version", offset=12, rule="the high nibble is 2", detail=f"found 0x{version:02x}")
    command = version & 0x0F
    if command not in (_LOCAL, _PROXY):
        raise ProxyError(field="command", offset=12, rule="the low nibble is 0 or 1", detail=f"found 0x{version:02x}")
    return command


def _address_bytes(family: int) -> int:
    size = _ADDRESS_BYTES.get(family)
    if size is None:
        rule = "it is 0x00, 0x11, 0x21 or 0x31"
        raise ProxyError(field="family", offset=13, rule=rule, detail=f"found 0x{family:02x}")
    return size


def _check_tlvs(data: bytes | bytearray, at: int, end: int) -> None:
    while at < end:
        if end - at < _TLV_HEAD.size:
            rule = f"type and length take {_TLV_HEAD.size} bytes"
            raise ProxyError(field="TLV", offset=at, rule=rule, detail=f"{end - at} bytes are left")
        kind, length = _TLV_HEAD.unpack_from(data, at)
        after = at + _TLV_HEAD.size + length
        if after > end:
            rule = f"it ends with the header, after {end - at - _TLV_HEAD.size} bytes"
            raise ProxyError(field=f"TLV 0x{kind:02x}", offset=at, rule=rule, detail=f"its length is {length}")
        at = after


def _address(packed: bytes, port: int) -> str:
    address = ipaddress.ip_address(packed)
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
