"""What commands write: JSON for programs, text without control characters for people."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["console", "print_json", "printable", "roubles"]

_UNFOLDED: Final = 10_000
"""Columns of an output that is no terminal: lines that programs read are not folded."""


def print_json(value: object) -> None:
    """One line of JSON on standard output."""
    from ofd_gateway.ffd import to_json_bytes

    sys.stdout.write(to_json_bytes(value).decode() + "\n")


def console() -> Console:
    """Standard output for people: in colour and folded on a terminal only."""
    from rich.console import Console

    is_folded = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(file=sys.stdout, highlight=False, markup=False, width=None if is_folded else _UNFOLDED)


def printable(text: str) -> str:
    """The text with control characters escaped: what a register sends must not steer a terminal."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)


def roubles(kopecks: int | None) -> str:
    """`1234.56`; empty for None."""
    if kopecks is None:
        return ""
    sign = "-" if kopecks < 0 else ""
    return f"{sign}{abs(kopecks) // 100}.{abs(kopecks) % 100:02d}"
