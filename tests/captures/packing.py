"""Capture files spelt out byte by byte, without the code under test."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass, field

REGISTER = ("10.0.0.5", 51000)
OPERATOR = ("192.0.2.7", 7777)

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10


def tcp(source, destination, seq, payload=b"", *, flags=PSH | ACK, ack=0, options=b"") -> bytes:
    offset = (20 + len(options)) // 4
    head = struct.pack(">HHIIBBHHH", source[1], destination[1], seq & 0xFFFFFFFF, ack, offset << 4, flags, 1000, 0, 0)
    return head + options + payload


def ipv4(source, destination, inner, *, protocol=6, fragment=0x4000, length=None) -> bytes:
    size = 20 + len(inner) if length is None else length
    head = struct.pack(">BBHHHBBH", 0x45, 0, size, 1, fragment, 64, protocol, 0)
    return head + socket.inet_aton(source[0]) + socket.inet_aton(destination[0]) + inner


def ipv6(source, destination, inner, *, next_header=6) -> bytes:
    addresses = b"".join(socket.inet_pton(socket.AF_INET6, address[0]) for address in (source, destination))
    return struct.pack(">IHBB", 6 << 28, len(inner), next_header, 64) + addresses + inner


def ethernet(inner, *, ethertype=0x0800, tags=b"", padding=b"") -> bytes:
    return b"\x02" * 6 + b"\x04" * 6 + tags + struct.pack(">H", ethertype) + inner + padding


def cooked(inner, *, ethertype=0x0800) -> bytes:
    return struct.pack(">HHH8sH", 0, 1, 6, b"\x02" * 8, ethertype) + inner


def cooked_2(inner, *, ethertype=0x0800) -> bytes:
    return struct.pack(">HHiHBB8s", ethertype, 0, 3, 1, 0, 6, b"\x02" * 8) + inner


def pcap(frames, *, link=1, order="<", nanoseconds=False, start_s=1_790_000_000, original=None) -> bytes:
    magic = 0xA1B23C4D if nanoseconds else 0xA1B2C3D4
    data = struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, 262_144, link)
    for number, frame in enumerate(frames):
        fraction = number * (1_000_000 if nanoseconds else 1000)
        data += struct.pack(f"{order}IIII", start_s, fraction, len(frame), original or len(frame)) + frame
    return data


def block(kind, body, *, order="<") -> bytes:
    body += bytes(-len(body) % 4)
    length = struct.pack(f"{order}I", 12 + len(body))
    return struct.pack(f"{order}I", kind) + length + body + length


def section(*, order="<") -> bytes:
    return block(0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1), order=order)


def interface(*, link=1, order="<", options=b"", snap=0) -> bytes:
    return block(1, struct.pack(f"{order}HHI", link, 0, snap) + options, order=order)


def enhanced(frame, *, ticks=1_790_000_000_000_000, order="<", number=0) -> bytes:
    head = struct.pack(f"{order}IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame))
    return block(6, head + frame, order=order)


@dataclass
class Talk:
    """Ethernet frames of one TCP connection, with sequence numbers kept."""

    register: tuple[str, int] = REGISTER
    operator: tuple[str, int] = OPERATOR
    frames: list[bytes] = field(default_factory=list)
    seq: dict[bool, int] = field(default_factory=lambda: {True: 1000, False: 5000})

    def put(self, from_register: bool, payload=b"", *, flags=PSH | ACK, seq=None) -> Talk:
        source, destination = (self.register, self.operator)[:: 1 if from_register else -1]
        at = self.seq[from_register] if seq is None else seq
        self.frames.append(ethernet(ipv4(source, destination, tcp(source, destination, at, payload, flags=flags))))
        if seq is None:
            self.seq[from_register] = at + len(payload) + (1 if flags & (SYN | FIN) else 0)
        return self

    def open(self) -> Talk:
        return self.put(True, flags=SYN).put(False, flags=SYN | ACK).put(True, flags=ACK)

    def close(self) -> Talk:
        return self.put(True, flags=FIN | ACK).put(False, flags=FIN | ACK)
