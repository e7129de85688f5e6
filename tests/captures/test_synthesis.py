"""Packets made up around relayed bytes are read back as the same streams, by us and by other programs."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofd_gateway.captures.conversations import read_capture
from ofd_gateway.captures.packets import ACK, FIN, RST, SYN, Segment, read_segment
from ofd_gateway.captures.pcapng import enhanced_packet, file_header
from ofd_gateway.captures.piece import Address, Sender, Sort
from ofd_gateway.captures.reassembly import Moment, Reassembler
from ofd_gateway.captures.savefile import Frame
from ofd_gateway.captures.synthesis import TcpScript
from tests.messages import DEBUG_FN, container, message

from .answers import confirmation

V4 = (Address("10.0.0.5", 51000), Address("192.0.2.7", 7777))
V6 = (Address("2001:db8::5", 51000), Address("fe80::7%eth0", 7777))
MIXED = (Address("10.0.0.5", 51000), Address("2001:db8::7", 7777))
AT = datetime(2026, 11, 24, 15, 30, 1, 250, tzinfo=UTC)


def script(ends: tuple[Address, Address] = V4) -> TcpScript:
    return TcpScript(register=ends[0], operator=ends[1])


def segments(frames: list[bytes]) -> list[Segment]:
    read = [read_segment(Frame(1, None, 1, frame, len(frame))) for frame in frames]
    assert all(isinstance(one, Segment) for one in read)
    return [one for one in read if isinstance(one, Segment)]


def whole_sum(data: bytes) -> int:
    """The Internet checksum of data with its checksum in it: FFFF when that is right."""
    data += bytes(len(data) % 2)
    total = sum(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


@pytest.mark.parametrize("payload", [b"", b"odd", b"even", b"\xff" * 65_000])
def test_checksums_are_right(payload: bytes) -> None:
    four = next(iter(script().sent(Sender.REGISTER, payload)), None) or next(script().opened())
    assert whole_sum(four[14:34]) == 0xFFFF
    pseudo = four[26:34] + b"\x00\x06" + (len(four) - 34).to_bytes(2, "big")
    assert whole_sum(pseudo + four[34:]) == 0xFFFF
    six = next(iter(script(V6).sent(Sender.OPERATOR, payload)), None) or next(script(V6).opened())
    pseudo = six[22:54] + (len(six) - 54).to_bytes(4, "big") + b"\x00\x00\x00\x06"
    assert whole_sum(pseudo + six[54:]) == 0xFFFF


@pytest.mark.parametrize("ends", [V4, V6])
def test_addresses_and_ports_are_those_of_the_two_sides(ends: tuple[Address, Address]) -> None:
    one, two, three = segments(list(script(ends).opened()))
    plain = tuple(Address(end.host.partition("%")[0], end.port) for end in ends)
    assert (one.source, one.destination, one.flags) == (*plain, SYN)
    assert (two.source, two.destination, two.flags) == (*plain[::-1], SYN | ACK)
    assert (three.source, three.flags) == (plain[0], ACK)


def test_two_families_meet_in_ipv6() -> None:
    one, *_ = segments(list(script(MIXED).opened()))
    assert (one.source.host, one.destination.host) == ("::ffff:10.0.0.5", "2001:db8::7")


SIDES = st.sampled_from(Sender)


@given(st.lists(st.tuples(SIDES, st.binary(max_size=2000)), max_size=8), st.sampled_from([V4, V6, MIXED]))
def test_streams_come_back(sent: list[tuple[Sender, bytes]], ends: tuple[Address, Address]) -> None:
    made = script(ends)
    frames = list(made.opened())
    for sender, data in sent:
        frames += made.sent(sender, data)
    frames += [*made.ended(Sender.REGISTER), *made.ended(Sender.OPERATOR), *made.ended(Sender.OPERATOR)]
    reassembler = Reassembler()
    read = segments(frames)
    for number, one in enumerate(read):
        reassembler.add(one, Moment(number, None))
    [connection] = reassembler.connections
    assert connection.opened_by == read[0].source
    for sender, half in zip(Sender, connection.halves.values(), strict=True):
        chunks = list(half.chunks())
        assert b"".join(chunk.data for chunk in chunks) == b"".join(data for by, data in sent if by is sender)
        assert not any(chunk.missing_bytes for chunk in chunks)
        assert half.has_ended


def test_large_reads_are_cut_into_packets_that_ip_can_carry() -> None:
    frames = list(script().sent(Sender.REGISTER, bytes(200_000)))
    assert len(frames) == 4
    assert sum(len(one.payload) for one in segments(frames)) == 200_000


def test_missed_bytes_leave_a_gap() -> None:
    made = script()
    frames = list(made.opened())
    made.missed(Sender.REGISTER, 123)
    frames += made.sent(Sender.REGISTER, message(container()))
    data = file_header(application="a", comment="b") + b"".join(enhanced_packet(frame, AT) for frame in frames)
    assert [(piece.sort, piece.missing_bytes) for piece in read_capture(data).pieces] == [
        (Sort.GAP, 123),
        (Sort.MESSAGE, 0),
    ]


def test_a_reset_is_the_last_packet() -> None:
    made = script()
    [one] = segments(list(made.reset(Sender.OPERATOR)))
    assert one.flags == RST | ACK
    assert list(made.ended(Sender.REGISTER)) == []
    assert one.flags & FIN == 0


def test_tshark_reads_the_file_without_a_complaint(tmp_path: Path) -> None:
    tshark = shutil.which("tshark")
    if tshark is None:
        pytest.skip("tshark is not on this machine")
    data = file_header(application="test", comment="сообщение")
    for ends in (V4, V6, MIXED):
        made = script(ends)
        frames = [*made.opened(), *made.sent(Sender.REGISTER, message(container(DEBUG_FN, 7)))]
        frames += [
            *made.sent(Sender.OPERATOR, confirmation()),
            *made.ended(Sender.REGISTER),
            *made.ended(Sender.OPERATOR),
        ]
        data += b"".join(enhanced_packet(frame, AT) for frame in frames)
    file = tmp_path / "made.pcapng"
    file.write_bytes(data)
    checks = ["-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"]
    read = [tshark, "-r", str(file), *checks]
    everything = subprocess.run([*read, "-T", "fields", "-e", "tcp.stream"], capture_output=True, text=True, check=True)
    assert set(everything.stdout.split()) == {"0", "1", "2"}
    suspicious = "_ws.malformed || tcp.checksum.status == 0 || ip.checksum.status == 0 || tcp.analysis.flags"
    found = subprocess.run([*read, "-Y", suspicious], capture_output=True, text=True, check=True)
    assert found.stdout == ""
