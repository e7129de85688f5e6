"""How often one address may ask: a bucket of tokens for each, in bounded memory."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

__all__ = ["MOST_ADDRESSES", "RateLimiter"]

MOST_ADDRESSES: Final = 20_000
"""Buckets that are kept, about 4 MB; the one that was used longest ago goes first."""


class RateLimiter:
    """Each key has a bucket of `burst` tokens that fills at `per_s`; 0 a second means no limit."""

    def __init__(self, *, per_s: float, burst: int, most_keys: int = MOST_ADDRESSES) -> None:
        self._per_s = per_s
        self._burst = burst
        self._most_keys = most_keys
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key: str, now_s: float) -> float:
        """Takes a token and returns 0, or takes none and returns the seconds until there is one.

        `now_s` is a monotonic time in seconds.
        """
        if not self._per_s:
            return 0.0
        tokens, at_s = self._buckets.pop(key, (float(self._burst), now_s))
        tokens = min(float(self._burst), tokens + max(0.0, now_s - at_s) * self._per_s)
        wait_s = 0.0 if tokens >= 1 else (1 - tokens) / self._per_s
        self._buckets[key] = (tokens - 1 if not wait_s else tokens, now_s)
        while len(self._buckets) > self._most_keys:
            self._buckets.popitem(last=False)
        return wait_s
