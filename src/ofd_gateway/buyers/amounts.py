"""Sums as registers print them."""

from __future__ import annotations

__all__ = ["money_text"]


def money_text(kopecks: int) -> str:
    """Roubles with two decimals, a point and no spaces: `1234.56`."""
    return f"{kopecks // 100}.{kopecks % 100:02d}"
