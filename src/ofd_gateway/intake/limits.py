"""What one register, and all of them together, may take of the gateway."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["SPARE_FILES", "Limits"]

SPARE_FILES: Final = 128
"""Descriptors that registers do not get."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of the intake; docs/server-behaviour.md says what happens at each.

    There is no limit per address: whole chains sit behind one NAT. `open_files` is what the process may have open; the
    last of them are kept for the database, HTTP and files.
    """

    max_connections: int = 20_000
    open_files: int | None = None
    max_connections_per_fn: int = 4
    max_message_bytes: int = 32_768 + 42
    message_timeout_s: float = 30.0
    idle_timeout_s: float = 300.0
    write_timeout_s: float = 30.0
    store_timeout_s: float = 5.0
    stop_timeout_s: float = 5.0

    @property
    def first_spare_file(self) -> int | None:
        """The lowest descriptor that is not for registers: SPARE_FILES of them, a quarter at most."""
        if self.open_files is None:
            return None
        return self.open_files - min(SPARE_FILES, self.open_files // 4)
