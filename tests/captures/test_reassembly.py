"""Streams from segments, whatever the network did to them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofd_gateway.captures.packets import ACK, FIN, SYN, Segment
from ofd_gateway.captures.piece import Address
from ofd_gateway.captures.reassembly import Moment, Reassembler, TcpConnection

REGISTER, OPERATOR = Address("10.0.0.5", 51000), Address("192.0.2.7", 7777)
FIRST = 1000


def segment(seq: int, payload: bytes = b"", *, flags: int = ACK, cut: int = 0, back: bool = False) -> Segment:
    ends = (OPERATOR, REGISTER) if back else (REGISTER, OPERATOR)
    return Segment(*ends, seq & 0xFFFFFFFF, flags, payload, cut)


def put_together(segments: list[Segment]) -> TcpConnection:
    reassembler = Reassembler()
    for number, one in enumerate(segments, start=1):
        reassembler.add(one, Moment(number, datetime(2026, 1, 1, tzinfo=UTC)))
    [connection] = reassembler.connections
    return connection


def stream(segments: list[Segment]) -> list[tuple[bytes, int]]:
    """Joined bytes between gaps, with the size of the gap before them."""
    joined: list[tuple[bytes, int]] = []
    for chunk in put_together(segments).halves[REGISTER].chunks():
        if chunk.missing_bytes or not joined:
            joined.append((chunk.data, chunk.missing_bytes))
        else:
            joined[-1] = (joined[-1][0] + chunk.data, joined[-1][1])
    return joined


@given(st.binary(min_size=1, max_size=200), st.sampled_from([0, 1000, 2**32 - 50, 2**31 - 20]), st.data())
def test_any_cutting_order_and_repetition_gives_the_stream(data: bytes, first: int, draw: st.DataObject) -> None:
    spans = [(at, at + 1) for at in range(0, len(data), 7)]
    spans = [(start, min(len(data), start + draw.draw(st.integers(1, 40)))) for start, _ in spans]
    spans += [(at, min(len(data), at + 7)) for at in range(0, len(data), 7)]
    order = draw.draw(st.permutations(spans))
    segments = [segment(first, flags=SYN)] + [segment(first + 1 + start, data[start:end]) for start, end in order]
    assert stream(segments) == [(data, 0)]


def test_a_retransmission_changes_nothing_even_with_other_bytes() -> None:
    connection = put_together([segment(FIRST, b"abcdef"), segment(FIRST + 2, b"CDEFgh"), segment(FIRST + 1, b"bc")])
    half = connection.halves[REGISTER]
    assert b"".join(chunk.data for chunk in half.chunks()) == b"abcdefgh"
    assert half.conflicting_bytes == 4


def test_a_gap_is_told_with_its_size() -> None:
    assert stream([segment(FIRST, b"abc"), segment(FIRST + 10, b"xyz")]) == [(b"abc", 0), (b"xyz", 7)]


def test_what_is_missing_after_the_handshake_is_told() -> None:
    assert stream([segment(FIRST, flags=SYN), segment(FIRST + 6, b"late")]) == [(b"late", 5)]


def test_what_is_missing_before_the_end_is_told() -> None:
    assert stream([segment(FIRST, b"abc"), segment(FIRST + 9, flags=FIN | ACK)]) == [(b"abc", 0), (b"", 6)]


def test_what_a_short_snapshot_cut_off_is_told() -> None:
    assert stream([segment(FIRST, b"abc", cut=5), segment(FIRST + 8, b"xyz")]) == [(b"abc", 0), (b"xyz", 5)]
    assert stream([segment(FIRST, b"abc", cut=5)]) == [(b"abc", 0), (b"", 5)]


def test_a_keep_alive_is_no_byte_of_the_stream() -> None:
    segments = [
        segment(FIRST, flags=SYN),
        segment(FIRST, b"\x00"),
        segment(FIRST + 1, b"abc"),
        segment(FIRST + 3, b"!"),
    ]
    assert stream(segments)[0] == (b"abc", 0)


def test_the_beginning_of_a_stream_may_be_missing() -> None:
    assert stream([segment(FIRST + 3, b"def"), segment(FIRST, b"abc")]) == [(b"abcdef", 0)]


@pytest.mark.parametrize("opening", [segment(FIRST, flags=SYN), segment(9, flags=SYN | ACK, back=True)])
def test_who_opened_the_connection(opening: Segment) -> None:
    assert put_together([opening]).opened_by == REGISTER


def test_nobody_knows_who_opened_it() -> None:
    assert put_together([segment(FIRST, b"abc")]).opened_by is None


def test_the_same_ports_again_are_another_connection() -> None:
    reassembler = Reassembler()
    segments = [
        segment(FIRST, flags=SYN),
        segment(FIRST, flags=SYN),
        segment(FIRST + 1, b"one"),
        segment(FIRST + 4, flags=FIN | ACK),
        segment(70_000, flags=SYN),
        segment(70_001, b"two"),
    ]
    for number, one in enumerate(segments):
        reassembler.add(one, Moment(number, None))
    assert [
        b"".join(chunk.data for chunk in connection.halves[REGISTER].chunks()) for connection in reassembler.connections
    ] == [b"one", b"two"]


def test_a_handshake_after_the_middle_of_a_connection_begins_another() -> None:
    reassembler = Reassembler()
    for number, one in enumerate([segment(FIRST, b"old"), segment(50, flags=SYN), segment(51, b"new")]):
        reassembler.add(one, Moment(number, None))
    assert len(reassembler.connections) == 2


def test_a_handshake_seen_from_its_answer_on_is_one_connection() -> None:
    segments = [segment(9, flags=SYN | ACK, back=True), segment(FIRST, flags=SYN), segment(FIRST + 1, b"x")]
    assert stream(segments) == [(b"x", 0)]
