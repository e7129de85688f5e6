"""Messages to phones: claimed before they are sent, so that a process that dies leaves word of what it had in hand.

Each sender holds an advisory lock on a connection of its own, under a random number that its messages carry. Whoever
gets the lock of another sender knows that it is gone, at once and without any clock.
"""

from __future__ import annotations

import secrets
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from ofd_gateway.buyers.contact import mask_in
from ofd_gateway.buyers.model import OutgoingMessage
from ofd_gateway.buyers.outcome import SmsOutcome
from ofd_gateway.storage.buyer_mail import ATTEMPT
from ofd_gateway.storage.buyer_refunds import REFUNDED_STATES, refund
from ofd_gateway.storage.watches import WatchTransaction, key_of_customer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from datetime import datetime

    from ofd_gateway.buyers.model import Key, SmsReport
    from ofd_gateway.buyers.outcome import Fate, PartAnswer
    from ofd_gateway.storage.database import Database
    from ofd_gateway.storage.migrations import Connection
    from ofd_gateway.storage.watches import OnWatched, RuleBook

__all__ = ["SmsSender", "SmsStore"]

_CLAIM: Final = """
WITH due AS MATERIALIZED (
    SELECT fn, generation, fd FROM buyer_messages
    WHERE channel = 'sms' AND next_attempt_at <= $1
    ORDER BY next_attempt_at LIMIT $2 FOR UPDATE SKIP LOCKED
), claimed AS (
    UPDATE buyer_messages AS m SET state = 'sending', sender = $3, next_attempt_at = NULL FROM due
    WHERE m.fn = due.fn AND m.generation = due.generation AND m.fd = due.fd AND m.channel = 'sms'
    RETURNING m.fn, m.generation, m.fd, m.customer_inn, m.contact, m.attempts, m.planned_at
)
SELECT c.*, d.container, d.ffd, ARRAY(
    SELECT part FROM sms_parts AS p WHERE p.fn = c.fn AND p.generation = c.generation AND p.fd = c.fd
) AS accepted
FROM claimed AS c LEFT JOIN documents AS d ON d.fn = c.fn AND d.generation = c.generation AND d.fd = c.fd
"""
_NEXT: Final = "SELECT min(next_attempt_at) FROM buyer_messages WHERE channel = 'sms' AND next_attempt_at IS NOT NULL"
_IN_HAND: Final = """
UPDATE buyer_messages SET state = CASE WHEN $5 = 'queued' AND contact IS NULL THEN 'erased' ELSE $5 END,
    sender = NULL, attempts = attempts + $6, reply = CASE WHEN contact IS NULL THEN '' ELSE $9 END,
    next_attempt_at = CASE WHEN contact IS NOT NULL THEN $7::timestamptz END,
    sent_at = CASE WHEN $5 = 'sent' THEN $8::timestamptz ELSE sent_at END,
    ended_at = CASE WHEN $5 <> 'queued' OR contact IS NULL THEN $8::timestamptz END
WHERE fn = $1 AND generation = $2 AND fd = $3 AND channel = 'sms' AND state = 'sending' AND sender = $4
RETURNING state, contact, customer_inn, charged - refunded AS paid
"""
_PART: Final = """
INSERT INTO sms_parts (fn, generation, fd, part, smsc_id, accepted_at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (fn, generation, fd, part) DO UPDATE
SET smsc_id = excluded.smsc_id, accepted_at = excluded.accepted_at, outcome = NULL
"""
_ALONE: Final = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))"
"""One at a time for each id of the centre: a report and the acceptance that it is about may come together."""
_EARLY: Final = "DELETE FROM sms_reports WHERE smsc_id = ANY ($1::text[]) RETURNING smsc_id, outcome, reply"
_KEEP_EARLY: Final = "INSERT INTO sms_reports (smsc_id, outcome, reply, at) VALUES ($1, $2, $3, $4)"
_FORGET_EARLY: Final = "DELETE FROM sms_reports WHERE at < $1"
_FIND_PART: Final = """
SELECT p.fn, p.generation, p.fd, p.part FROM sms_parts AS p
JOIN buyer_messages AS m ON m.fn = p.fn AND m.generation = p.generation AND m.fd = p.fd AND m.channel = 'sms'
WHERE p.smsc_id = ANY ($1::text[]) AND (p.smsc_id = $2 OR m.contact = $3)
ORDER BY p.smsc_id = $2 DESC, p.accepted_at DESC LIMIT 1
"""
_REPORTED: Final = "UPDATE sms_parts SET outcome = $5 WHERE fn = $1 AND generation = $2 AND fd = $3 AND part = $4"
_ALL_REPORTED: Final = """
UPDATE buyer_messages AS m SET state = CASE
        WHEN EXISTS (SELECT 1 FROM sms_parts AS p WHERE p.fn = m.fn AND p.generation = m.generation AND p.fd = m.fd
                     AND p.outcome = 'undelivered') THEN 'undelivered'
        ELSE 'delivered' END,
    ended_at = $4, reply = CASE WHEN contact IS NULL THEN '' ELSE $5 END
WHERE fn = $1 AND generation = $2 AND fd = $3 AND channel = 'sms' AND state IN ('sent', 'delivered', 'undelivered')
  AND NOT EXISTS (SELECT 1 FROM sms_parts AS p WHERE p.fn = m.fn AND p.generation = m.generation AND p.fd = m.fd
                  AND p.outcome IS NULL)
RETURNING state, contact
"""
_SENDERS: Final = "SELECT DISTINCT sender FROM buyer_messages WHERE sender IS NOT NULL AND sender <> $1"
_ORPHANS: Final = """
SELECT fn, generation, fd, customer_inn, attempts FROM buyer_messages WHERE sender = $1 AND state = 'sending' LIMIT 100
"""
_STATES: Final = {
    SmsOutcome.SENT: "sent",
    SmsOutcome.THROTTLED: "queued",
    SmsOutcome.NOT_SENT: "queued",
    SmsOutcome.DEFERRED: "queued",
    SmsOutcome.UNKNOWN: "queued",
    SmsOutcome.REFUSED: "refused",
    SmsOutcome.GIVEN_UP: "failed",
}


class SmsSender:
    """One process that sends: its lock is held by `connection`, and lost with it."""

    def __init__(self, store: SmsStore, connection: Connection, number: int) -> None:
        self._store = store
        self._connection = connection
        self.number = number

    @property
    def is_alive(self) -> bool:
        """Whether the lock is still held, as far as is known here."""
        return not self._connection.is_closed()

    async def claim(self, limit: int, now: datetime) -> list[OutgoingMessage]:
        """Messages that are due, at most so many; they are ours from now on. Raises DatabaseUnavailable."""
        async with self._store.database.reading() as connection:
            rows = await connection.fetch(_CLAIM, now, limit, self.number)
        return [_outgoing(row) for row in rows]

    async def record(
        self, message: OutgoingMessage, fate: Fate, answers: Sequence[PartAnswer], now: datetime
    ) -> str | None:
        """Notes what became of an attempt, with the refund of a message that will not go; the state it has now.

        None: somebody else has taken the message for an orphan. Raises DatabaseUnavailable.
        """
        return await self._store.record(
            message.key, self.number, message.customer_inn, fate, now, answers=answers, contact=message.contact
        )

    async def adopt_orphans(self, decide: Callable[[int], Fate], now: datetime) -> list[tuple[Key, Fate, str]]:
        """Settles what senders that are gone had in hand; `decide` gets the number of attempts with that one.

        Raises DatabaseUnavailable.
        """
        settled: list[tuple[Key, Fate, str]] = []
        async with self._store.database.reading() as connection:
            senders = [row[0] for row in await connection.fetch(_SENDERS, self.number)]
        for sender in senders:
            async with self._store.database.reading() as connection:
                if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", sender):
                    continue
                try:
                    for row in await connection.fetch(_ORPHANS, sender):
                        key, fate = (row["fn"], row["generation"], row["fd"]), decide(row["attempts"] + 1)
                        state = await self._store.record(key, sender, row["customer_inn"], fate, now)
                        if state is not None:
                            settled.append((key, fate, state))
                finally:
                    await connection.fetchval("SELECT pg_advisory_unlock($1)", sender)
        return settled


class SmsStore:
    """Messages to phones, for any number of processes. `on_watched` hears what refunds meant for the rules.

    A process that sends needs a connection of `database` for its lock, one for each recording at a time, and two more.
    """

    def __init__(self, database: Database, rules: RuleBook, on_watched: OnWatched) -> None:
        self.database = database
        self._rules = rules
        self._on_watched = on_watched

    @asynccontextmanager
    async def sender(self) -> AsyncIterator[SmsSender]:
        """A sender, for the length of an `async with`. Raises DatabaseUnavailable."""
        async with self.database.reading() as connection:
            number = secrets.randbits(62)
            await connection.fetchval("SELECT pg_advisory_lock($1)", number)
            try:
                yield SmsSender(self, connection, number)
            finally:
                if not connection.is_closed():
                    await connection.fetchval("SELECT pg_advisory_unlock($1)", number)

    async def next_attempt_at(self) -> datetime | None:
        """When the next message is due; None when none waits. Raises DatabaseUnavailable."""
        async with self.database.reading() as connection:
            at: datetime | None = await connection.fetchval(_NEXT)
            return at

    async def record(
        self,
        key: Key,
        sender: int,
        customer_inn: str | None,
        fate: Fate,
        now: datetime,
        *,
        answers: Sequence[PartAnswer] = (),
        contact: str | None = None,
    ) -> str | None:
        """Notes what became of a message that `sender` had in hand; its state now, None when it had it no more."""
        planned_state = "unknown" if fate.outcome is SmsOutcome.UNKNOWN and fate.pause is None else None
        state = planned_state or _STATES[fate.outcome]
        due_at = now + fate.pause if fate.pause is not None else None
        reply = mask_in(fate.reply, contact)
        accepted = sorted((one for one in answers if one.status == 0), key=lambda one: one.message_id)
        async with self.database.reading() as connection:
            async with connection.transaction():
                watches = WatchTransaction(connection, self._rules)
                if customer_inn is not None and (state in REFUNDED_STATES or state == "queued"):
                    await watches.lock({key_of_customer(customer_inn)})
                for one in accepted:
                    await connection.execute(_ALONE, one.message_id)
                row = await connection.fetchrow(_IN_HAND, *key, sender, state, int(fate.counts), due_at, now, reply)
                if row is None:
                    return None
                kept = "" if row["contact"] is None else reply
                await connection.execute(ATTEMPT, *key, "sms", now, fate.outcome.value, fate.code, kept)
                for one in accepted:
                    await connection.execute(_PART, *key, one.part, one.message_id, now)
                if row["state"] in REFUNDED_STATES and row["paid"] > 0 and customer_inn is not None:
                    await refund(connection, watches, key, customer_inn, row["paid"], row["state"], now)
                now_in: str = row["state"]
                for early in await connection.fetch(_EARLY, [one.message_id for one in accepted]):
                    part = next(one.part for one in accepted if one.message_id == early["smsc_id"])
                    now_in = await _report(connection, key, part, early["outcome"], early["reply"], now) or now_in
                outcome = await watches.write(now)
            if outcome:
                self._on_watched(outcome)
        return now_in

    async def report(self, report: SmsReport, now: datetime) -> tuple[Key, str | None] | None:
        """Notes a report; the message that it is about, and its state once all its parts are reported.

        None: it is about nothing that we know by now; it is kept for the acceptance that may follow. Raises
        DatabaseUnavailable: the report is not noted.
        """
        async with self.database.reading() as connection, connection.transaction():
            await connection.execute(_ALONE, report.spellings[0])
            row = await connection.fetchrow(_FIND_PART, list(report.spellings), report.spellings[0], report.address)
            if row is None:
                reply = mask_in(report.reply, report.address)
                await connection.execute(_KEEP_EARLY, report.spellings[0], report.outcome, reply, now)
                return None
            key = (row["fn"], row["generation"], row["fd"])
            reply = mask_in(report.reply, report.address)
            return key, await _report(connection, key, row["part"], report.outcome, reply, now)

    async def forget_reports(self, before: datetime) -> None:
        """Drops reports about nothing of ours that came before a moment."""
        async with self.database.reading() as connection:
            await connection.execute(_FORGET_EARLY, before)


async def _report(connection: Connection, key: Key, part: int, outcome: str, reply: str, now: datetime) -> str | None:
    await connection.execute(_REPORTED, *key, part, outcome)
    row = await connection.fetchrow(_ALL_REPORTED, *key, now, reply)
    if row is None:
        return None
    kept = "" if row["contact"] is None else reply
    await connection.execute(ATTEMPT, *key, "sms", now, outcome, None, kept)
    state: str = row["state"]
    return state


def _outgoing(row: Any) -> OutgoingMessage:
    values = dict(row)
    key = (values.pop("fn"), values.pop("generation"), values.pop("fd"))
    return OutgoingMessage(key=key, **{**values, "accepted": frozenset(values["accepted"])})
