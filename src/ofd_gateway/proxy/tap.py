"""Where the two halves of the proxy meet: a bounded queue of what was passed on.

The side that passes bytes on never waits here. When the recorder is too far behind, bytes are left out of the recording
and counted; the place where they are missing is told as `Missed` as soon as there is room again.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from ofd_gateway.captures.piece import Address, Sender

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Ended", "Event", "Loss", "Missed", "Opened", "Relayed", "Reset", "Sent", "Tap"]

CAPACITY_BYTES: Final = 32 * 1024 * 1024
CAPACITY_EVENTS: Final = 100_000


@dataclass(slots=True, eq=False)
class Relayed:
    """One connection that passes through the proxy; `recording` belongs to the recorder's thread alone."""

    number: int
    register: Address
    operator: Address
    missed: dict[Sender, int] = field(default_factory=dict)
    """Bytes left out of the recording since the last event of that direction that was kept."""
    recording: Any = None


@dataclass(frozen=True, slots=True)
class Opened:
    """Both connections stand."""

    relayed: Relayed
    at: datetime


@dataclass(frozen=True, slots=True)
class Sent:
    """One side sent these bytes, as they came from one read."""

    relayed: Relayed
    at: datetime
    sender: Sender
    data: bytes


@dataclass(frozen=True, slots=True)
class Missed:
    """One side sent so many bytes, which were passed on and not recorded."""

    relayed: Relayed
    at: datetime
    sender: Sender
    size: int


@dataclass(frozen=True, slots=True)
class Ended:
    """One side will send nothing more."""

    relayed: Relayed
    at: datetime
    sender: Sender


@dataclass(frozen=True, slots=True)
class Reset:
    """One side broke the connection off."""

    relayed: Relayed
    at: datetime
    sender: Sender


Event = Opened | Sent | Missed | Ended | Reset


@dataclass(frozen=True, slots=True)
class Loss:
    """What was left out of the recording so far."""

    reads: int = 0
    size_bytes: int = 0


class Tap:
    """A queue between the event loop (`put`) and one thread (`take`), bounded in bytes and in events."""

    def __init__(self, *, capacity_bytes: int = CAPACITY_BYTES, capacity_events: int = CAPACITY_EVENTS) -> None:
        self._capacity_bytes = capacity_bytes
        self._capacity_events = capacity_events
        self._events: deque[Event] = deque()
        self._waiting_bytes = 0
        self._lost_reads = self._lost_bytes = 0
        self._is_closed = False
        self._ready = threading.Condition()

    def put(self, event: Event) -> None:
        """Queues an event, or counts what it would have held; never waits for the recorder."""
        size = len(event.data) if isinstance(event, Sent) else 0
        with self._ready:
            is_full = self._waiting_bytes + size > self._capacity_bytes or len(self._events) + 2 > self._capacity_events
            if is_full:
                self._lose(event)
                return
            if isinstance(event, Sent | Ended | Reset) and event.relayed.missed:
                self._tell_missed(event)
            self._events.append(event)
            self._waiting_bytes += size
            self._ready.notify()

    def take(self) -> Sequence[Event]:
        """Everything that waits, at least one event; waits for it. Empty when the tap is closed and drained."""
        with self._ready:
            while not self._events and not self._is_closed:
                self._ready.wait()
            # Exchanged rather than copied: the side that passes bytes on may be waiting for the lock.
            taken, self._events = self._events, deque()
            self._waiting_bytes = 0
            return taken

    def close(self) -> None:
        """No event follows; the thread ends when it has taken what waits."""
        with self._ready:
            self._is_closed = True
            self._ready.notify()

    @property
    def loss(self) -> Loss:
        """What was left out so far."""
        with self._ready:
            return Loss(self._lost_reads, self._lost_bytes)

    def _lose(self, event: Event) -> None:
        if isinstance(event, Sent):
            missed = event.relayed.missed
            missed[event.sender] = missed.get(event.sender, 0) + len(event.data)
            self._lost_reads += 1
            self._lost_bytes += len(event.data)

    def _tell_missed(self, event: Sent | Ended | Reset) -> None:
        size = event.relayed.missed.pop(event.sender, 0)
        if size:
            self._events.append(Missed(event.relayed, event.at, event.sender, size))
