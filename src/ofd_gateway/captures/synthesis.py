"""Ethernet, IP and TCP around bytes that were relayed, so that Wireshark reads them as the streams they were.

The proxy never sees packets; their headers are made up here: the addresses are the register's and the operator's, the
sequence numbers count the bytes, checksums are right, connections open with a handshake and end as they ended. One
frame is what one read gave, so its boundaries are the proxy's, not those of the wire.
"""

from __future__ import annotations

import ipaddress
import struct
import sys
from array import array
from typing import TYPE_CHECKING, Final

from ofd_gateway.captures.packets import ACK, FIN, RST, SYN
from ofd_gateway.captures.piece import Address, Sender

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["TcpScript"]

_PSH: Final = 0x08
_WINDOW: Final = 0xFFFF
_SEGMENT_BYTES: Final = 65_000
"""The length field of IP leaves room for no more than 65,535 with the headers."""
_MACS: Final = {Sender.REGISTER: bytes.fromhex("020000000001"), Sender.OPERATOR: bytes.fromhex("020000000002")}
_ETHERTYPES: Final = {4: b"\x08\x00", 6: b"\x86\xdd"}
_TCP: Final = 6
_HOPS: Final = 64
_DO_NOT_FRAGMENT: Final = 0x4000
_FIRST_SEQUENCES: Final = {Sender.REGISTER: 1_000_000, Sender.OPERATOR: 2_000_000}
_SEQUENCE_MASK: Final = 0xFFFFFFFF

_Ip = ipaddress.IPv4Address | ipaddress.IPv6Address


class TcpScript:
    """The frames of one connection, in the order in which its events are told."""

    __slots__ = ("_addresses", "_ended", "_identification", "_next", "_ports")

    def __init__(self, *, register: Address, operator: Address) -> None:
        one, two = _same_family(register.host, operator.host)
        self._addresses: Final = {Sender.REGISTER: one, Sender.OPERATOR: two}
        self._ports: Final = {Sender.REGISTER: register.port, Sender.OPERATOR: operator.port}
        self._next = dict(_FIRST_SEQUENCES)
        self._ended: set[Sender] = set()
        self._identification = 0

    def opened(self) -> Iterator[bytes]:
        """The handshake: SYN, SYN and ACK, ACK."""
        yield self._frame(Sender.REGISTER, SYN)
        self._advance(Sender.REGISTER, 1)
        yield self._frame(Sender.OPERATOR, SYN | ACK)
        self._advance(Sender.OPERATOR, 1)
        yield self._frame(Sender.REGISTER, ACK)

    def sent(self, sender: Sender, data: bytes) -> Iterator[bytes]:
        """Bytes of one side."""
        for start in range(0, len(data), _SEGMENT_BYTES):
            part = data[start : start + _SEGMENT_BYTES]
            yield self._frame(sender, _PSH | ACK, part)
            self._advance(sender, len(part))

    def missed(self, sender: Sender, size: int) -> None:
        """Bytes of one side that were not recorded: the sequence numbers leave their place empty."""
        self._advance(sender, size)

    def ended(self, sender: Sender) -> Iterator[bytes]:
        """One side will send nothing more: FIN, and the other side's ACK."""
        if sender in self._ended:
            return
        self._ended.add(sender)
        yield self._frame(sender, FIN | ACK)
        self._advance(sender, 1)
        yield self._frame(sender.other, ACK)

    def reset(self, sender: Sender) -> Iterator[bytes]:
        """One side broke the connection off: RST."""
        self._ended.update(Sender)
        yield self._frame(sender, RST | ACK)

    def _advance(self, sender: Sender, count: int) -> None:
        self._next[sender] = (self._next[sender] + count) & _SEQUENCE_MASK

    def _frame(self, sender: Sender, flags: int, payload: bytes = b"") -> bytes:
        source, destination = self._addresses[sender], self._addresses[sender.other]
        ack = self._next[sender.other] if flags & ACK else 0
        head = struct.pack(
            ">HHIIBBHHH",
            self._ports[sender],
            self._ports[sender.other],
            self._next[sender],
            ack,
            5 << 4,
            flags,
            _WINDOW,
            0,
            0,
        )
        size = len(head) + len(payload)
        pseudo = source.packed + destination.packed + struct.pack(">II", size, _TCP)
        checksum = _checksum(pseudo + head + payload)
        tcp = head[:16] + checksum.to_bytes(2, "big") + head[18:] + payload
        ethernet = _MACS[sender.other] + _MACS[sender] + _ETHERTYPES[source.version]
        return ethernet + self._ip_header(source, destination, size) + tcp

    def _ip_header(self, source: _Ip, destination: _Ip, size: int) -> bytes:
        addresses = source.packed + destination.packed
        if source.version == 6:
            return struct.pack(">IHBB", 6 << 28, size, _TCP, _HOPS) + addresses
        self._identification = (self._identification + 1) & 0xFFFF
        head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + size, self._identification, _DO_NOT_FRAGMENT, _HOPS, _TCP, 0)
        return head[:10] + _checksum(head + addresses).to_bytes(2, "big") + addresses


def _same_family(one: str, two: str) -> tuple[_Ip, _Ip]:
    """Both addresses; one of IPv4 beside one of IPv6 in the form that IPv6 has for it."""
    first, second = ipaddress.ip_address(one.partition("%")[0]), ipaddress.ip_address(two.partition("%")[0])
    if first.version == second.version:
        return first, second
    return _as_v6(first), _as_v6(second)


def _as_v6(address: _Ip) -> _Ip:
    return ipaddress.IPv6Address(f"::ffff:{address}") if address.version == 4 else address


def _checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    words = array("H", data if len(data) % 2 == 0 else data + b"\x00")
    total = sum(words)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    # The sum does not depend on the byte order; only its own two bytes do.
    return int.from_bytes((total ^ 0xFFFF).to_bytes(2, sys.byteorder), "big")
