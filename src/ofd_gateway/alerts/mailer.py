"""The shell that sends letters: plans what is due, hands it to the mail server, notes the answer, until cancelled."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from ofd_gateway.alerts.letters.delivery import DeliveryOutcome
from ofd_gateway.alerts.letters.message import wire_address
from ofd_gateway.alerts.postman import Postman
from ofd_gateway.pace import Pace, Retention

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime

    from ofd_gateway.alerts.letters.delivery import Delivery, Outgoing, Planned
    from ofd_gateway.alerts.letters.retry import RetryParameters
    from ofd_gateway.clock import Clock
    from ofd_gateway.mail import Reply, Transport
    from ofd_gateway.metrics import Metrics
    from ofd_gateway.pace import Erasure

__all__ = ["Mailer", "Outbox", "Planner", "Taken"]

_GRACE_S: Final = 3.0
"""How long a letter in hand may still take when the mailer is cancelled."""


class Planner(Protocol):
    """What makes news into letters; the database."""

    async def start(self, now: datetime) -> None:
        """Notes what may have changed while nobody was there."""
        ...

    async def plan_due(self, now: datetime) -> Planned | None:
        """Plans one group that is due; None when there is none."""
        ...

    async def next_due_at(self) -> datetime | None:
        """When the next group is due."""
        ...


class Taken(Protocol):
    """A letter that is locked for its taker."""

    @property
    def letter(self) -> Outgoing:
        """The letter."""
        ...

    async def record(self, delivery: Delivery, now: datetime) -> None:
        """Notes what became of the attempt."""
        ...


class Outbox(Protocol):
    """Where letters wait; the database."""

    def take(self, now: datetime) -> AbstractAsyncContextManager[Taken | None]:
        """A letter that is due, locked for the length of an `async with`."""
        ...

    async def next_attempt_at(self) -> datetime | None:
        """When the next letter is due."""
        ...

    async def hasten(self, now: datetime) -> None:
        """Makes letters due that met no answer."""
        ...


class Mailer:
    """Sends the letters of one process; any number of processes share the outbox.

    `sender` is the address of the envelope. `parallel` letters are sent at the same time. `draw` spreads the pauses.
    Letters that ended longer ago than `keep` are forgotten, unless there is no `erasure`.
    """

    def __init__(
        self,
        planner: Planner,
        outbox: Outbox,
        transport: Transport,
        clock: Clock,
        metrics: Metrics,
        *,
        sender: str,
        retry: RetryParameters,
        parallel: int = 4,
        draw: Callable[[], float] = random.random,
        erasure: Erasure | None = None,
        keep: timedelta = timedelta(days=365),
    ) -> None:
        self._planner = planner
        self._outbox = outbox
        self._transport = transport
        self._clock = clock
        self._metrics = metrics
        self._sender = wire_address(sender)
        self._postman = Postman(retry=retry, draw=draw)
        self._parallel = parallel
        self._pace = Pace(clock, "letters")
        self._retention = None if erasure is None else Retention(self._pace, erasure, keep, self._say_forgotten)
        self._log = structlog.get_logger()

    def wake(self) -> None:
        """There may be something to do now."""
        self._pace.wake()

    async def run(self) -> None:
        """Plans and sends until cancelled; a letter in hand is finished when the mail server is quick enough."""
        work = [self._pace.endlessly(self._send_one, self._outbox.next_attempt_at) for _ in range(self._parallel)]
        if self._retention is not None:
            work.append(self._retention.run())
        await self._pace.run(*work, grace_s=_GRACE_S, at_once=[self._plan()])

    def _say_forgotten(self, count: int) -> None:
        self._log.info("letters.forgotten", letters=count)

    async def _plan(self) -> None:
        started = False

        async def step() -> bool:
            nonlocal started
            if not started:
                await self._planner.start(self._clock.now())
                started = True
            return await self._plan_one()

        await self._pace.endlessly(step, self._planner.next_due_at)

    async def _plan_one(self) -> bool:
        planned = await self._planner.plan_due(self._clock.now())
        if planned is None:
            return False
        for address in planned.dead:
            self._metrics.letters.labels(DeliveryOutcome.ADDRESS_DEAD.value).inc()
            self._log.warning("letter.address_dead", recipient=planned.recipient, address=address)
        if planned.failure is not None:
            self._metrics.letters.labels("unplanned").inc()
            self._log.error("letter.unplanned", recipient=planned.recipient, reason=planned.failure)
        if planned.letters:
            self.wake()
        return True

    async def _send_one(self) -> bool:
        async with self._outbox.take(self._clock.now()) as taken:
            if taken is None:
                return False
            letter = taken.letter
            delivery = await self._deliver(letter)
            await taken.record(delivery, self._clock.now())
        await self._report(letter, delivery)
        return True

    async def _deliver(self, letter: Outgoing) -> Delivery:
        async def send() -> Reply:
            return await self._transport.send(
                sender=self._sender,
                address=wire_address(letter.address),
                message_id=letter.message_id,
                message=letter.message,
            )

        return await self._postman.attempt(send, attempts=letter.attempts)

    async def _report(self, letter: Outgoing, delivery: Delivery) -> None:
        outcome = delivery.outcome
        self._metrics.letters.labels(outcome.value).inc()
        log = self._log.bind(letter=letter.id, recipient=letter.recipient, address=letter.address)
        if outcome is DeliveryOutcome.SENT:
            log.info("letter.sent", alerts=letter.alerts)
            if self._postman.is_back():
                await self._outbox.hasten(self._clock.now())
                self.wake()
            return
        log = log.bind(code=delivery.code, reply=delivery.reply, attempts=letter.attempts + 1)
        if outcome is DeliveryOutcome.DEFERRED:
            getattr(log, self._postman.weight_of(delivery))("letter.deferred", pause_s=_seconds(delivery))
        elif outcome is DeliveryOutcome.ADDRESS_DEAD:
            log.warning("letter.address_dead")
            self.wake()
        elif outcome is DeliveryOutcome.REFUSED:
            log.warning("letter.refused")
        else:
            log.error("letter.given_up")


def _seconds(delivery: Delivery) -> float | None:
    return None if delivery.pause is None else round(delivery.pause.total_seconds(), 1)
