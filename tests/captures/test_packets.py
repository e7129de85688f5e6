"""Every link layer that Linux, BSD and macOS capture on, IPv4 and IPv6, and what is no TCP."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofd_gateway.captures.packets import Segment, read_segment
from ofd_gateway.captures.piece import Address
from ofd_gateway.captures.savefile import Frame

from .packing import OPERATOR, REGISTER, cooked, cooked_2, ethernet, ipv4, ipv6, tcp

V6 = (("2001:db8::5", 51000), ("2001:db8::7", 7777))
TCP_4 = ipv4(REGISTER, OPERATOR, tcp(REGISTER, OPERATOR, 77, b"payload", options=b"\x01\x01\x01\x00"))
TCP_6 = ipv6(*V6, tcp(*V6, 77, b"payload"))
HOPS = ipv6(*V6, struct.pack(">BB6x", 6, 0) + tcp(*V6, 77, b"payload"), next_header=0)
VLAN = struct.pack(">HH", 0x8100, 5)


def frame(data: bytes, link: int) -> Frame:
    return Frame(1, None, link, data, len(data))


@pytest.mark.parametrize(
    ("link", "data"),
    [
        (1, ethernet(TCP_4)),
        (1, ethernet(TCP_4, padding=b"\x00" * 9)),
        (1, ethernet(TCP_4, tags=VLAN)),
        (1, ethernet(TCP_6, ethertype=0x86DD)),
        (1, ethernet(HOPS, ethertype=0x86DD)),
        (113, cooked(TCP_4)),
        (113, cooked(TCP_6, ethertype=0x86DD)),
        (276, cooked_2(TCP_4)),
        (276, cooked_2(TCP_6, ethertype=0x86DD)),
        (101, TCP_4),
        (12, TCP_4),
        (101, TCP_6),
        (228, TCP_4),
        (229, TCP_6),
        (0, struct.pack("<I", 2) + TCP_4),
        (0, struct.pack("<I", 30) + TCP_6),
        (108, struct.pack(">I", 2) + TCP_4),
    ],
)
def test_the_segment_is_found(link: int, data: bytes) -> None:
    segment = read_segment(frame(data, link))
    assert isinstance(segment, Segment)
    ends = (REGISTER, OPERATOR) if segment.source.host == "10.0.0.5" else V6
    assert (segment.source, segment.destination) == (Address(*ends[0]), Address(*ends[1]))
    assert (segment.seq, segment.payload, segment.cut_bytes) == (77, b"payload", 0)


def test_a_short_snapshot_is_told() -> None:
    segment = read_segment(frame(ethernet(TCP_4)[:-3], 1))
    assert isinstance(segment, Segment)
    assert (segment.payload, segment.cut_bytes) == (b"payl", 3)


def test_a_length_left_to_the_network_card() -> None:
    segment = read_segment(frame(ethernet(ipv4(REGISTER, OPERATOR, tcp(REGISTER, OPERATOR, 1, b"all"), length=0)), 1))
    assert isinstance(segment, Segment)
    assert (segment.payload, segment.cut_bytes) == (b"all", 0)


@pytest.mark.parametrize(
    ("link", "data", "name"),
    [
        (1, ethernet(ipv4(REGISTER, OPERATOR, b"\x00" * 8, protocol=17)), "UDP"),
        (1, ethernet(ipv4(REGISTER, OPERATOR, b"\x00" * 8, protocol=99)), "IP 99"),
        (1, ethernet(b"\x00" * 28, ethertype=0x0806), "ARP"),
        (1, ethernet(b"\x00" * 28, ethertype=0x9999), "EtherType 0x9999"),
        (1, ethernet(ipv4(REGISTER, OPERATOR, b"\x00" * 30, fragment=0x2000)), "фрагмент IP / IP fragment"),
        (1, ethernet(ipv4(REGISTER, OPERATOR, b"\x00" * 3)), "повреждённый пакет / damaged packet"),
        (101, b"\x45\x00", "повреждённый пакет / damaged packet"),
        (101, b"", "повреждённый пакет / damaged packet"),
        (147, b"anything", "канал / link type 147"),
    ],
)
def test_what_is_no_segment_is_named(link: int, data: bytes, name: str) -> None:
    assert read_segment(frame(data, link)) == name


@given(st.binary(max_size=120), st.sampled_from([0, 1, 12, 101, 108, 113, 228, 276]))
def test_any_bytes_are_survived(data: bytes, link: int) -> None:
    assert isinstance(read_segment(frame(data, link)), Segment | str)


@given(
    st.data(), st.sampled_from([(1, ethernet(TCP_4)), (1, ethernet(HOPS, ethertype=0x86DD)), (276, cooked_2(TCP_6))])
)
def test_any_damage_is_survived(data: st.DataObject, sample: tuple[int, bytes]) -> None:
    link, whole = sample
    changed = bytearray(whole)
    for at in data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=4)):
        changed[at] = data.draw(st.integers(0, 255))
    cut = bytes(changed[: data.draw(st.integers(0, len(whole)))])
    assert isinstance(read_segment(frame(cut, link)), Segment | str)
