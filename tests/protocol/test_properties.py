"""Whatever garbage comes, it gives events, a wish for more or a ProtocolError, however it is cut, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ofd_gateway.protocol import Connection, MessageReceived, PeerClosed, Role
from tests.protocol.feeding import cut, feed
from tests.protocol.samples import (
    FAULTS_TO_OPERATOR,
    FAULTS_TO_REGISTER,
    FN,
    MAX_BODY,
    VERSION,
    confirmation_container,
    container,
    message,
    session_header,
)

CUTS = st.lists(st.integers(0, 5000), max_size=12)
GOOD = [
    message(),
    message(flags=0x0015),
    message(flags=0x0016),
    message(flags=0x0004),
    session_header(flags=0x0010),
    session_header(flags=0x0011),
    message(confirmation_container()),
]
FAULTY = [fault.data for fault in (*FAULTS_TO_OPERATOR, *FAULTS_TO_REGISTER)]


@st.composite
def damaged(draw) -> bytes:
    """A good message with some bytes changed, left out or put in."""
    data = bytearray(draw(st.sampled_from(GOOD)))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(data) - 1))
        match draw(st.sampled_from(["change", "remove", "insert"])):
            case "change":
                data[place] = draw(st.integers(0, 255))
            case "remove":
                del data[place : place + draw(st.integers(1, 5))]
            case _:
                data[place:place] = draw(st.binary(min_size=1, max_size=5))
        data = data or bytearray(b"\x2a")
    return bytes(data)


PART = st.one_of(st.sampled_from(GOOD), st.sampled_from(FAULTY), damaged(), st.binary(max_size=80))
STREAM = st.lists(PART, max_size=5).map(b"".join)


def connection(role: Role) -> Connection:
    made = Connection(role)
    if role is Role.REGISTER:
        made.send_message(container(), version=VERSION, fn=FN)
    return made


@settings(deadline=None, max_examples=400)
@given(role=st.sampled_from(Role), stream=STREAM, cuts=CUTS, eof=st.booleans())
def test_cuts_do_not_matter(role, stream, cuts, eof):
    whole = feed(connection(role), [stream], eof=eof)
    assert feed(connection(role), cut(stream, cuts), eof=eof) == whole
    assert feed(connection(role), [stream[at : at + 1] for at in range(len(stream))], eof=eof) == whole


@settings(deadline=None, max_examples=300)
@given(role=st.sampled_from(Role), stream=st.binary(max_size=2000))
def test_arbitrary_bytes_end_in_an_error_or_the_end(role, stream):
    found = feed(connection(role), [stream], eof=True)
    if stream:
        assert isinstance(found[-1], tuple)
    else:
        assert found == [PeerClosed(probe=True)]


def flips(data: bytes):
    for bit in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        yield bit, bytes(flipped)


#: Byte 6 and 7 are the P-version, of which every value is accepted; bytes 26 and 27 the flags, of which the priority,
#: the reserved bits, bit 2 and the lower answer bit may have either value; bytes 28 and 29 the CRC field.
FREE_BITS = {*range(6 * 8, 8 * 8), 26 * 8 + 2, 26 * 8 + 3, 26 * 8 + 4, 26 * 8 + 6, 26 * 8 + 7, *range(27 * 8, 30 * 8)}


def test_without_a_session_crc_every_other_flipped_bit_is_noticed():
    accepted = {
        bit
        for bit, data in flips(message())
        if any(isinstance(event, MessageReceived) for event in feed(connection(Role.OPERATOR), [data], eof=True))
    }
    assert accepted == FREE_BITS


@pytest.mark.parametrize(("flags", "mode_bit"), [(0x0015, 0), (0x0016, 1)])
def test_with_a_session_crc_only_the_mode_itself_can_be_lost(flags, mode_bit):
    accepted = {
        bit
        for bit, data in flips(message(flags=flags))
        if any(isinstance(event, MessageReceived) for event in feed(connection(Role.OPERATOR), [data], eof=True))
    }
    assert accepted == {26 * 8 + mode_bit}


@pytest.mark.parametrize("size", [1, 1000, 65536])
def test_the_largest_message_in_pieces(size):
    body = b"\x03\x00" + (32768 - 4).to_bytes(2, "little") + bytes(32768 - 4)
    big = message(container(body))
    assert len(big) == 30 + MAX_BODY
    (event,) = feed(connection(Role.OPERATOR), [big[at : at + size] for at in range(0, len(big), size)])
    assert event.raw == big


def test_a_quarter_of_a_megabyte_of_messages_in_one_piece():
    count = 262_144 // len(message())
    assert len(feed(connection(Role.OPERATOR), [message() * count])) == count
