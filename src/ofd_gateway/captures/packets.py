"""Frames to TCP segments: the link layer, IP and TCP of one captured packet."""

from __future__ import annotations

import ipaddress
import struct
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ofd_gateway.captures.piece import Address

if TYPE_CHECKING:
    from ofd_gateway.captures.savefile import Frame

__all__ = ["ACK", "FIN", "RST", "SYN", "Segment", "read_segment"]

FIN: Final = 0x01
SYN: Final = 0x02
RST: Final = 0x04
ACK: Final = 0x10

_LOOPBACK: Final = frozenset({0, 108})
_ETHERNET: Final = 1
_RAW_IP: Final = frozenset({12, 14, 101, 228, 229})
_COOKED: Final = 113
_COOKED_2: Final = 276
_TCP: Final = 6
_PROTOCOLS: Final = {1: "ICMP", 2: "IGMP", 17: "UDP", 47: "GRE", 50: "ESP", 58: "ICMPv6", 132: "SCTP"}
_ETHERTYPES: Final = {0x0806: "ARP", 0x88CC: "LLDP", 0x888E: "EAPOL"}
_DAMAGED: Final = "повреждённый пакет / damaged packet"
_FRAGMENT: Final = "фрагмент IP / IP fragment"


class Segment(NamedTuple):
    """One TCP segment; `cut_bytes` of its payload were sent but not captured (a short snapshot length)."""

    source: Address
    destination: Address
    seq: int
    flags: int
    payload: bytes
    cut_bytes: int


def read_segment(frame: Frame) -> Segment | str:
    """The TCP segment in a frame, or what the frame is instead, in words."""
    import dpkt  # type: ignore[import-untyped]

    try:
        return _read(frame)
    except (dpkt.Error, struct.error, ValueError, IndexError, KeyError, TypeError, AttributeError):
        # The library checks a length here and there only after it has used it.
        return _DAMAGED


def _read(frame: Frame) -> Segment | str:
    import dpkt

    packet = _ip_packet(frame)
    if isinstance(packet, str):
        return packet
    is_v4 = isinstance(packet, dpkt.ip.IP)
    if is_v4 and (packet.mf or packet.offset):
        return _FRAGMENT
    if not is_v4 and packet.nxt == dpkt.ip.IP_PROTO_FRAGMENT:
        return _FRAGMENT
    tcp = packet.data
    if not isinstance(tcp, dpkt.tcp.TCP):
        return _DAMAGED if packet.p == _TCP else _PROTOCOLS.get(packet.p, f"IP {packet.p}")
    return Segment(
        source=Address(_host(packet.src), tcp.sport),
        destination=Address(_host(packet.dst), tcp.dport),
        seq=tcp.seq,
        flags=tcp.flags,
        payload=bytes(tcp.data),
        cut_bytes=max(_announced_bytes(packet, tcp, is_v4=is_v4) - len(tcp.data), 0),
    )


def _announced_bytes(packet: Any, tcp: Any, *, is_v4: bool) -> int:
    """Payload that the IP header speaks of; 0 where the sender left its length to the network card."""
    if is_v4:
        return int(packet.len - packet.hl * 4 - tcp.off * 4) if packet.len else 0
    extensions = sum(extension.length for extension in packet.all_extension_headers)
    return int(packet.plen - extensions - tcp.off * 4) if packet.plen else 0


def _ip_packet(frame: Frame) -> Any:
    """The IPv4 or IPv6 packet, or what is there instead."""
    import dpkt

    link_type, data = frame.link_type, frame.data
    if link_type in _RAW_IP:
        packet = dpkt.ip6.IP6(data) if data[:1] and data[0] >> 4 == 6 else dpkt.ip.IP(data)
    elif link_type in _LOOPBACK:
        packet = dpkt.loopback.Loopback(data).data
    elif link_type in {_ETHERNET, _COOKED, _COOKED_2}:
        kind = {_ETHERNET: dpkt.ethernet.Ethernet, _COOKED: dpkt.sll.SLL, _COOKED_2: dpkt.sll2.SLL2}[link_type]
        outer = kind(data)
        packet = outer.data
        if not isinstance(packet, dpkt.ip.IP | dpkt.ip6.IP6):
            ethertype = getattr(outer, "type" if link_type == _ETHERNET else "ethtype", 0)
            return _ETHERTYPES.get(ethertype, f"EtherType 0x{ethertype:04x}")
    else:
        return f"канал / link type {link_type}"
    return packet if isinstance(packet, dpkt.ip.IP | dpkt.ip6.IP6) else _DAMAGED


def _host(packed: bytes) -> str:
    """As Python 3.13 and later write it: of an IPv4 address within IPv6 the last four bytes in decimal."""
    address = ipaddress.ip_address(packed)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(address) if mapped is None else f"::ffff:{mapped}"
