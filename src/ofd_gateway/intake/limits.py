"""What one register, and all of them together, may take of the gateway."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of the intake; docs/server-behaviour.md says what happens at each.

    There is no limit per address: whole chains sit behind one NAT.
    """

    max_connections: int = 20_000
    max_connections_per_fn: int = 4
    max_message_bytes: int = 32_768 + 42
    message_timeout_s: float = 30.0
    idle_timeout_s: float = 300.0
    write_timeout_s: float = 30.0
    store_timeout_s: float = 5.0
    stop_timeout_s: float = 5.0
