"""Counters and histograms that gather what one turn of the event loop counts, and write it once.

With several workers every write goes into a file that the processes share, so a batch of hundreds of documents would
write the same few values hundreds of times. Outside an event loop, and in other threads, each value is written at once.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from typing import Any, Protocol, Self

import prometheus_client

__all__ = ["Counter", "Histogram", "write_gathered"]


class _Gathering(Protocol):
    def write_gathered(self) -> None: ...


class _Turn:
    """What has gathered in the present turn of a loop; one for the process, because the library's values are too."""

    def __init__(self) -> None:
        self._gathering: list[_Gathering] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    def takes(self, metric: _Gathering) -> bool:
        """Whether there is a loop that will have the metric written at the end of its turn."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return False
        if self._loop is not loop:
            if self._loop is not None and not self._loop.is_closed():
                return False
            self._loop = loop
            loop.call_soon(self.end)
        self._gathering.append(metric)
        return True

    def end(self) -> None:
        """Writes what has gathered."""
        self._loop = None
        gathering, self._gathering = self._gathering, []
        for metric in gathering:
            metric.write_gathered()


_turn = _Turn()


def write_gathered() -> None:
    """Writes what has gathered so far, for somebody who is about to read the values."""
    _turn.end()


class Counter(prometheus_client.Counter):
    """A counter whose children are found by one look into a dictionary; the library takes a lock and makes strings."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._found: dict[tuple[str, ...], Self] = {}
        self._gathered = 0.0

    def labels(self, *values: str) -> Self:  # type: ignore[override]  # by position alone
        """The counter for these values of the labels."""
        child = self._found.get(values)
        if child is None:
            child = self._found[values] = super().labels(*values)
        return child

    def inc(self, amount: float = 1) -> None:  # type: ignore[override]  # without exemplars
        """Adds to the counter."""
        if self._gathered:
            self._gathered += amount
        elif _turn.takes(self):
            self._gathered = amount
        else:
            super().inc(amount)

    def write_gathered(self) -> None:
        """Adds what has gathered."""
        amount, self._gathered = self._gathered, 0.0
        if amount:
            super().inc(amount)


class Histogram(prometheus_client.Histogram):
    """A histogram without labels."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._gathered: list[float] = []

    def observe(self, amount: float) -> None:  # type: ignore[override]  # without exemplars
        """Counts the amount in its bucket."""
        if self._gathered or _turn.takes(self):
            self._gathered.append(amount)
        else:
            super().observe(amount)

    def write_gathered(self) -> None:
        """Counts what has gathered, each bucket once."""
        amounts, self._gathered = self._gathered, []
        if not amounts:
            return
        counts: dict[int, int] = {}
        for amount in amounts:
            bucket = bisect_left(self._upper_bounds, amount)
            counts[bucket] = counts.get(bucket, 0) + 1
        self._sum.inc(sum(amounts))
        for bucket, count in counts.items():
            self._buckets[bucket].inc(count)
