"""Connections that are not taken: each is counted, and the log says it once a second."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Literal

import structlog

if TYPE_CHECKING:
    from ofd_gateway.metrics import Metrics

__all__ = ["Refusals"]

_PERIOD_S: Final = 1.0

Limit = Literal["max_connections", "open_files"]


class Refusals:
    """Whoever floods the gateway with connections must not flood its log as well.

    The first refusal is logged at once. Those of the second after it are one line, with how many they were and the
    last peer.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._held: dict[Limit, tuple[int, str]] = {}
        self._log = structlog.get_logger()

    def note(self, limit: Limit, peer: str) -> None:
        """One connection was closed because of that limit."""
        self._metrics.connections_refused.labels(limit).inc()
        count, _ = self._held.get(limit, (0, ""))
        self._held[limit] = count + 1, peer
        if self._timer is None:
            self._say()

    def close(self) -> None:
        """Says what is held back; nothing is logged later."""
        if self._timer is not None:
            self._timer.cancel()
        self._report()

    def _say(self) -> None:
        self._timer = self._loop.call_later(_PERIOD_S, self._say) if self._held else None
        self._report()

    def _report(self) -> None:
        held, self._held = self._held, {}
        for limit, (count, peer) in held.items():
            self._log.warning("connection.refused", limit=limit, peer=peer, refused=count)
