from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofd_gateway.protocol import (
    SESSION_HEADER_BYTES,
    CrcMode,
    ProtocolError,
    SessionHeader,
    parse_session_header,
)
from ofd_gateway.protocol.declaration import SESSION_HEADER
from tests.protocol.samples import FAULTS_BEFORE_THE_BODY, FN, SHORT_FN, session_header

FN_NUMBERS = st.from_regex(r"[0-9]{15,16}", fullmatch=True).filter(str.isascii)
U16 = st.integers(0, 0xFFFF)
HEADERS = st.builds(
    SessionHeader, version=st.binary(min_size=2, max_size=2), fn=FN_NUMBERS, body_length=U16, flags=U16, crc=U16
)


@pytest.mark.parametrize(
    ("version", "ffd"),
    [
        ("0001", "1.0"),
        ("0002", "1.0"),
        ("0100", "1.0"),
        ("0105", "1.05"),
        ("0110", "1.1"),
        ("0120", "1.2"),
        ("0101", "1.1"),
        ("0102", "1.2"),
    ],
)
def test_known_versions(version, ffd):
    header = parse_session_header(session_header(version=bytes.fromhex(version)))
    assert (header.known_version, header.ffd_hint, header.version.hex()) == (True, ffd, version)


@pytest.mark.parametrize("version", ["0000", "0130", "2001", "ffff"])
def test_other_versions_are_read_and_said_to_be_unknown(version):
    header = parse_session_header(session_header(version=bytes.fromhex(version)))
    assert (header.known_version, header.ffd_hint) == (False, None)


@pytest.mark.parametrize(
    ("flags", "expects_answer", "carries_container", "crc_mode"),
    [
        (0x0014, True, True, CrcMode.NONE),
        (0x0015, True, True, CrcMode.HEADER),
        (0x0016, True, True, CrcMode.FULL),
        (0x0010, True, False, CrcMode.NONE),
        (0x0004, False, True, CrcMode.NONE),
        (0x0000, False, False, CrcMode.NONE),
        (0x00D4, True, True, CrcMode.NONE),
        (0xFF1C, True, True, CrcMode.NONE),
    ],
)
def test_flags(flags, expects_answer, carries_container, crc_mode):
    header = parse_session_header(session_header(flags=flags))
    assert (header.expects_answer, header.carries_container, header.crc_mode) == (
        expects_answer,
        carries_container,
        crc_mode,
    )


def test_a_short_fn_number_is_padded_with_a_space():
    data = session_header(fn=SHORT_FN.encode() + b" ")
    header = parse_session_header(data)
    assert header.fn == SHORT_FN
    assert header.pack() == data


@pytest.mark.parametrize("size", range(SESSION_HEADER_BYTES))
def test_a_part_of_a_header_is_truncated(size):
    with pytest.raises(ProtocolError) as caught:
        parse_session_header(session_header()[:size])
    assert (caught.value.reason, caught.value.offset, len(caught.value.raw)) == ("truncated", size, size)


@pytest.mark.parametrize("fault", FAULTS_BEFORE_THE_BODY, ids=lambda fault: fault.name)
def test_what_the_header_alone_does_not_show_is_left_to_the_connection(fault):
    alone = {"session_length", "message_too_long", "session_crc"}
    if fault.reason in alone:
        assert parse_session_header(fault.data).fn == FN
    else:
        with pytest.raises(ProtocolError) as caught:
            parse_session_header(fault.data)
        assert caught.value.reason == fault.reason


def test_an_error_reads_as_one_line():
    with pytest.raises(ProtocolError) as caught:
        parse_session_header(session_header(flags=0x0017))
    assert str(caught.value) == (
        "flags at byte 26: flags are 0x0017; bits 1–0 are 00 (no CRC), 01 (header) or 10 (header and body)"
    )


def test_an_error_that_is_moved_reads_with_its_new_place():
    error = ProtocolError("container_crc", field="CRC", offset=2, rule="right", detail="wrong")
    error.offset += 30
    assert str(error) == "CRC at byte 32: wrong; right"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": b"\x01"}, "P-protocol version has 2 bytes"),
        ({"fn": "12345"}, "15 or 16 digits"),
        ({"fn": "1234567890123456\n"}, "15 or 16 digits"),
        ({"fn": "12345678901234567"}, "15 or 16 digits"),
        ({"fn": "١" * 16}, "15 or 16 digits"),
        ({"body_length": 0x10000}, "16 bits"),
        ({"flags": -1}, "16 bits"),
        ({"crc": 0x10000}, "16 bits"),
    ],
)
def test_values_that_do_not_fit_are_the_callers_mistake(change, words):
    fields = {"version": b"\x01\x05", "fn": FN, "body_length": 0, "flags": 0x10, "crc": 0} | change
    with pytest.raises(ValueError, match=words):
        SessionHeader(**fields).pack()


@pytest.mark.parametrize("mode", [CrcMode.NONE, CrcMode.HEADER, CrcMode.FULL])
def test_sealing_computes_the_crc_with_the_flags_in_place(mode):
    header = SessionHeader(version=b"\x01\x20", fn=FN, body_length=3, flags=0x14 | mode)
    assert header.sealed(b"abc") == session_header(b"abc", flags=0x14 | mode)


@given(HEADERS)
def test_declaration_and_code_write_the_same(header):
    declared = SESSION_HEADER.build(
        {
            "version": header.version,
            "fn": header.fn.ljust(16).encode(),
            "body_length": header.body_length,
            "flags": header.flags,
            "crc": header.crc,
        }
    )
    assert header.pack() == declared


@given(HEADERS)
def test_declaration_and_code_read_the_same(header):
    data = header.pack()
    declared = SESSION_HEADER.parse(data)
    if header.flags & 0x20 or header.crc_mode is CrcMode.FORBIDDEN:
        with pytest.raises(ProtocolError) as caught:
            parse_session_header(data)
        assert caught.value.reason == ("session_flags" if header.flags & 0x20 else "session_crc_mode")
        found = caught.value.header
    else:
        found = parse_session_header(data)
    assert found == header
    assert (found.version, found.fn.encode().ljust(16), found.body_length, found.flags, found.crc) == (
        declared.version,
        declared.fn,
        declared.body_length,
        declared.flags,
        declared.crc,
    )


def test_declaration_has_the_size_of_the_code():
    assert SESSION_HEADER.sizeof() == SESSION_HEADER_BYTES
