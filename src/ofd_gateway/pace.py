"""The pace of a task that works off a queue in the database: steps while there are any, then sleep, until stopped.

`Retention` is such a task: it forgets what has been kept for long enough.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol

import structlog

from ofd_gateway.clock import real_s
from ofd_gateway.errors import OfdGatewayError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence
    from datetime import datetime

    from ofd_gateway.clock import Clock

__all__ = ["Erasure", "Pace", "Retention"]

_LONGEST_SLEEP_S: Final = 1.0
_SHORTEST_SLEEP_S: Final = 0.01
_SHORTEST_POLL_S: Final = 0.05
_FORGET_EVERY: Final = timedelta(hours=1)


class Pace:
    """What the tasks of one room share: when to stop, who wakes them, and one word while the database is away.

    `room` begins the names of the events `….stalled` and `….recovered`.
    """

    def __init__(self, clock: Clock, room: str) -> None:
        self.clock = clock
        self._room = room
        self.stopping = False
        self._woken = asyncio.Event()
        self._stalled: set[str] = set()
        self._log = structlog.get_logger()

    def wake(self) -> None:
        """There may be something to do now."""
        self._woken.set()
        self._woken = asyncio.Event()

    def stop(self) -> None:
        """Tasks end after the step they are at."""
        self.stopping = True
        self.wake()

    async def endlessly(
        self,
        step: Callable[[], Awaitable[bool]],
        next_at: Callable[[], Awaitable[datetime | None]] | None = None,
        *,
        name: str = "",
    ) -> None:
        """Takes steps while there are any; then sleeps until the next moment, at most a second.

        The room has recovered once the tasks of every `name` have.
        """
        while not self.stopping:
            longest_s = real_s(self.clock, _LONGEST_SLEEP_S, at_least_s=_SHORTEST_POLL_S)
            woken, sleep_s = self._woken, longest_s
            try:
                if await step():
                    self.goes_on(name)
                    continue
                moment = None if next_at is None else await next_at()
                self.goes_on(name)
                if moment is not None:
                    left_s = real_s(self.clock, (moment - self.clock.now()).total_seconds())
                    sleep_s = max(left_s, _SHORTEST_SLEEP_S)
            except OfdGatewayError as error:
                self.stall(error, name)
            await self.sleep(min(sleep_s, longest_s), woken)

    async def run(
        self, *finishing: Coroutine[Any, Any, None], grace_s: float, at_once: Sequence[Coroutine[Any, Any, None]] = ()
    ) -> None:
        """Runs tasks until one of them ends, whose error is raised, or the caller is cancelled; then all end.

        Those of `at_once` are cancelled then; the others have so long to finish the step they are at.
        """
        interrupted = [asyncio.create_task(work) for work in at_once]
        finished = [asyncio.create_task(work) for work in finishing]
        tasks = [*interrupted, *finished]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            self.stop()
            for task in interrupted:
                task.cancel()
            await asyncio.wait(finished, timeout=grace_s)
            for task in finished:
                task.cancel()
            await asyncio.wait(tasks)

    async def sleep(self, seconds: float, woken: asyncio.Event | None = None) -> None:
        """Sleeps, unless somebody wakes."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await (woken or self._woken).wait()

    def goes_on(self, name: str = "") -> None:
        """The database answers the tasks of that name."""
        if name in self._stalled:
            self._stalled.remove(name)
            if not self._stalled:
                self._log.info(f"{self._room}.recovered")

    def stall(self, error: OfdGatewayError, name: str = "") -> None:
        """The database does not answer them; said once."""
        is_news = not self._stalled
        self._stalled.add(name)
        if is_news:
            self._log.error(f"{self._room}.stalled", reason=str(error))


class Erasure(Protocol):
    """What forgets; the database."""

    async def older_than(self, before: datetime, now: datetime) -> int:
        """Forgets what is older than that moment; how much it was."""
        ...


class Retention:
    """Once an hour by the clock of `pace`, what is older than `keep` is forgotten; `on_forgotten` hears how much."""

    def __init__(self, pace: Pace, erasure: Erasure, keep: timedelta, on_forgotten: Callable[[int], object]) -> None:
        self._pace = pace
        self._erasure = erasure
        self._keep = keep
        self._on_forgotten = on_forgotten
        self._due_at: datetime | None = None

    async def run(self) -> None:
        """Works until the pace is stopped."""
        await self._pace.endlessly(self._forget, self._next_at)

    async def _forget(self) -> bool:
        now = self._pace.clock.now()
        if self._due_at is not None and now < self._due_at:
            return False
        forgotten = await self._erasure.older_than(now - self._keep, now)
        self._due_at = now + _FORGET_EVERY
        if forgotten:
            self._on_forgotten(forgotten)
        return False

    async def _next_at(self) -> datetime | None:
        return self._due_at
