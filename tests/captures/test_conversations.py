"""Capture files to pieces: both directions, the order of time, who is the register, and what is left out."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofd_gateway.captures.conversations import read_capture
from ofd_gateway.captures.piece import Piece, Sender, Sort
from tests.messages import DEBUG_FN, container, message

from .answers import confirmation
from .packing import ACK, OPERATOR, PSH, REGISTER, RST, Talk, ethernet, ipv4, pcap, tcp

MESSAGE = message(container(DEBUG_FN, 7))
ANSWER = confirmation()


def shown(pieces: tuple[Piece, ...]) -> list[tuple[str, Sort, bytes]]:
    return [(piece.sender.value, piece.sort, piece.raw) for piece in pieces]


def reasons(data: bytes) -> list[tuple[str, bool]]:
    return [(note.reason, note.is_fault) for note in read_capture(data).notes]


def test_an_exchange() -> None:
    talk = Talk().open().put(True, MESSAGE).put(False, ANSWER).put(True, MESSAGE).put(False, ANSWER).close()
    capture = read_capture(pcap(talk.frames))
    assert capture.notes == ()
    assert shown(capture.pieces) == [
        ("register", Sort.MESSAGE, MESSAGE),
        ("operator", Sort.MESSAGE, ANSWER),
        ("register", Sort.MESSAGE, MESSAGE),
        ("operator", Sort.MESSAGE, ANSWER),
    ]
    first = capture.pieces[0]
    assert (first.connection, first.source, first.destination) == (1, "10.0.0.5:51000", "192.0.2.7:7777")
    assert first.at is not None
    assert first.at.microsecond == 3000


def test_segments_of_any_size_in_a_wrong_order() -> None:
    talk = Talk().open()
    pieces = [MESSAGE[at : at + 40] for at in range(0, len(MESSAGE), 40)]
    start = talk.seq[True]
    for index in [1, 0, 3, 2, 0, *range(4, len(pieces))]:
        talk.put(True, pieces[index], seq=start + 40 * index)
    assert shown(read_capture(pcap(talk.frames)).pieces) == [("register", Sort.MESSAGE, MESSAGE)]


def test_connections_are_told_apart_and_told_in_the_order_of_time() -> None:
    one, two = Talk(register=("10.0.0.5", 50001)).open(), Talk(register=("10.0.0.6", 50001)).open()
    two.put(True, MESSAGE).put(False, ANSWER)
    one.put(True, MESSAGE)
    frames = one.frames[:3] + two.frames + one.frames[3:]
    pieces = read_capture(pcap(frames)).pieces
    assert [(piece.connection, piece.sender.value) for piece in pieces] == [
        (2, "register"),
        (2, "operator"),
        (1, "register"),
    ]


@pytest.mark.parametrize("first", ["register", "operator"])
def test_without_a_handshake_the_containers_say_who_is_who(first: str) -> None:
    talk = Talk(register=("10.0.0.5", 80))
    talk.put(first == "register", MESSAGE if first == "register" else ANSWER)
    talk.put(first != "register", ANSWER if first == "register" else MESSAGE)
    assert [piece.sender.value for piece in read_capture(pcap(talk.frames)).pieces] == [
        first,
        "operator" if first == "register" else "register",
    ]


def test_without_anything_the_higher_port_is_the_registers() -> None:
    talk = Talk().put(False, MESSAGE[:40])
    [piece] = read_capture(pcap(talk.frames)).pieces
    assert (piece.sender, piece.sort) == (Sender.OPERATOR, Sort.PARTIAL)


def test_a_lost_segment_is_a_gap_between_what_is_there() -> None:
    talk = Talk().open().put(True, MESSAGE[:100])
    talk.seq[True] += 50
    talk.put(True, MESSAGE[150:]).put(True, MESSAGE)
    pieces = read_capture(pcap(talk.frames)).pieces
    assert [(piece.sort, piece.missing_bytes) for piece in pieces] == [
        (Sort.PARTIAL, 0),
        (Sort.GAP, 50),
        (Sort.FOREIGN, 0),
        (Sort.MESSAGE, 0),
    ]


def test_neighbouring_foreign_bytes_are_one_piece() -> None:
    talk = Talk().open().put(True, MESSAGE).put(True, b"what ").put(True, b"is ").put(True, b"this")
    assert shown(read_capture(pcap(talk.frames)).pieces)[1:] == [("register", Sort.FOREIGN, b"what is this")]


def test_a_reset_ends_a_message() -> None:
    talk = Talk().open().put(True, MESSAGE[:60]).put(True, flags=RST)
    assert shown(read_capture(pcap(talk.frames)).pieces) == [("register", Sort.PARTIAL, MESSAGE[:60])]


def test_other_protocols_are_named_and_no_fault_beside_an_exchange() -> None:
    talk = Talk().open().put(True, MESSAGE)
    web = Talk(register=("10.0.0.9", 1234)).open().put(True, b"GET / HTTP/1.1\r\n\r\n")
    datagram = ethernet(ipv4(REGISTER, OPERATOR, b"12345678", protocol=17))
    capture = read_capture(pcap(talk.frames + web.frames + [datagram]))
    assert [(note.reason, note.is_fault) for note in capture.notes] == [
        ("other_packets", False),
        ("other_protocol", False),
    ]
    assert "UDP: 1" in capture.notes[0].text
    assert "10.0.0.9:1234" in capture.notes[1].text
    assert "47 45 54 20 2f" in capture.notes[1].text
    assert len(capture.pieces) == 1


def test_a_capture_without_an_exchange_is_a_fault() -> None:
    assert reasons(pcap(Talk().open().put(True, b"GET /").frames)) == [
        ("other_protocol", False),
        ("no_messages", True),
    ]
    assert reasons(pcap([])) == [("no_messages", True)]


def test_a_probe_is_silent() -> None:
    talk = Talk().open().put(True, MESSAGE)
    probe = Talk(register=("10.0.0.9", 1234)).open().close()
    assert reasons(pcap(probe.frames + talk.frames)) == []


def test_bytes_sent_again_with_other_content_are_a_fault() -> None:
    talk = Talk().open().put(True, MESSAGE)
    talk.put(True, b"other", seq=1001)
    assert reasons(pcap(talk.frames)) == [("tcp_conflict", True)]


def test_a_file_cut_short_gives_what_is_there() -> None:
    data = pcap(Talk().open().put(True, MESSAGE).put(False, ANSWER).frames)
    capture = read_capture(data[:-20])
    assert [note.reason for note in capture.notes] == ["capture_truncated"]
    assert [piece.sort for piece in capture.pieces] == [Sort.MESSAGE, Sort.PARTIAL, Sort.GAP]


@given(st.data())
def test_any_damage_is_survived(draw: st.DataObject) -> None:
    whole = bytearray(pcap(Talk().open().put(True, MESSAGE).put(False, ANSWER).close().frames))
    for at in draw.draw(st.lists(st.integers(24, len(whole) - 1), max_size=6)):
        whole[at] = draw.draw(st.integers(0, 255))
    capture = read_capture(bytes(whole[: draw.draw(st.integers(24, len(whole)))]))
    assert all(piece.raw or piece.sort is Sort.GAP for piece in capture.pieces)


def test_a_connection_of_one_address_with_itself_is_survived() -> None:
    frame = ethernet(ipv4(REGISTER, REGISTER, tcp(REGISTER, REGISTER, 1, MESSAGE, flags=PSH | ACK)))
    assert len(read_capture(pcap([frame])).pieces) == 1


def test_times_may_be_missing() -> None:
    frame = Talk().put(True, MESSAGE).frames[0]
    simple = struct.pack("<I", len(frame)) + frame
    from .packing import block, interface, section

    [piece] = read_capture(section() + interface() + block(3, simple)).pieces
    assert (piece.at, piece.raw) == (None, MESSAGE)
