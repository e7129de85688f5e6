"""The shell that looks at receipts with a buyer's contact: decides, has it charged and queued, says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import structlog

from ofd_gateway.buyers.contact import mask_contact
from ofd_gateway.buyers.model import document_of
from ofd_gateway.buyers.plan import PlannedMessage, plan_receipt

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime

    from ofd_gateway.buyers.model import Backlog, QueuedReceipt, WrittenMessage
    from ofd_gateway.buyers.plan import PlanParameters
    from ofd_gateway.buyers.writer import ReceiptWriter
    from ofd_gateway.clock import Clock
    from ofd_gateway.metrics import Metrics

__all__ = ["ReceiptPlanner", "ReceiptQueue", "Taken"]

_BATCH: Final = 100


class Taken(Protocol):
    """Receipts that are locked for their taker."""

    @property
    def receipts(self) -> Sequence[QueuedReceipt]:
        """The receipts."""
        ...

    async def plan(
        self, planned: Sequence[tuple[QueuedReceipt, Sequence[PlannedMessage]]], now: datetime
    ) -> Sequence[WrittenMessage]:
        """Charges and queues their messages."""
        ...


class ReceiptQueue(Protocol):
    """Where the intake leaves receipts; the database."""

    def take(self, limit: int) -> AbstractAsyncContextManager[Taken]:
        """Some receipts, locked for the length of an `async with`."""
        ...


class BacklogCount(Protocol):
    """What tells how much waits; the database."""

    async def backlog(self) -> Backlog:
        """How much waits."""
        ...


class ReceiptPlanner:
    """Plans the receipts of one process; any number of processes share the queue."""

    def __init__(
        self,
        queue: ReceiptQueue,
        backlog: BacklogCount,
        writer: ReceiptWriter,
        parameters: PlanParameters,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._queue = queue
        self._backlog = backlog
        self._writer = writer
        self._parameters = parameters
        self._clock = clock
        self._metrics = metrics
        self._log = structlog.get_logger()

    async def step(self) -> bool:
        """Plans some receipts in one transaction; False when none waits. Raises OfdGatewayError of the queue."""
        async with self._queue.take(_BATCH) as taken:
            if not taken.receipts:
                return False
            planned = [(receipt, self._decide(receipt)) for receipt in taken.receipts]
            written = await taken.plan(planned, self._clock.now())
        for one in written:
            self._report(one)
        return True

    async def count(self) -> None:
        """Shows in the metrics how much waits. Raises OfdGatewayError of the database."""
        waiting = await self._backlog.backlog()
        for kind, number in (("unplanned", waiting.unplanned), ("email", waiting.email), ("sms", waiting.sms)):
            self._metrics.buyer_queue.labels(kind).set(number)

    def _decide(self, receipt: QueuedReceipt) -> Sequence[PlannedMessage]:
        if receipt.container is None:
            return ()
        try:
            return plan_receipt(
                document_of(receipt.container, receipt.ffd),
                key=receipt.key,
                link=self._writer.link,
                wanted=receipt.receipts,
                customer=receipt.customer_inn,
                parameters=self._parameters,
            )
        except Exception as error:  # noqa: BLE001  one receipt that nobody foresaw must not stop the others
            self._log.error("buyer_message.unplanned", **_named(receipt.key), reason=repr(error))
            return (PlannedMessage(channel="none", state="unusable", reason="unreadable"),)

    def _report(self, one: WrittenMessage) -> None:
        self._metrics.buyer_messages.labels(one.channel, one.state).inc()
        log = self._log.bind(**_named(one.key), channel=one.channel, customer=one.customer_inn)
        if one.state == "queued":
            log.info("buyer_message.queued", contact=mask_contact(one.contact or ""), balance=one.balance)
        else:
            log.info("buyer_message.not_sent", state=one.state, reason=one.reason)


def _named(key: tuple[str, int, int]) -> dict[str, str | int]:
    return {"fn": key[0], "generation": key[1], "fd": key[2]}
