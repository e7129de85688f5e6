"""Receipts that wait for the mail server; like a letter, each is locked by whoever sends it, and by nobody else."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from ofd_gateway.alerts.letters.delivery import Delivery, DeliveryOutcome
from ofd_gateway.buyers.contact import mask_in
from ofd_gateway.buyers.model import OutgoingMessage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    from ofd_gateway.storage.database import Database
    from ofd_gateway.storage.migrations import Connection

__all__ = ["ATTEMPT", "BuyerMailStore", "TakenReceipt"]

_TAKE: Final = """
WITH due AS MATERIALIZED (
    SELECT fn, generation, fd, customer_inn, contact, attempts, planned_at FROM buyer_messages
    WHERE channel = 'email' AND next_attempt_at <= $1
    ORDER BY next_attempt_at LIMIT 1 FOR UPDATE SKIP LOCKED
)
SELECT due.*, d.container, d.ffd FROM due
LEFT JOIN documents AS d ON d.fn = due.fn AND d.generation = due.generation AND d.fd = due.fd
"""
ATTEMPT: Final = """
INSERT INTO buyer_attempts (fn, generation, fd, channel, at, outcome, code, reply)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""
_RECORD: Final = """
UPDATE buyer_messages SET state = $4, attempts = attempts + 1, next_attempt_at = $5,
    sent_at = CASE WHEN $4 = 'sent' THEN $6::timestamptz END,
    ended_at = CASE WHEN $4 <> 'queued' THEN $6::timestamptz END, reply = $7
WHERE fn = $1 AND generation = $2 AND fd = $3 AND channel = 'email'
"""
_NEXT: Final = "SELECT min(next_attempt_at) FROM buyer_messages WHERE channel = 'email' AND next_attempt_at IS NOT NULL"
_HASTEN: Final = """
UPDATE buyer_messages SET next_attempt_at = $1 WHERE (fn, generation, fd, channel) IN (
    SELECT fn, generation, fd, channel FROM buyer_messages AS m
    WHERE channel = 'email' AND next_attempt_at > $1 AND attempts > 0 AND (
        SELECT code IS NULL FROM buyer_attempts AS a
        WHERE a.fn = m.fn AND a.generation = m.generation AND a.fd = m.fd AND a.channel = m.channel
        ORDER BY a.id DESC LIMIT 1
    ) FOR UPDATE SKIP LOCKED
)
"""
_STATES: Final = {
    DeliveryOutcome.SENT: "sent",
    DeliveryOutcome.DEFERRED: "queued",
    DeliveryOutcome.REFUSED: "refused",
    DeliveryOutcome.ADDRESS_DEAD: "refused",
    DeliveryOutcome.GIVEN_UP: "failed",
}


class TakenReceipt:
    """A receipt that is due, locked for its taker until the transaction around it ends."""

    def __init__(self, connection: Connection, message: OutgoingMessage) -> None:
        self._connection = connection
        self.message = message

    async def record(self, delivery: Delivery, now: datetime) -> None:
        """Notes what became of the attempt; it counts once the transaction is committed.

        The address of a refused receipt is not buried: buyers' addresses are not the customer's to mend.
        """
        key, outcome = self.message.key, delivery.outcome
        reply = mask_in(delivery.reply, self.message.contact)
        recorded = DeliveryOutcome.REFUSED if outcome is DeliveryOutcome.ADDRESS_DEAD else outcome
        await self._connection.execute(ATTEMPT, *key, "email", now, recorded.value, delivery.code, reply)
        due_at = None if delivery.pause is None else now + delivery.pause
        await self._connection.execute(_RECORD, *key, _STATES[outcome], due_at, now, reply)


class BuyerMailStore:
    """Receipts to e-mail addresses that are due, for any number of processes.

    Whoever sends at the same time needs so many connections of `database`, and one more.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def take(self, now: datetime) -> AsyncIterator[TakenReceipt | None]:
        """A receipt that is due and that nobody else sends, for the length of an `async with`; None for none.

        What `record` noted is committed at the end; left by an error, the receipt stays as it was.

        Raises:
            DatabaseUnavailable: nobody knows whether it was noted; the receipt may be sent again, under the same
                Message-ID.
        """
        async with self._database.reading() as connection, connection.transaction():
            row = await connection.fetchrow(_TAKE, now)
            if row is None:
                yield None
                return
            yield TakenReceipt(
                connection,
                OutgoingMessage(
                    key=(row["fn"], row["generation"], row["fd"]),
                    customer_inn=row["customer_inn"],
                    contact=row["contact"],
                    attempts=row["attempts"],
                    planned_at=row["planned_at"],
                    container=row["container"],
                    ffd=row["ffd"],
                ),
            )

    async def next_attempt_at(self) -> datetime | None:
        """When the next receipt is due; None when none waits."""
        async with self._database.reading() as connection:
            at: datetime | None = await connection.fetchval(_NEXT)
            return at

    async def hasten(self, now: datetime) -> None:
        """Makes receipts due whose last attempt met no answer: the server is there again."""
        async with self._database.reading() as connection:
            await connection.execute(_HASTEN, now)
