"""The shell of the leg to the tax service (ФНС): takes lines, delivers them, watches the queue, until cancelled."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol

from ofd_gateway.clock import real_s
from ofd_gateway.dispatch import backoff
from ofd_gateway.fns.delivery import Delivery, Taken
from ofd_gateway.fns.transport import EndpointUnavailable
from ofd_gateway.pace import Pace

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime

    from ofd_gateway.clock import Clock
    from ofd_gateway.dispatch import DispatchParameters, Trouble
    from ofd_gateway.fns.rendering import Renderer
    from ofd_gateway.fns.reporter import FnsReporter
    from ofd_gateway.fns.transport import FnsTransport

__all__ = ["LONGEST_RETRY_AFTER", "Endpoint", "Exporter", "Outbox", "TakenNow"]

LONGEST_RETRY_AFTER: Final = timedelta(hours=1)
"""An endpoint that wants to be left alone for longer is asked again after so long."""

_POLL_S: Final = 0.5
_LOOK_S: Final = 1.0
_SHORTEST_POLL_S: Final = 0.05
_LOOKS_TO_A_COUNT: Final = 10
_GRACE_S: Final = 4.0
"""How long a request in hand may still take when the exporter is cancelled."""


class TakenNow(Taken, Protocol):
    """Lines that nobody else sends; `is_probe`: the endpoint was silent the last time."""

    @property
    def is_probe(self) -> bool:
        """Whether an answer ends a silence."""
        ...


class Outbox(Protocol):
    """Where documents wait; the database."""

    def take(self, now: datetime) -> AbstractAsyncContextManager[TakenNow | None]:
        """Lines that are due, held for the length of an `async with`."""
        ...


class QueueState(Protocol):
    """How the queue stands."""

    @property
    def oldest_queued_at(self) -> datetime | None: ...

    @property
    def failing_since(self) -> datetime | None: ...

    @property
    def queued(self) -> int | None: ...


class Endpoint(Protocol):
    """What all processes know of the endpoint; the database."""

    async def failed(self, trouble: Trouble, now: datetime, pause_of: Callable[[int], timedelta]) -> bool:
        """Nobody sends for a while; True when the endpoint answered until now."""
        ...

    async def answered(self, now: datetime) -> timedelta | None:
        """The endpoint answers; how long it did not, None when it did."""
        ...

    async def look(self, now: datetime, *, count: bool) -> QueueState:
        """How the queue stands; opens and ends the operator's alert about it."""
        ...


class Exporter:
    """Sends the documents of one process's turn; any number of processes share the queue.

    `parallel` requests are under way at the same time, each with FNs of its own. `draw` gives numbers from 0 to 1.
    """

    def __init__(
        self,
        outbox: Outbox,
        endpoint: Endpoint,
        transport: FnsTransport,
        renderer: Renderer,
        clock: Clock,
        reporter: FnsReporter,
        *,
        parameters: DispatchParameters,
        parallel: int = 4,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._outbox = outbox
        self._endpoint = endpoint
        self._transport = transport
        self._renderer = renderer
        self._clock = clock
        self._reporter = reporter
        self._parameters = parameters
        self._parallel = parallel
        self._draw = draw
        self._taking = asyncio.Lock()
        self._pace = Pace(clock, "fns")
        self._looks = 0

    def wake(self) -> None:
        """There may be something to do now."""
        self._pace.wake()

    async def run(self) -> None:
        """Sends until cancelled; requests in hand are finished when the endpoint is quick enough."""
        senders = [self._pace.endlessly(self._deliver_one, name="send") for _ in range(self._parallel)]
        await self._pace.run(*senders, grace_s=_GRACE_S, at_once=[self._pace.endlessly(self._look, name="look")])

    async def _deliver_one(self) -> bool:
        """One sender at a time looks for work; the others wait for it instead of looking as well.

        Whoever is done wakes the one that looks: lines that were held may go on.
        """
        async with AsyncExitStack() as stack:
            async with self._taking:
                if self._pace.stopping:
                    return False
                taken = await stack.enter_async_context(self._outbox.take(self._clock.now()))
                if taken is None:
                    await stack.aclose()
                    await self._pace.sleep(real_s(self._clock, _POLL_S, at_least_s=_SHORTEST_POLL_S))
                    return True
            await self._deliver(taken)
        self.wake()
        return True

    async def _deliver(self, taken: TakenNow) -> None:
        delivery = Delivery(
            taken, self._transport, self._renderer, self._clock, self._parameters, self._reporter, self._draw
        )
        try:
            await delivery.run()
        except EndpointUnavailable as failure:
            is_news = await self._endpoint.failed(failure.trouble, self._clock.now(), self._pause_of(failure))
            self._reporter.down(failure.trouble, is_news=is_news)
            return
        if taken.is_probe and delivery.is_answered:
            after = await self._endpoint.answered(self._clock.now())
            if after is not None:
                self._reporter.up(after)

    def _pause_of(self, failure: EndpointUnavailable) -> Callable[[int], timedelta]:
        wished = min(timedelta(seconds=failure.retry_after_s or 0.0), LONGEST_RETRY_AFTER)
        return lambda failures: max(backoff(failures, self._parameters, self._draw()), wished)

    async def _look(self) -> bool:
        now = self._clock.now()
        state = await self._endpoint.look(now, count=self._looks % _LOOKS_TO_A_COUNT == 0)
        self._looks += 1
        self._reporter.queue(state.queued, state.oldest_queued_at, is_up=state.failing_since is None, now=now)
        await asyncio.sleep(real_s(self._clock, _LOOK_S, at_least_s=_SHORTEST_POLL_S))
        return True
