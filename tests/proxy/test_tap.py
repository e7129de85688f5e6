"""The queue between passing on and recording: bounded, never waiting, and honest about what it left out."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from ofd_gateway.captures.piece import Address, Sender
from ofd_gateway.proxy.tap import Ended, Loss, Missed, Opened, Relayed, Reset, Sent, Tap

AT = datetime(2026, 11, 24, tzinfo=UTC)


def relayed(number: int = 1) -> Relayed:
    return Relayed(number, Address("10.0.0.5", 1), Address("192.0.2.7", 7777))


def sent(link: Relayed, data: bytes, sender: Sender = Sender.REGISTER) -> Sent:
    return Sent(link, AT, sender, data)


def test_events_come_in_order() -> None:
    tap, link = Tap(), relayed()
    told = [Opened(link, AT), sent(link, b"a"), sent(link, b"b", Sender.OPERATOR), Ended(link, AT, Sender.REGISTER)]
    for event in told:
        tap.put(event)
    assert list(tap.take()) == told
    assert tap.loss == Loss()


def test_bytes_beyond_the_capacity_are_counted_and_their_place_is_told() -> None:
    tap, link = Tap(capacity_bytes=10), relayed()
    tap.put(sent(link, b"12345678"))
    tap.put(sent(link, b"abc"))
    tap.put(sent(link, b"de"))
    tap.put(sent(link, b"xyz", Sender.OPERATOR))
    assert tap.loss == Loss(reads=2, size_bytes=6)
    assert list(tap.take()) == [
        sent(link, b"12345678"),
        Missed(link, AT, Sender.REGISTER, 3),
        sent(link, b"de"),
    ]
    tap.put(sent(link, b"more", Sender.OPERATOR))
    assert list(tap.take()) == [Missed(link, AT, Sender.OPERATOR, 3), sent(link, b"more", Sender.OPERATOR)]


def test_the_end_of_a_direction_tells_what_is_missing_before_it() -> None:
    tap, link = Tap(capacity_bytes=1), relayed()
    tap.put(sent(link, b"too much"))
    tap.put(Ended(link, AT, Sender.REGISTER))
    assert list(tap.take()) == [Missed(link, AT, Sender.REGISTER, 8), Ended(link, AT, Sender.REGISTER)]


def test_events_are_bounded_too() -> None:
    tap, link = Tap(capacity_events=10), relayed()
    for _ in range(100):
        tap.put(Reset(link, AT, Sender.REGISTER))
    assert len(tap.take()) == 9


def test_a_closed_tap_gives_what_waits_and_then_nothing() -> None:
    tap = Tap()
    tap.put(Opened(relayed(), AT))
    tap.close()
    assert len(tap.take()) == 1
    assert tap.take() == type(tap.take())()


def test_take_waits_for_an_event() -> None:
    tap, taken = Tap(), []
    thread = threading.Thread(target=lambda: taken.append(list(tap.take())))
    thread.start()
    event = Opened(relayed(), AT)
    tap.put(event)
    thread.join(10)
    assert taken == [[event]]


@given(st.lists(st.tuples(st.sampled_from(Sender), st.integers(0, 20), st.booleans()), max_size=30))
def test_what_is_kept_and_what_is_missed_add_up(sends: list[tuple[Sender, int, bool]]) -> None:
    tap, link = Tap(capacity_bytes=30), relayed()
    kept: list = []
    for sender, size, is_taken in sends:
        tap.put(sent(link, bytes(size), sender))
        if is_taken:
            tap.put(Opened(link, AT))
            kept += tap.take()
    for sender in Sender:
        tap.put(Ended(link, AT, sender))
    kept += tap.take()
    for sender in Sender:
        told = sum(
            event.size if isinstance(event, Missed) else len(event.data)
            for event in kept
            if isinstance(event, Missed | Sent) and event.sender is sender
        )
        assert told == sum(size for by, size, _ in sends if by is sender)
