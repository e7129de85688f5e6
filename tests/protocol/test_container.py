from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ofd_gateway.protocol import (
    CONTAINER_HEADER_BYTES,
    FROM_FN,
    FROM_OPERATOR,
    TRAILER_BYTES,
    ProtocolError,
    build_container,
    parse_container,
)
from ofd_gateway.protocol.declaration import CONTAINER_HEADER, TRAILER
from tests.protocol.samples import (
    BODY,
    FAULTS_TO_OPERATOR,
    FN,
    FN_TRAILER,
    HEADER,
    NONCE,
    OPERATOR_TRAILER,
    SHORT_FN,
    container,
)

PARTS = st.fixed_dictionaries(
    {
        "kind": st.sampled_from([FROM_FN, FROM_OPERATOR]),
        "document_code": st.integers(0, 0xFF),
        "format_version": st.integers(0, 0x0F),
        "service_data": st.binary(min_size=2, max_size=2),
        "fn": st.from_regex(r"[0-9]{15,16}", fullmatch=True).filter(str.isascii),
        "fd": st.integers(1, 0xFF_FFFF),
        "nonce": st.binary(min_size=8, max_size=8),
        "key_id": st.binary(min_size=2, max_size=2),
        "body": st.binary(min_size=4, max_size=600),
        "trailer": st.binary(min_size=6, max_size=6).map(lambda sign: b"\x82\x06" + sign + bytes(2)),
    }
)


def test_fields():
    data = container()
    found = parse_container(data)
    assert found.raw == data
    assert found.body == BODY
    assert found.trailer == FN_TRAILER
    assert found.message_sign == FN_TRAILER[:8]
    assert (found.kind, found.document_code, found.format_version) == (0xA5, 3, 1)
    assert (found.service_data, found.key_id, found.nonce) == (b"\x10\x09", b"\x00\x02", NONCE)
    assert (found.fn, found.fd) == (FN, 5)


def test_a_short_fn_number_ends_with_nibble_f():
    found = parse_container(container(fn_bcd=bytes.fromhex(SHORT_FN + "f")))
    assert found.fn == SHORT_FN


def test_the_trailer_of_an_fn_may_be_hidden_by_encryption():
    noise = bytes(range(100, 110))
    assert parse_container(container(trailer=noise)).trailer == noise


@pytest.mark.parametrize("trailer", [FN_TRAILER, bytes(10), OPERATOR_TRAILER[:8] + b"\x00\x01"])
def test_the_trailer_of_an_operator_is_looked_at(trailer):
    with pytest.raises(ProtocolError) as caught:
        parse_container(container(kind=FROM_OPERATOR, trailer=trailer), kind=FROM_OPERATOR)
    assert (caught.value.reason, caught.value.offset) == ("trailer", 32 + len(BODY))


def test_the_smallest_container():
    found = parse_container(container(b"\x03\x00\x00\x00"))
    assert (len(found.raw), found.body) == (46, b"\x03\x00\x00\x00")


@pytest.mark.parametrize("size", range(46))
def test_less_than_the_smallest_is_refused(size):
    with pytest.raises(ProtocolError) as caught:
        parse_container(container()[:size])
    assert (caught.value.reason, caught.value.field, caught.value.offset) == ("container_length", "container", 0)


@pytest.mark.parametrize("change", [-1, 1])
def test_one_byte_less_or_more_is_refused(change):
    data = container()
    with pytest.raises(ProtocolError) as caught:
        parse_container(data[:-1] if change < 0 else data + b"\x00")
    assert (caught.value.reason, caught.value.field, caught.value.fd) == ("container_length", "length", 5)


IN_THE_CONTAINER = [
    fault for fault in FAULTS_TO_OPERATOR if fault.reason.startswith("container") and fault.name != "another FN"
]


@pytest.mark.parametrize("fault", IN_THE_CONTAINER, ids=lambda fault: fault.name)
def test_faults_count_from_the_container(fault):
    with pytest.raises(ProtocolError) as caught:
        parse_container(fault.data[HEADER:])
    error = caught.value
    assert (error.reason, error.field, error.offset, error.fd, error.header) == (
        fault.reason,
        fault.field,
        fault.offset - HEADER,
        fault.fd,
        None,
    )


def test_every_flipped_bit_is_noticed():
    data = container()
    for bit in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ProtocolError):
            parse_container(bytes(flipped))


@given(PARTS)
def test_what_is_built_is_read_back(parts):
    data = build_container(**parts)
    found = parse_container(data, kind=parts["kind"])
    assert {name: getattr(found, name) for name in parts} == parts
    assert found.raw == data


@given(PARTS)
def test_declaration_and_code_agree(parts):
    data = build_container(**parts)
    head = CONTAINER_HEADER.parse(data)
    assert (head.length, head.plain_length) == (len(data), len(parts["body"]))
    assert head.fn_bcd.hex() == parts["fn"].ljust(16, "f")
    for name in ("kind", "document_code", "format_version", "service_data", "fd", "nonce", "key_id"):
        assert head[name] == parts[name]
    trailer = TRAILER.parse(data[-TRAILER_BYTES:])
    assert (trailer.kind, trailer.sign) == (0x82, parts["trailer"][2:8])
    declared = CONTAINER_HEADER.build(head) + parts["body"] + TRAILER.build(trailer)
    assert declared == data


def test_declaration_has_the_sizes_of_the_code():
    assert (CONTAINER_HEADER.sizeof(), TRAILER.sizeof()) == (CONTAINER_HEADER_BYTES, TRAILER_BYTES)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"nonce": bytes(7)}, "nonce 7"),
        ({"trailer": bytes(11)}, "trailer 11"),
        ({"key_id": b""}, "key_id 0"),
        ({"service_data": bytes(3)}, "service_data 3"),
        ({"fn": "123"}, "15 or 16 digits"),
        ({"fn": "1234567890123456 "}, "15 or 16 digits"),
        ({"fn": "١" * 16}, "15 or 16 digits"),
        ({"fn": "123456789012345f"}, "15 or 16 digits"),
        ({"fd": 0x100_0000}, "FD 16777216"),
        ({"fd": -1}, "FD -1"),
        ({"kind": 256}, "kind 256"),
        ({"document_code": -1}, "code -1"),
        ({"body": bytes(0x10000)}, "body of 65536 bytes"),
    ],
)
def test_values_that_do_not_fit_are_the_callers_mistake(change, words):
    parts = {
        "kind": FROM_FN,
        "document_code": 3,
        "fn": FN,
        "fd": 1,
        "nonce": NONCE,
        "body": BODY,
        "trailer": FN_TRAILER,
    }
    with pytest.raises(ValueError, match=words):
        build_container(**(parts | change))


@settings(deadline=None)
@given(st.binary(max_size=400), st.sampled_from([FROM_FN, FROM_OPERATOR]))
def test_arbitrary_bytes_give_a_protocol_error(data, kind):
    with pytest.raises(ProtocolError):
        parse_container(data, kind=kind)
