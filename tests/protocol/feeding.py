"""Feeding a connection with bytes cut into pieces."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from ofd_gateway.protocol import Connection, Event, MessageReceived, Need, ProtocolError, ServiceRequested

if TYPE_CHECKING:
    from collections.abc import Iterable

Failure = tuple[str, str, int, "str | None", "int | None"]


def failure_of(error: ProtocolError) -> Failure:
    """What must not depend on the cuts: reason, field, offset, and of whom it speaks."""
    return error.reason, error.field, error.offset, error.header.fn if error.header else None, error.fd


def cut(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    """The pieces of `data` between these places."""
    places = sorted({0, len(data), *(place % (len(data) + 1) for place in cuts)})
    return [data[start:end] for start, end in pairwise(places)]


def feed(connection: Connection, pieces: Iterable[bytes], *, eof: bool = False) -> list[Event | Failure]:
    """All events and the final error, if there is one; every request is skipped as soon as it is seen."""
    found: list[Event | Failure] = []
    try:
        for piece in pieces:
            connection.receive(piece)
            _drain(connection, found)
        if eof:
            connection.receive_eof()
            _drain(connection, found)
    except ProtocolError as error:
        found.append(failure_of(error))
    return found


def _drain(connection: Connection, found: list[Event | Failure]) -> None:
    while not isinstance(event := connection.next_event(), Need):
        found.append(event)
        if isinstance(event, MessageReceived | ServiceRequested):
            assert connection.next_event() is Need.PAUSED
            connection.skip_answer()
        elif type(event).__name__ == "PeerClosed":
            return
