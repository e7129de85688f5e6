"""Events on their way to the recorder: encoded, bounded, never waited for, and honest about what was left out."""

from __future__ import annotations

import asyncio
import socket
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from ofd_gateway.captures.piece import Address, Sender
from ofd_gateway.proxy.channel import Channel
from ofd_gateway.proxy.recording import COMPLETE, INCOMPLETE
from ofd_gateway.proxy.tap import Closed, Ended, Event, EventReader, Missed, Opened, Reset, Sent, encode_event

from .standing import until

AT = datetime(2026, 11, 24, 15, 30, 1, 250, tzinfo=UTC)
OPENED = Opened(1, AT, Address("10.0.0.5", 51000), Address("::1", 7777))

MOMENTS = st.datetimes(datetime(1970, 1, 1), timezones=st.just(UTC))
NUMBERS, SENDERS = st.integers(1, 10**6), st.sampled_from(Sender)
EVENTS = st.one_of(
    st.just(OPENED),
    st.builds(Sent, NUMBERS, MOMENTS, SENDERS, st.binary(max_size=300)),
    st.builds(Missed, NUMBERS, MOMENTS, SENDERS, st.integers(1, 10**9)),
    st.builds(Ended, NUMBERS, MOMENTS, SENDERS),
    st.builds(Reset, NUMBERS, MOMENTS, SENDERS),
    st.builds(Closed, NUMBERS, MOMENTS),
)


def sent(data: bytes, sender: Sender = Sender.REGISTER) -> Sent:
    return Sent(1, AT, sender, data)


@given(st.lists(EVENTS, max_size=6), st.integers(1, 50))
def test_events_come_back_from_pieces_of_any_size(events: list[Event], size: int) -> None:
    data = b"".join(map(encode_event, events))
    reader = EventReader()
    read = [event for at in range(0, len(data), size) for event in reader.feed(data[at : at + size])]
    assert read == events


def read_all(sock: socket.socket) -> list[Event]:
    reader, events = EventReader(), []
    while data := sock.recv(1 << 20):
        events += reader.feed(data)
    return events


async def test_events_arrive_and_the_recorder_has_the_last_word() -> None:
    for word, is_complete in ((COMPLETE, True), (INCOMPLETE, False)):
        ours, theirs = socket.socketpair()
        channel = await Channel.open(ours)
        told = [OPENED, sent(b"abc"), Ended(1, AT, Sender.REGISTER), Closed(1, AT)]
        for event in told:
            channel.put(event)
        finishing = asyncio.create_task(channel.finish(10))
        assert await asyncio.to_thread(read_all, theirs) == told
        theirs.sendall(word)
        theirs.close()
        assert await finishing is is_complete


async def test_bytes_beyond_the_capacity_are_counted_and_their_place_is_told() -> None:
    ours, theirs = socket.socketpair()
    lost: list[bool] = []
    with capture_logs() as logs:
        channel = await Channel.open(ours, capacity_bytes=1000, on_lost=lambda: lost.append(True))
        chunk, put = bytes(100_000), 0
        while not channel.lost_reads:
            channel.put(sent(chunk))
            put += 1
        channel.put(sent(b"more", Sender.REGISTER))
        assert (channel.lost_reads, channel.lost_bytes) == (2, 100_004)
        assert logs == []
        reading = asyncio.create_task(asyncio.to_thread(read_all, theirs))
        await until(lambda: not channel._transport.get_write_buffer_size())  # type: ignore[union-attr]
        channel.put(sent(b"after"))
        channel.put(Ended(1, AT, Sender.REGISTER))
        finishing = asyncio.create_task(channel.finish(10))
        events = await reading
        theirs.sendall(COMPLETE)
        theirs.close()
        assert await finishing
    assert events == [
        *[sent(chunk)] * (put - 1),
        Missed(1, AT, Sender.REGISTER, 100_004),
        sent(b"after"),
        Ended(1, AT, Sender.REGISTER),
    ]
    assert logs == [
        {
            "event": "proxy.records_dropped",
            "log_level": "warning",
            "reads": 2,
            "bytes": 100_004,
            "total_bytes": 100_004,
        }
    ]
    assert lost == []


async def test_a_recorder_that_hangs_is_not_waited_for_for_ever() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        channel = await Channel.open(ours, capacity_bytes=1000)
        for _ in range(50):
            channel.put(sent(bytes(100_000)))
        assert channel.lost_bytes > 0
        assert not await channel.finish(0.05)


async def test_a_recorder_that_dies_is_told_and_costs_nothing_else() -> None:
    ours, theirs = socket.socketpair()
    lost: list[bool] = []
    channel = await Channel.open(ours, on_lost=lambda: lost.append(True))
    theirs.close()
    await until(lambda: bool(lost))
    for event in (sent(b"abc"), Closed(1, AT)):
        channel.put(event)
    assert channel.lost_bytes == 3
    assert not await channel.finish(1)
    assert lost == [True]


@pytest.mark.parametrize("event", [OPENED, Closed(1, AT), Ended(1, AT, Sender.OPERATOR)])
def test_events_are_small_but_for_their_bytes(event: Event) -> None:
    assert len(encode_event(event)) < 100
