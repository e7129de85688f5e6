"""The sleeper: time-driven alerts are deadlines. It sleeps until the earliest, looks at what is due, sleeps again."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from ofd_gateway.clock import real_s

if TYPE_CHECKING:
    from ofd_gateway.clock import Clock

__all__ = ["Deadlines", "DueStore"]

_LONGEST_SLEEP_S: Final = 1.0
"""Another process or a command may have brought a deadline forward, or the clock may have been set."""
_SHORTEST_SLEEP_S: Final = 0.05
_LOOK_ANYWAY_S: Final = 10.0
_LOOK_ANYWAY_LEAST_S: Final = 0.25
_FAILURE_PAUSE_S: Final = 1.0


class DueStore(Protocol):
    """What the sleeper needs of the storage room. Everything raises what a lost connection raises."""

    async def next_at(self) -> datetime | None:
        """The earliest moment at which something is due."""
        ...

    async def look(self, now: datetime) -> tuple[int, datetime | None]:
        """Steps what is due; how much that was, and when to look again."""
        ...


class Deadlines:
    """Runs until cancelled; several processes may, because a watch is stepped under its lock by whoever is first."""

    def __init__(self, store: DueStore, clock: Clock, unavailable: tuple[type[BaseException], ...]) -> None:
        self._store = store
        self._clock = clock
        self._unavailable = unavailable
        self._log = structlog.get_logger()
        self._stalled = False

    async def run(self) -> None:
        """Looks at once, then whenever something is due; a database that is away is met again later."""
        loop = asyncio.get_running_loop()
        look_anyway_s = real_s(self._clock, _LOOK_ANYWAY_S, at_least_s=_LOOK_ANYWAY_LEAST_S)
        looked_at = -look_anyway_s
        due_at: datetime | None = None
        while True:
            try:
                if loop.time() - looked_at < look_anyway_s:
                    due_at = await self._store.next_at()
                now = self._clock.now()
                if loop.time() - looked_at >= look_anyway_s or (due_at is not None and due_at <= now):
                    _, due_at = await self._store.look(now)
                    looked_at = loop.time()
                self._recovered()
            except self._unavailable as error:
                self._stall(error)
                await asyncio.sleep(_FAILURE_PAUSE_S)
                continue
            await asyncio.sleep(self._pause_s(due_at))

    def _pause_s(self, due_at: datetime | None) -> float:
        longest_s = real_s(self._clock, _LONGEST_SLEEP_S, at_least_s=_SHORTEST_SLEEP_S)
        if due_at is None:
            return longest_s
        left_s = real_s(self._clock, (due_at - self._clock.now()).total_seconds())
        return min(max(left_s, _SHORTEST_SLEEP_S), longest_s)

    def _stall(self, error: BaseException) -> None:
        if not self._stalled:
            self._stalled = True
            self._log.error("deadlines.stalled", reason=str(error) or type(error).__name__)

    def _recovered(self) -> None:
        if self._stalled:
            self._stalled = False
            self._log.info("deadlines.recovered")
