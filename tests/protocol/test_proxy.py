"""A balancer's header: the parser against construct's declaration, however the bytes are cut."""

from __future__ import annotations

import ipaddress

import construct
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofd_gateway.protocol import (
    MAX_PROXY_HEADER_BYTES,
    PROXY_SIGNATURE,
    ProxyError,
    ProxyHeader,
    parse_proxy_header,
)
from ofd_gateway.protocol.declaration import PROXY_HEADER

PORT = st.integers(0, 0xFFFF)
TLVS = st.lists(st.fixed_dictionaries({"kind": st.integers(0, 255), "value": st.binary(max_size=40)}), max_size=4)
ADDRESSES = {0x11: st.ip_addresses(v=4), 0x21: st.ip_addresses(v=6)}


def header(command: int = 0x21, family: int = 0x11, rest: bytes = b"", *, length: int | None = None) -> bytes:
    length = len(rest) if length is None else length
    return PROXY_SIGNATURE + bytes([command, family]) + length.to_bytes(2, "big") + rest


def ipv4(tlvs: bytes = b"") -> bytes:
    return bytes([203, 0, 113, 7, 10, 0, 0, 1]) + (49152).to_bytes(2, "big") + (7777).to_bytes(2, "big") + tlvs


def text(address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int) -> str:
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"


@st.composite
def declared(draw) -> tuple[bytes, ProxyHeader]:
    """A header as the declaration builds it, and what it should be read as."""
    family = draw(st.sampled_from([0x11, 0x21]))
    source, destination = draw(ADDRESSES[family]), draw(ADDRESSES[family])
    ports = draw(PORT), draw(PORT)
    addresses = {
        "source": source.packed,
        "destination": destination.packed,
        "source_port": ports[0],
        "destination_port": ports[1],
    }
    data = PROXY_HEADER.build(
        {
            "version_command": 0x21,
            "family": family,
            "rest": {"addresses": addresses, "tlvs": draw(TLVS)},
        }
    )
    expected = ProxyHeader(size=len(data), source=text(source, ports[0]), destination=text(destination, ports[1]))
    return data, expected


@given(made=declared(), after=st.binary(max_size=50))
def test_it_reads_what_the_declaration_builds(made, after):
    data, expected = made
    assert parse_proxy_header(data + after) == expected
    assert parse_proxy_header(bytearray(data + after)) == expected


@given(made=declared())
def test_nothing_is_said_before_it_is_complete(made):
    data, _ = made
    assert [parse_proxy_header(data[:size]) for size in range(len(data))] == [None] * len(data)


@pytest.mark.parametrize("family", [0x00, 0x11, 0x21, 0x31, 0x42, 0xFF])
@pytest.mark.parametrize("rest", [b"", b"\x01\xff\xff", bytes(100)])
def test_what_a_local_connection_carries_is_skipped(family, rest):
    assert parse_proxy_header(header(0x20, family, rest)) == ProxyHeader(size=16 + len(rest))


@pytest.mark.parametrize("rest", [b"", b"\x01\xff\xff", bytes(100)])
def test_what_an_unspecified_connection_carries_is_skipped(rest):
    assert parse_proxy_header(header(0x21, 0x00, rest)) == ProxyHeader(size=16 + len(rest))


def test_a_unix_stream_has_no_address():
    rest = bytes(216) + b"\x04\x00\x01\x00"
    assert parse_proxy_header(header(0x21, 0x31, rest)) == ProxyHeader(size=16 + len(rest))


def test_addresses_as_they_are_written():
    found = parse_proxy_header(header(0x21, 0x11, ipv4()))
    assert (found.source, found.destination) == ("203.0.113.7:49152", "10.0.0.1:7777")
    six = ipaddress.ip_address("2001:db8::7").packed * 2 + b"\x00\x01\xff\xff"
    found = parse_proxy_header(header(0x21, 0x21, six))
    assert (found.source, found.destination) == ("[2001:db8::7]:1", "[2001:db8::7]:65535")


@pytest.mark.parametrize(
    ("data", "field", "offset"),
    [
        (b"\x2a\x08\x41\x0a\x81\xa2", "signature", 0),
        (b"PROXY TCP4 1.2.3.4", "signature", 0),
        (b"GET / HTTP/1.1\r\n", "signature", 0),
        (PROXY_SIGNATURE[:-1] + b"\x0b", "signature", 11),
        (header(0x11), "version", 12),
        (header(0x31), "version", 12),
        (header(0x22), "command", 12),
        (header(0x21, 0x10), "family", 13),
        (header(0x21, 0x12), "family", 13),
        (header(0x21, 0x22), "family", 13),
        (header(0x21, 0x41), "family", 13),
        (header(0x21, 0x11, length=0xFFFF), "length", 14),
        (header(0x20, 0x00, length=0xFFFF), "length", 14),
        (header(0x21, 0x11, ipv4()[:-1]), "length", 14),
        (header(0x21, 0x21, ipv4()), "length", 14),
        (header(0x21, 0x31, bytes(215)), "length", 14),
        (header(0x21, 0x11, ipv4(b"\x04\x00")), "TLV", 28),
        (header(0x21, 0x11, ipv4(b"\x04\x00\x01")), "TLV 0x04", 28),
        (header(0x21, 0x11, ipv4(b"\x04\x00\x01\x00\x03\x00\x05abcd")), "TLV 0x03", 32),
    ],
)
def test_what_is_wrong_is_named(data, field, offset):
    with pytest.raises(ProxyError) as caught:
        parse_proxy_header(data)
    assert (caught.value.field, caught.value.offset) == (field, offset)
    assert str(offset) in str(caught.value)


def test_the_first_version_of_the_protocol_is_recognised():
    with pytest.raises(ProxyError, match="version 1"):
        parse_proxy_header(b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n")


def test_the_largest_header():
    rest = ipv4(b"\x04\x0f\xe1" + bytes(0x0FE1))
    assert len(header(rest=rest)) == MAX_PROXY_HEADER_BYTES
    assert parse_proxy_header(header(rest=rest)).size == MAX_PROXY_HEADER_BYTES


def outcome(data: bytes) -> object:
    try:
        return parse_proxy_header(data)
    except ProxyError as error:
        return error.field, error.offset


@given(data=st.one_of(st.binary(max_size=60), st.binary(max_size=60).map(lambda rest: PROXY_SIGNATURE + rest)))
def test_garbage_gives_a_header_a_wish_for_more_or_a_named_error(data):
    whole = outcome(data)
    pieces = [outcome(data[:size]) for size in range(len(data) + 1)]
    settled = [piece for piece in pieces if piece is not None]
    assert set(settled) <= {whole}


@given(made=declared(), place=st.integers(0, 400), byte=st.integers(0, 255))
def test_the_declaration_accepts_what_the_parser_accepts(made, place, byte):
    data = bytearray(made[0])
    data[place % len(data)] = byte
    try:
        found = parse_proxy_header(bytes(data))
    except ProxyError:
        with pytest.raises(construct.ConstructError):
            PROXY_HEADER.parse(bytes(data))
        return
    if found is not None:
        parsed = PROXY_HEADER.parse(bytes(data))
        assert len(PROXY_HEADER.build(parsed)) == found.size
