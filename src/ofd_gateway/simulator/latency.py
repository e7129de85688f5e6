"""A histogram of latencies that stays small however long a run lasts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_PRECISION_BITS = 5
_LINEAR = 1 << _PRECISION_BITS
_MAX_BITS = 40
_BUCKETS = (_MAX_BITS - _PRECISION_BITS + 1) * _LINEAR


class LatencyHistogram:
    """Counts durations in buckets of about 3 % width, from a microsecond to twelve days.

    Below 32 µs each microsecond has a bucket; above, each power of two is cut into 32 equal parts.
    """

    __slots__ = ("_buckets", "_max_us", "count")

    def __init__(self) -> None:
        self._buckets = [0] * _BUCKETS
        self._max_us = 0
        self.count = 0

    def add(self, duration_s: float) -> None:
        """One more duration; a negative one counts as nothing, as a clock of the machine may do."""
        us = max(0, int(duration_s * 1_000_000))
        self.count += 1
        self._max_us = max(self._max_us, us)
        shift = max(0, us.bit_length() - _PRECISION_BITS - 1)
        self._buckets[min(_BUCKETS - 1, shift * _LINEAR + (us >> shift))] += 1

    @classmethod
    def merged(cls, histograms: Iterable[LatencyHistogram]) -> LatencyHistogram:
        """All samples of several histograms in a new one."""
        whole = cls()
        for one in histograms:
            whole._absorb(one)
        return whole

    def percentile_ms(self, percent: float) -> float | None:
        """The duration not exceeded by `percent` of the samples, in milliseconds; None without samples."""
        if not self.count:
            return None
        wanted = max(1, -(-self.count * percent // 100))
        seen = 0
        for index, count in enumerate(self._buckets):
            seen += count
            if seen >= wanted:
                return min(_upper_us(index), self._max_us) / 1000
        raise AssertionError("the buckets hold every sample")  # pragma: no cover

    def _absorb(self, other: LatencyHistogram) -> None:
        self.count += other.count
        self._max_us = max(self._max_us, other._max_us)
        self._buckets = [mine + theirs for mine, theirs in zip(self._buckets, other._buckets, strict=True)]

    @property
    def max_ms(self) -> float | None:
        """The longest duration in milliseconds, exact; None without samples."""
        return self._max_us / 1000 if self.count else None


def _upper_us(index: int) -> int:
    if index < 2 * _LINEAR:
        return index
    shift = index // _LINEAR - 1
    return ((index - shift * _LINEAR + 1) << shift) - 1
