"""Who waits for documents, and the one task that looks for all of them.

Nothing is asked of the database while nobody waits, and the intake does nothing for those who do: a single-process
gateway says that a transaction has ended, which sets a flag, and the documents of other processes are found by a poll.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from ofd_gateway.errors import OfdGatewayError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from ofd_gateway.storage import Horizon

__all__ = ["Arrivals", "ArrivalsStalled", "Horizons", "TooManyWaiters"]

_POLL_S: Final = 0.1
_LEAST_PAUSE_S: Final = 0.02
_AFTER_FAILURE_S: Final = 1.0
_PRIMED_WITHIN_S: Final = 5.0


class Horizons(Protocol):
    """What is needed of the storage room; everything raises an `OfdGatewayError` when the database does not answer."""

    async def horizon(self) -> Horizon:
        """What has ended by now."""
        ...

    async def keys(self, seen: Horizon, upto: Horizon) -> Sequence[tuple[str, int]]:
        """FN and FD number of all documents between two horizons."""
        ...


class TooManyWaiters(OfdGatewayError):
    """As many wait as may."""


class ArrivalsStalled(OfdGatewayError):
    """The database does not say what there is, so there is nothing to wait for."""


class Arrivals:
    """Wakes waiters for one document, and readers of the stream, when documents have been committed by any process."""

    def __init__(self, horizons: Horizons, *, max_waiters: int, max_streams: int) -> None:
        self._horizons = horizons
        self._max_waiters = max_waiters
        self._max_streams = max_streams
        self._waiters: dict[tuple[str, int], list[asyncio.Event]] = {}
        self._awaited = 0
        self._waiting = 0
        self._streaming = 0
        self._horizon: Horizon | None = None
        self._primed = asyncio.Event()
        self._interest = asyncio.Event()
        self._hint = asyncio.Event()
        self._news = asyncio.Event()
        self._log = structlog.get_logger()
        self.closed = False

    @property
    def horizon(self) -> Horizon:
        """What has ended by the last look; call only inside `reading` or `expecting`."""
        if self._horizon is None:
            raise ArrivalsStalled("the gateway stops")
        return self._horizon

    def hint(self) -> None:
        """A transaction of this process has ended."""
        self._hint.set()

    def close(self) -> None:
        """Sends everybody away."""
        self.closed = True
        self._primed.set()
        self._tell()
        for events in self._waiters.values():
            for event in events:
                event.set()

    @asynccontextmanager
    async def expecting(self, fn: str, fd: int) -> AsyncIterator[asyncio.Event]:
        """An event that is set when such a document is committed from now on.

        Raises:
            TooManyWaiters, ArrivalsStalled: see there.
        """
        if self._waiting >= self._max_waiters:
            raise TooManyWaiters(f"{self._max_waiters} requests wait already (web.max_waiters)")
        self._waiting += 1
        event = asyncio.Event()
        events = self._waiters.setdefault((fn, fd), [])
        events.append(event)
        try:
            async with self._interested():
                yield event
        finally:
            self._waiting -= 1
            events.remove(event)
            if not events:
                self._waiters.pop((fn, fd), None)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        """For as long as a stream is read.

        Raises:
            TooManyWaiters, ArrivalsStalled: see there.
        """
        if self._streaming >= self._max_streams:
            raise TooManyWaiters(f"{self._max_streams} streams are read already (web.max_streams)")
        self._streaming += 1
        try:
            async with self._interested():
                yield
        finally:
            self._streaming -= 1

    async def wait_for_news(self, seen: Horizon, timeout_s: float) -> bool:
        """Returns when the horizon is another one, or when the time is over: then False."""
        if self.closed or self._horizon != seen:
            return True
        try:
            async with asyncio.timeout(timeout_s):
                await self._news.wait()
        except TimeoutError:
            return False
        return True

    async def run(self) -> None:
        """Looks for documents while anybody waits; until cancelled."""
        is_failing = False
        while True:
            if not self._awaited:
                self._forget()
                await self._interest.wait()
            try:
                await self._look()
            except OfdGatewayError as error:
                if not is_failing:
                    self._log.warning("api.stalled", reason=str(error))
                is_failing = True
                await asyncio.sleep(_AFTER_FAILURE_S)
                continue
            if is_failing:
                is_failing = False
                self._log.info("api.recovered")
            await asyncio.sleep(_LEAST_PAUSE_S)
            await self._pause()

    async def _look(self) -> None:
        now = await self._horizons.horizon()
        seen = self._horizon
        if seen is not None and now != seen and self._waiters:
            for key in await self._horizons.keys(seen, now):
                for event in self._waiters.get(key, ()):
                    event.set()
        self._horizon = now
        self._primed.set()
        if now != seen:
            self._tell()

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(_POLL_S):
                await self._hint.wait()
        except TimeoutError:
            return
        self._hint.clear()

    @asynccontextmanager
    async def _interested(self) -> AsyncIterator[None]:
        self._awaited += 1
        self._interest.set()
        try:
            try:
                async with asyncio.timeout(_PRIMED_WITHIN_S):
                    await self._primed.wait()
            except TimeoutError:
                raise ArrivalsStalled("the database does not answer") from None
            yield
        finally:
            self._awaited -= 1

    def _forget(self) -> None:
        self._horizon = None
        self._interest.clear()
        if not self.closed:
            self._primed.clear()

    def _tell(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()
