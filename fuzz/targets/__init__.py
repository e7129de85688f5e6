"""One module for each room: `check(data)` turns bytes into a case and raises AssertionError when a promise is broken.

Anything else that `check` raises is a finding as well: only the documented errors are caught.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["TARGETS", "check_of"]

TARGETS: Final = (
    "confirmation",
    "connection",
    "documents",
    "fns_json",
    "hexdump",
    "proxy",
    "qr",
    "reading",
    "settings",
)


def check_of(target: str) -> Callable[[bytes], None]:
    """The function that tries one input on a target."""
    module = importlib.import_module(f"fuzz.targets.{target}")
    check: Callable[[bytes], None] = module.check
    return check
