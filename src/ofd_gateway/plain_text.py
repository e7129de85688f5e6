"""Text that steers nothing: what of somebody else's text may stand in a letter, on a page or on a terminal."""

from __future__ import annotations

import unicodedata
from typing import Final

__all__ = ["clean"]

_LONGEST: Final = 300
_STEERING: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def clean(text: str, longest: int = _LONGEST) -> str:
    """One line without anything that steers a terminal, a mail header or the direction of writing."""
    plain = "".join(" " if unicodedata.category(sign) in _STEERING else sign for sign in text)
    line = " ".join(plain.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"
