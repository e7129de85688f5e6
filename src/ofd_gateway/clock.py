"""The clock seam: shells ask a `Clock`, pure rooms get `now` as an argument.

A virtual clock shows any moment and goes at any pace, for trials and demonstrations. What waits until a moment of the
clock asks `real_s` how long that takes; time-outs of sockets and processes stay real and do not ask.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "FASTEST",
    "Clock",
    "ClockSetting",
    "SteppedClock",
    "SystemClock",
    "VirtualClock",
    "forget_clock",
    "leave_clock",
    "left_clock",
    "real_s",
]

FASTEST: Final = 1_000_000.0
"""The highest rate of a virtual clock."""
_FILE: Final = "clock.json"


class Clock(Protocol):
    """A source of aware UTC time."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        return datetime.now(UTC)


class ClockSetting(msgspec.Struct, frozen=True, kw_only=True):
    """A virtual clock in three values, the same for every process that shares it.

    It shows `start` at the real moment `anchor` (both aware) and goes `rate` times as fast as the machine's clock.
    """

    start: datetime
    rate: float
    anchor: datetime


class VirtualClock:
    """A clock by a setting. It never goes back, whatever is done to the machine's clock while it runs."""

    def __init__(self, setting: ClockSetting) -> None:
        self.rate = setting.rate
        self._start = setting.start
        self._elapsed_s = (datetime.now(UTC) - setting.anchor).total_seconds()
        self._measured_from_s = time.monotonic()

    def now(self) -> datetime:
        """The moment the clock shows, aware, in UTC."""
        elapsed_s = self._elapsed_s + time.monotonic() - self._measured_from_s
        return (self._start + timedelta(seconds=elapsed_s * self.rate)).astimezone(UTC)


class SteppedClock:
    """A clock that its owner moves on, at about `rate` times real time; between the steps it stands still.

    So nothing is late on it, however slow the machine is.
    """

    def __init__(self, now: datetime, *, rate: float) -> None:
        self.rate = rate
        self._now = now

    def now(self) -> datetime:
        """The moment the clock shows, aware, in UTC."""
        return self._now

    def advance(self, span: timedelta) -> datetime:
        """Moves on by `span` and returns the new moment. Raises ValueError for a step back."""
        if span < timedelta():
            raise ValueError(f"a clock does not go back: {span}")
        self._now += span
        return self._now


def real_s(clock: Clock, span_s: float, *, at_least_s: float = 0.0) -> float:
    """Real seconds in which `clock` goes on by `span_s`: the same number for the machine's clock.

    `at_least_s` is for loops that would otherwise spin under a fast clock; it never shortens a wait.
    """
    if isinstance(clock, VirtualClock | SteppedClock):
        return max(span_s / clock.rate, min(span_s, at_least_s))
    return span_s


def leave_clock(state_dir: Path, setting: ClockSetting) -> None:
    """Leaves the clock of a gateway to the commands that use its state directory (OSError)."""
    (state_dir / _FILE).write_bytes(msgspec.json.encode(setting))


def forget_clock(state_dir: Path) -> None:
    """From here on the machine's clock counts (OSError)."""
    (state_dir / _FILE).unlink(missing_ok=True)


def left_clock(state_dir: Path) -> Clock:
    """The clock that the gateway of this state directory goes by; the machine's where none was left or readable."""
    try:
        return VirtualClock(msgspec.json.decode((state_dir / _FILE).read_bytes(), type=ClockSetting))
    except (OSError, msgspec.MsgspecError):
        return SystemClock()
