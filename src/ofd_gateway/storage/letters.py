"""The outbox: letters that wait for the mail server. A letter is locked by whoever sends it, and by nobody else."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from ofd_gateway.alerts.letters.delivery import Delivery, DeliveryOutcome, Outgoing
from ofd_gateway.storage.dead_addresses import bury

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    from ofd_gateway.alerts.notices import NoticeParameters
    from ofd_gateway.storage.database import Database
    from ofd_gateway.storage.migrations import Connection

__all__ = ["LetterStore", "TakenLetter"]

_TAKE: Final = """
SELECT id, recipient, address, message_id, message, attempts, next_attempt_at,
    (SELECT count(*) FROM letter_alerts WHERE letter_id = letters.id) AS alerts
FROM letters WHERE next_attempt_at <= $1 AND state = 'queued'
ORDER BY next_attempt_at, id LIMIT 1 FOR UPDATE OF letters SKIP LOCKED
"""
_ATTEMPT: Final = """
INSERT INTO letter_attempts (letter_id, at, outcome, code, reply) VALUES ($1, $2, $3, $4, $5)
"""
_END: Final = """
UPDATE letters SET state = $2, attempts = attempts + 1, next_attempt_at = $3, ended_at = $4 WHERE id = $1
"""
_HASTEN: Final = """
UPDATE letters SET next_attempt_at = $1 WHERE id IN (
    SELECT id FROM letters WHERE state = 'queued' AND next_attempt_at > $1 AND attempts > 0 AND (
        SELECT code IS NULL FROM letter_attempts WHERE letter_id = letters.id ORDER BY letter_attempts.id DESC LIMIT 1
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


class TakenLetter:
    """A letter that is due, locked for its taker until the transaction around it ends."""

    def __init__(self, connection: Connection, letter: Outgoing, notices: NoticeParameters) -> None:
        self._connection = connection
        self._notices = notices
        self.letter = letter

    async def record(self, delivery: Delivery, now: datetime) -> None:
        """Notes what became of the attempt; it counts once the transaction is committed.

        A dead address is buried here as well: its other letters are held and the operator is told.
        """
        letter = self.letter
        outcome = delivery.outcome
        recorded = DeliveryOutcome.REFUSED if outcome is DeliveryOutcome.ADDRESS_DEAD else outcome
        await self._connection.execute(_ATTEMPT, letter.id, now, recorded.value, delivery.code, delivery.reply)
        await self._connection.execute(
            _END,
            letter.id,
            _STATES[outcome],
            now + delivery.pause if delivery.pause is not None else None,
            None if outcome is DeliveryOutcome.DEFERRED else now,
        )
        if outcome is DeliveryOutcome.ADDRESS_DEAD:
            reply = delivery.reply if delivery.code is None else f"{delivery.code} {delivery.reply}"
            await bury(
                self._connection, letter.recipient, letter.address, reply, now, self._notices, letter_id=letter.id
            )


class LetterStore:
    """Letters that are due, for any number of processes.

    Whoever sends at the same time needs so many connections of `database`, and one more.
    """

    def __init__(self, database: Database, notices: NoticeParameters) -> None:
        self._database = database
        self._notices = notices

    @asynccontextmanager
    async def take(self, now: datetime) -> AsyncIterator[TakenLetter | None]:
        """A letter that is due and that nobody else sends, for the length of an `async with`; None when there is none.

        The database holds the lock, so the letter of a process that dies is free at once. What `record` noted is
        committed at the end; left by an error, the letter stays as it was.

        Raises:
            DatabaseUnavailable: nobody knows whether it was noted; the letter may be sent again, under the same
                Message-ID.
        """
        async with self._database.reading() as connection, connection.transaction():
            row = await connection.fetchrow(_TAKE, now)
            if row is None:
                yield None
                return
            letter = Outgoing(
                id=row["id"],
                recipient=row["recipient"],
                address=row["address"],
                message_id=row["message_id"],
                message=row["message"],
                attempts=row["attempts"],
                alerts=row["alerts"],
                due_at=row["next_attempt_at"],
            )
            yield TakenLetter(connection, letter, self._notices)

    async def next_attempt_at(self) -> datetime | None:
        """When the next letter is due; None when none waits."""
        async with self._database.reading() as connection:
            at: datetime | None = await connection.fetchval("SELECT min(next_attempt_at) FROM letters")
            return at

    async def hasten(self, now: datetime) -> None:
        """Makes letters due whose last attempt met no answer: the server is there again."""
        async with self._database.reading() as connection:
            await connection.execute(_HASTEN, now)
