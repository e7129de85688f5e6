"""pcap and pcapng in every byte order and resolution, and what damage of a file gives."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofd_gateway.captures.pcapng import enhanced_packet, file_header
from ofd_gateway.captures.savefile import Frame, SavefileFault, is_savefile, read_frames

from .packing import block, enhanced, interface, pcap, section

START = datetime.fromtimestamp(1_790_000_000, UTC)
FRAMES = [b"first", b"second one", b""]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("nanoseconds", [False, True])
def test_pcap_in_both_byte_orders_and_resolutions(order: str, nanoseconds: bool) -> None:
    data = pcap(FRAMES, link=113, order=order, nanoseconds=nanoseconds)
    assert is_savefile(data)
    assert list(read_frames(data)) == [
        Frame(number, START + timedelta(milliseconds=number - 1), 113, frame, len(frame))
        for number, frame in enumerate(FRAMES, start=1)
    ]


@pytest.mark.parametrize("order", ["<", ">"])
def test_pcapng_in_both_byte_orders(order: str) -> None:
    data = section(order=order) + interface(order=order, link=276) + block(99, b"what is this", order=order)
    data += b"".join(enhanced(frame, order=order) for frame in FRAMES)
    assert is_savefile(data)
    assert list(read_frames(data)) == [
        Frame(number, START, 276, frame, len(frame)) for number, frame in enumerate(FRAMES, start=1)
    ]


def test_a_simple_and_an_old_packet_block() -> None:
    old = struct.pack("<HHIIII", 0, 7, 1_790_000_000_000_000 >> 32, 1_790_000_000_000_000 & 0xFFFFFFFF, 3, 9) + b"old"
    simple = struct.pack("<I", 6) + b"simple"
    data = section() + interface(snap=4) + block(2, old) + block(3, simple)
    assert list(read_frames(data)) == [Frame(1, START, 1, b"old", 9), Frame(2, None, 1, b"simp", 6)]


@pytest.mark.parametrize(
    ("resolution", "ticks"),
    [(b"\x00", 1_790_000_000), (b"\x09", 1_790_000_000 * 10**9), (b"\x8a", 1_790_000_000 * 1024)],
)
def test_an_interface_says_what_a_tick_is(resolution: bytes, ticks: int) -> None:
    options = struct.pack("<HH", 9, 1) + resolution + bytes(3) + struct.pack("<HH", 14, 8) + struct.pack("<q", 60)
    [frame] = read_frames(section() + interface(options=options) + enhanced(b"x", ticks=ticks))
    assert isinstance(frame, Frame)
    assert frame.at == START + timedelta(seconds=60)


def test_a_second_section_has_interfaces_of_its_own() -> None:
    data = section() + interface(link=1) + enhanced(b"a") + section(order=">")
    data += interface(link=101, order=">") + enhanced(b"b", order=">")
    assert [frame.link_type for frame in read_frames(data) if isinstance(frame, Frame)] == [1, 101]


def test_a_time_beyond_every_calendar_is_unknown() -> None:
    [frame] = read_frames(section() + interface() + enhanced(b"x", ticks=2**64 - 1))
    assert isinstance(frame, Frame)
    assert frame.at is None


@pytest.mark.parametrize(
    ("data", "reason", "offset"),
    [
        (pcap([b"abc"])[:20], "capture_truncated", 20),
        (pcap([b"abc"])[:30], "capture_truncated", 24),
        (pcap([])[:24] + struct.pack("<IIII", 1, 1, 300_000, 1), "capture_damaged", 24),
        (section()[:20], "capture_truncated", 0),
        (section() + b"\x06", "capture_truncated", 28),
        (section() + struct.pack("<III", 6, 13, 13), "capture_damaged", 32),
        (section() + struct.pack("<IIII", 6, 16, 0, 17), "capture_damaged", 40),
        (section() + struct.pack("<IIII", 6, 16, 0, 16), "capture_damaged", 28),
        (section() + enhanced(b"x"), "capture_damaged", 28),
        (section()[:8] + b"\x00\x00\x00\x00" + section()[12:], "capture_damaged", 8),
        (
            section() + interface() + block(6, struct.pack("<IIIII", 0, 0, 0, 99, 99) + b"short"),
            "capture_damaged",
            48,
        ),
    ],
)
def test_damage_is_named_with_its_offset(data: bytes, reason: str, offset: int) -> None:
    *_, fault = read_frames(data)
    assert isinstance(fault, SavefileFault)
    assert (fault.reason, fault.offset) == (reason, offset)


def test_a_record_cut_short_gives_what_is_there() -> None:
    frame, fault = read_frames(pcap([b"abcdef"])[:-2])
    assert isinstance(frame, Frame)
    assert (frame.data, frame.original_bytes) == (b"abcd", 6)
    assert isinstance(fault, SavefileFault)
    assert fault.reason == "capture_truncated"


@given(st.lists(st.binary(max_size=90), max_size=5), st.datetimes(datetime(1970, 1, 1), timezones=st.just(UTC)))
def test_what_is_written_is_read_back(frames: list[bytes], at: datetime) -> None:
    data = file_header(application="test", comment="тест") + b"".join(enhanced_packet(frame, at) for frame in frames)
    assert list(read_frames(data)) == [
        Frame(number, at, 1, frame, len(frame)) for number, frame in enumerate(frames, start=1)
    ]


@given(st.sampled_from([pcap(FRAMES), section() + interface() + enhanced(b"frame")]), st.data())
def test_any_damage_is_survived(whole: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(4, len(whole) - 1))
    changed = whole[:at] + data.draw(st.binary(max_size=8)) + whole[at + data.draw(st.integers(0, 8)) :]
    faults = [one for one in read_frames(changed) if isinstance(one, SavefileFault)]
    assert len(faults) <= 1


@pytest.mark.parametrize("data", [b"", b"\n\r\r\n", b"\n\r\r\n....no order", b"{}", b"2a08410a"])
def test_other_bytes_are_no_capture(data: bytes) -> None:
    assert not is_savefile(data)
