"""The shell that sends receipts by e-mail: composed at the moment of sending, noted with the server's answer."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Protocol

import structlog

from ofd_gateway.alerts.letters.delivery import Delivery, DeliveryOutcome
from ofd_gateway.alerts.postman import Postman
from ofd_gateway.buyers.contact import mask_contact, mask_in
from ofd_gateway.buyers.model import document_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime

    from ofd_gateway.alerts.letters.retry import RetryParameters
    from ofd_gateway.buyers.model import OutgoingMessage
    from ofd_gateway.buyers.writer import ReceiptWriter
    from ofd_gateway.clock import Clock
    from ofd_gateway.mail import Reply, Transport
    from ofd_gateway.metrics import Metrics

__all__ = ["MailOutbox", "ReceiptMailer"]


class TakenReceipt(Protocol):
    """A receipt that is locked for its taker."""

    @property
    def message(self) -> OutgoingMessage:
        """The receipt and where it goes."""
        ...

    async def record(self, delivery: Delivery, now: datetime) -> None:
        """Notes what became of the attempt."""
        ...


class MailOutbox(Protocol):
    """Where receipts wait for the mail server; the database."""

    def take(self, now: datetime) -> AbstractAsyncContextManager[TakenReceipt | None]:
        """A receipt that is due, locked for the length of an `async with`."""
        ...

    async def next_attempt_at(self) -> datetime | None:
        """When the next receipt is due."""
        ...

    async def hasten(self, now: datetime) -> None:
        """Makes receipts due that met no answer."""
        ...


class ReceiptMailer:
    """Sends receipts to e-mail addresses; any number of processes share the outbox. `draw` spreads the pauses."""

    def __init__(
        self,
        outbox: MailOutbox,
        transport: Transport,
        writer: ReceiptWriter,
        clock: Clock,
        metrics: Metrics,
        *,
        retry: RetryParameters,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._outbox = outbox
        self._transport = transport
        self._writer = writer
        self._clock = clock
        self._metrics = metrics
        self._postman = Postman(retry=retry, draw=draw)
        self._log = structlog.get_logger()

    async def step(self) -> bool:
        """Sends one receipt that is due; False when none is. Raises OfdGatewayError of the outbox."""
        async with self._outbox.take(self._clock.now()) as taken:
            if taken is None:
                return False
            message = taken.message
            delivery = await self._deliver(message)
            await taken.record(delivery, self._clock.now())
        await self._report(message, delivery)
        return True

    async def next_at(self) -> datetime | None:
        """When the next receipt is due."""
        return await self._outbox.next_attempt_at()

    async def _deliver(self, message: OutgoingMessage) -> Delivery:
        if message.container is None:
            return Delivery(outcome=DeliveryOutcome.GIVEN_UP, code=None, reply="the document is gone")
        try:
            letter = self._writer.letter(
                document_of(message.container, message.ffd),
                message.key,
                address=message.contact,
                planned_at=message.planned_at,
                now=self._clock.now(),
            )
        except Exception as error:  # noqa: BLE001  what cannot be written today cannot be written tomorrow
            return Delivery(outcome=DeliveryOutcome.GIVEN_UP, code=None, reply=f"unwritable: {error!r}", ours=True)

        async def send() -> Reply:
            return await self._transport.send(
                sender=self._writer.sender,
                address=message.contact,
                message_id=self._writer.message_id(message.key, message.planned_at),
                message=letter,
            )

        return await self._postman.attempt(send, attempts=message.attempts)

    async def _report(self, message: OutgoingMessage, delivery: Delivery) -> None:
        outcome = DeliveryOutcome.REFUSED if delivery.outcome is DeliveryOutcome.ADDRESS_DEAD else delivery.outcome
        self._metrics.buyer_messages.labels("email", outcome.value).inc()
        fn, generation, fd = message.key
        log = self._log.bind(
            fn=fn, generation=generation, fd=fd, channel="email", contact=mask_contact(message.contact)
        )
        if outcome is DeliveryOutcome.SENT:
            log.info("buyer_message.sent")
            if self._postman.is_back():
                await self._outbox.hasten(self._clock.now())
            return
        log = log.bind(
            code=delivery.code, reply=mask_in(delivery.reply, message.contact), attempts=message.attempts + 1
        )
        if outcome is DeliveryOutcome.DEFERRED:
            getattr(log, self._postman.weight_of(delivery))("buyer_message.deferred")
        elif outcome is DeliveryOutcome.REFUSED:
            log.warning("buyer_message.refused")
        else:
            log.error("buyer_message.given_up")
