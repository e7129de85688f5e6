"""Messages to buyers for people: which there are, what became of each, and one more try."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ofd_gateway.buyers.model import Backlog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ofd_gateway.buyers.states import MessageState
    from ofd_gateway.storage.database import Database
    from ofd_gateway.storage.migrations import Connection

__all__ = ["BuyerArchive", "BuyerMessage", "MessageAttempt", "MessagePart"]

_COLUMNS: Final = """
SELECT fn, generation, fd, channel, customer_inn, contact, state, reason, parts, charged, refunded, attempts,
    next_attempt_at, planned_at, sent_at, ended_at, erased_at, reply
FROM buyer_messages
"""
_LIST: Final = (
    _COLUMNS
    + """
WHERE ($1::text IS NULL OR state = $1) AND ($2::text IS NULL OR customer_inn = $2)
ORDER BY planned_at DESC, fn DESC, generation DESC, fd DESC, channel DESC LIMIT $3
"""
)
_LIST_OF_CUSTOMER: Final = (
    _COLUMNS
    + """
WHERE customer_inn = $2 AND ($1::text IS NULL OR state = $1)
ORDER BY planned_at DESC, fn DESC, generation DESC, fd DESC, channel DESC LIMIT $3
"""
)
_OF_RECEIPT: Final = (
    _COLUMNS  # noqa: S608  constants
    + """
WHERE fn = $1 AND fd = $2 AND generation = coalesce(
    $3::int, (SELECT max(generation) FROM buyer_messages WHERE fn = $1 AND fd = $2))
ORDER BY channel
"""
)
_OF_CONTACT: Final = _COLUMNS + " WHERE lower(contact) = lower($1) ORDER BY planned_at, fn, generation, fd, channel"
_ATTEMPTS: Final = """
SELECT at, outcome, code, reply FROM buyer_attempts
WHERE fn = $1 AND generation = $2 AND fd = $3 AND channel = $4 ORDER BY id
"""
_PARTS: Final = """
SELECT part, smsc_id, accepted_at, outcome FROM sms_parts
WHERE fn = $1 AND generation = $2 AND fd = $3 ORDER BY part
"""
_RESEND: Final = """
INSERT INTO buyer_queue (fn, generation, fd, queued_at)
SELECT fn, generation, fd, $4 FROM documents
WHERE fn = $1 AND fd = $2 AND document_code = ANY ($5::smallint[]) AND generation = coalesce(
    $3::int, (SELECT max(generation) FROM documents WHERE fn = $1 AND fd = $2))
ON CONFLICT DO NOTHING RETURNING generation
"""
_IS_QUEUED: Final = """
SELECT EXISTS (SELECT 1 FROM buyer_queue WHERE fn = $1 AND fd = $2 AND ($3::int IS NULL OR generation = $3))
"""
_BACKLOG: Final = """
SELECT (SELECT count(*) FROM buyer_queue) AS unplanned,
    count(*) FILTER (WHERE channel = 'email') AS email, count(*) FILTER (WHERE channel = 'sms') AS sms
FROM buyer_messages WHERE next_attempt_at IS NOT NULL
"""


class MessageAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt or report, and what the server or the centre said."""

    at: datetime
    outcome: str
    code: int | None
    reply: str


class MessagePart(msgspec.Struct, frozen=True, kw_only=True):
    """A part that the centre has accepted, and what it reported of it."""

    part: int
    smsc_id: str
    accepted_at: datetime
    outcome: str | None


class BuyerMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One way of a receipt. The contact is None where there was no use for it, and once it is erased."""

    fn: str
    generation: int
    fd: int
    channel: str
    customer_inn: str | None
    contact: str | None
    state: str
    reason: str
    parts: int
    charged: int
    refunded: int
    attempts: int
    next_attempt_at: datetime | None
    planned_at: datetime
    sent_at: datetime | None
    ended_at: datetime | None
    erased_at: datetime | None
    reply: str
    history: tuple[MessageAttempt, ...] = ()
    smsc: tuple[MessagePart, ...] = ()


class BuyerArchive:
    """Reads messages, and queues a receipt again. Everything raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_messages(
        self, *, state: MessageState | None = None, customer: str | None = None, limit: int = 100
    ) -> list[BuyerMessage]:
        """The latest messages, the oldest of them first; 0 for all. Without attempts and parts."""
        query = _LIST if customer is None else _LIST_OF_CUSTOMER
        async with self._database.reading() as connection:
            rows = await connection.fetch(query, state, customer, limit or None)
        return [BuyerMessage(**row) for row in reversed(rows)]

    async def of_receipt(self, fn: str, fd: int, generation: int | None = None) -> list[BuyerMessage]:
        """The messages of one receipt, whole; of the latest generation unless another is named."""
        async with self._database.reading() as connection:
            return await _whole(connection, await connection.fetch(_OF_RECEIPT, fn, fd, generation))

    async def of_contact(self, contact: str) -> list[BuyerMessage]:
        """Everything that is kept under a contact, whole; letters of either case are the same."""
        async with self._database.reading() as connection:
            return await _whole(connection, await connection.fetch(_OF_CONTACT, contact))

    async def resend(self, fn: str, fd: int, generation: int | None, codes: Sequence[int], now: datetime) -> bool:
        """Leaves a receipt to be looked at anew, as when it arrived; False when there is no such receipt.

        Its messages are planned and charged again, except those that still wait or are in hand.
        """
        async with self._database.reading() as connection:
            if await connection.fetchval(_RESEND, fn, fd, generation, now, list(codes)) is not None:
                return True
            return bool(await connection.fetchval(_IS_QUEUED, fn, fd, generation))

    async def backlog(self) -> Backlog:
        """How much waits."""
        async with self._database.reading() as connection:
            row = await connection.fetchrow(_BACKLOG)
        return Backlog(**dict(row or {"unplanned": 0, "email": 0, "sms": 0}))


async def _whole(connection: Connection, rows: Sequence[Any]) -> list[BuyerMessage]:
    found = []
    for row in rows:
        message = BuyerMessage(**row)
        key = (message.fn, message.generation, message.fd)
        attempts = await connection.fetch(_ATTEMPTS, *key, message.channel)
        parts = await connection.fetch(_PARTS, *key) if message.channel == "sms" else []
        found.append(
            msgspec.structs.replace(
                message,
                history=tuple(MessageAttempt(**attempt) for attempt in attempts),
                smsc=tuple(MessagePart(**part) for part in parts),
            )
        )
    return found
