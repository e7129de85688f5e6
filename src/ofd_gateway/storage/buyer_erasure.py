"""Erasure of buyers' contacts (персональные данные): when their time is over, or when somebody asks for it.

The fiscal document itself is not changed: it must be kept for five years, contact and all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ofd_gateway.buyers.contact import ContactUnusable, parse_contacts
from ofd_gateway.buyers.model import document_of
from ofd_gateway.buyers.plan import contact_text
from ofd_gateway.errors import OfdGatewayError
from ofd_gateway.storage.buyer_refunds import refund
from ofd_gateway.storage.watches import WatchTransaction, key_of_customer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ofd_gateway.storage.database import Database
    from ofd_gateway.storage.migrations import Connection
    from ofd_gateway.storage.watches import OnWatched, RuleBook

__all__ = ["BuyerErasure"]

_BATCH: Final = 500

_OF_CONTACT: Final = "lower(contact) = lower($2)"
_OLD: Final = "contact IS NOT NULL AND planned_at < $2"
_PAYERS: Final = """
SELECT DISTINCT customer_inn FROM buyer_messages WHERE {which} AND state = 'queued' AND customer_inn IS NOT NULL
"""
_CANCEL: Final = """
UPDATE buyer_messages SET state = 'erased', contact = NULL, reply = '', next_attempt_at = NULL, ended_at = $1,
    erased_at = $1
WHERE (fn, generation, fd, channel) IN (
    SELECT fn, generation, fd, channel FROM buyer_messages
    WHERE {which} AND state = 'queued' AND (customer_inn IS NULL OR customer_inn = ANY ($3::text[]))
    LIMIT $4 FOR UPDATE
)
RETURNING fn, generation, fd, channel, customer_inn, charged - refunded AS paid
"""
_ERASE: Final = """
UPDATE buyer_messages SET contact = NULL, reply = '', erased_at = $1
WHERE (fn, generation, fd, channel) IN (
    SELECT fn, generation, fd, channel FROM buyer_messages WHERE {which} AND state <> 'queued' LIMIT $3 FOR UPDATE
)
RETURNING fn, generation, fd, channel
"""
_ERASE_ATTEMPTS: Final = """
UPDATE buyer_attempts AS a SET reply = ''
FROM unnest($1::text[], $2::int[], $3::bigint[], $4::text[]) AS k (fn, generation, fd, channel)
WHERE a.fn = k.fn AND a.generation = k.generation AND a.fd = k.fd AND a.channel = k.channel AND a.reply <> ''
"""
_ERASE_PARTS: Final = """
DELETE FROM sms_parts AS p
USING unnest($1::text[], $2::int[], $3::bigint[], $4::text[]) AS k (fn, generation, fd, channel)
WHERE p.fn = k.fn AND p.generation = k.generation AND p.fd = k.fd AND k.channel = 'sms'
"""
_AUDIT: Final = "INSERT INTO buyer_erasures (at, who, why, messages) VALUES ($1, $2, $3, $4)"
_UNPLANNED: Final = """
SELECT q.fn, q.generation, q.fd, d.container, d.ffd
FROM buyer_queue AS q JOIN documents AS d ON d.fn = q.fn AND d.generation = q.generation AND d.fd = q.fd
WHERE (q.fn, q.generation, q.fd) > ($1, $2, $3) ORDER BY q.fn, q.generation, q.fd LIMIT $4
"""
_UNQUEUE: Final = """
WITH gone AS (
    DELETE FROM buyer_queue WHERE fn = $1 AND generation = $2 AND fd = $3 RETURNING fn, generation, fd
)
INSERT INTO buyer_messages (fn, generation, fd, channel, state, planned_at, ended_at, erased_at)
SELECT fn, generation, fd, $4, 'erased', $5, $5, $5 FROM gone
ON CONFLICT (fn, generation, fd, channel) DO NOTHING
RETURNING fn
"""


class BuyerErasure:
    """Erases contacts with the answers that may repeat them. Everything raises DatabaseUnavailable.

    Messages that still wait are cancelled and what they cost is given back; one that is in hand at this moment ends as
    it ends, and leaves no contact.
    """

    def __init__(self, database: Database, rules: RuleBook, on_watched: OnWatched) -> None:
        self._database = database
        self._rules = rules
        self._on_watched = on_watched

    async def of_contact(self, contact: str, now: datetime, *, who: str) -> int:
        """Erases everything under one contact, and what is not planned yet; the number of messages.

        Done twice it finds nothing the second time.
        """
        unplanned = await self._unqueue(contact, now)
        return await self._erase(_OF_CONTACT, contact, now, who=who, why="request", more=unplanned)

    async def older_than(self, before: datetime, now: datetime) -> int:
        """Erases the contacts of messages that were planned before a moment; the number of messages."""
        return await self._erase(_OLD, before, now, who="gateway", why="term", more=0)

    async def _erase(self, which: str, value: object, now: datetime, *, who: str, why: str, more: int) -> int:
        erased = more
        while cancelled := await self._cancel(which, value, now):
            erased += cancelled
        while ended := await self._erase_ended(which, value, now):
            erased += ended
        if erased:
            async with self._database.reading() as connection:
                await connection.execute(_AUDIT, now, who, why, erased)
        return erased

    async def _cancel(self, which: str, value: object, now: datetime) -> int:
        """Watches are locked before messages, as everywhere."""
        async with self._database.reading() as connection:
            async with connection.transaction():
                payers = [
                    row[0] for row in await connection.fetch(_PAYERS.format(which=which.replace("$2", "$1")), value)
                ]
                watches = WatchTransaction(connection, self._rules)
                await watches.lock({key_of_customer(inn) for inn in payers})
                rows = await connection.fetch(_CANCEL.format(which=which), now, value, payers, _BATCH)
                for row in rows:
                    if row["paid"] > 0:
                        key = (row["fn"], row["generation"], row["fd"])
                        await refund(connection, watches, key, row["customer_inn"], row["paid"], "erased", now)
                await _erase_around(connection, rows)
                outcome = await watches.write(now)
            if outcome:
                self._on_watched(outcome)
        return len(rows)

    async def _erase_ended(self, which: str, value: object, now: datetime) -> int:
        async with self._database.reading() as connection, connection.transaction():
            rows = await connection.fetch(_ERASE.format(which=which), now, value, _BATCH)
            await _erase_around(connection, rows)
        return len(rows)

    async def _unqueue(self, contact: str, now: datetime) -> int:
        """Receipts that nobody has looked at: their contact stands in the document only."""
        found = 0
        last: tuple[str, int, int] = ("", -1, -1)
        async with self._database.reading() as connection:
            while rows := await connection.fetch(_UNPLANNED, *last, _BATCH):
                for row in rows:
                    last = (row["fn"], row["generation"], row["fd"])
                    channel = _channel_of(row["container"], row["ffd"], contact)
                    if channel is not None and await connection.fetchval(_UNQUEUE, *last, channel, now) is not None:
                        found += 1
        return found


def _channel_of(container: bytes, ffd: str, contact: str) -> str | None:
    """The channel that the contact of a stored document is for, when it is this one."""
    try:
        contacts = parse_contacts(contact_text(document_of(container, ffd)))
    except (ContactUnusable, OfdGatewayError):
        return None
    if contacts.email is not None and contacts.email.lower() == contact.lower():
        return "email"
    return "sms" if contacts.phone == contact else None


async def _erase_around(connection: Connection, rows: Sequence[Any]) -> None:
    if rows:
        keys = [[row[column] for row in rows] for column in ("fn", "generation", "fd", "channel")]
        await connection.execute(_ERASE_ATTEMPTS, *keys)
        await connection.execute(_ERASE_PARTS, *keys)
