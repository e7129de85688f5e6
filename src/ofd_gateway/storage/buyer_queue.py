"""Receipts for buyers: from the intake's queue to messages, charged in the transaction that queues them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from ofd_gateway.alerts import MessagesSpent
from ofd_gateway.buyers.model import QueuedReceipt, WrittenMessage
from ofd_gateway.storage.packages import Charge, spend_each
from ofd_gateway.storage.watches import WatchTransaction, key_of_customer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from datetime import datetime

    from ofd_gateway.buyers.model import Key
    from ofd_gateway.buyers.plan import PlannedMessage
    from ofd_gateway.storage.database import Database
    from ofd_gateway.storage.migrations import Connection
    from ofd_gateway.storage.watches import OnWatched, RuleBook, WatchOutcome

__all__ = ["BuyerQueue", "TakenReceipts"]

_TAKE: Final = """
WITH taken AS MATERIALIZED (
    SELECT fn, generation, fd FROM buyer_queue LIMIT $1 FOR UPDATE SKIP LOCKED
)
SELECT q.fn, q.generation, q.fd, d.container, d.ffd, c.inn AS customer_inn,
    coalesce(c.receipts, '{email,sms}') AS receipts
FROM taken AS q
LEFT JOIN LATERAL (
    SELECT container, ffd, registration_number, user_inn FROM documents
    WHERE fn = q.fn AND generation = q.generation AND fd = q.fd LIMIT 1
) AS d ON true
LEFT JOIN LATERAL (SELECT registration_number, user_inn FROM fn_states WHERE fn = q.fn LIMIT 1) AS f ON true
LEFT JOIN LATERAL (
    SELECT customer_inn FROM registers
    WHERE registration_number = coalesce(d.registration_number, f.registration_number) AND removed_at IS NULL LIMIT 1
) AS r ON true
LEFT JOIN customers AS c ON c.inn = coalesce(r.customer_inn, d.user_inn, f.user_inn)
"""
"""LIMIT keeps each look-up one by its key, however many documents there are."""
_EXISTING: Final = """
SELECT m.fn, m.generation, m.fd, m.channel FROM buyer_messages AS m
JOIN unnest($1::text[], $2::int[], $3::bigint[]) AS k (fn, generation, fd)
    ON m.fn = k.fn AND m.generation = k.generation AND m.fd = k.fd
"""
_FREE: Final = _EXISTING + " WHERE m.state NOT IN ('queued', 'sending') FOR UPDATE OF m SKIP LOCKED"
_PUT: Final = """
INSERT INTO buyer_messages AS m (fn, generation, fd, channel, customer_inn, contact, state, reason, parts, charged,
                                 planned_at, next_attempt_at, ended_at)
SELECT n.*, $11::timestamptz, CASE WHEN n.state = 'queued' THEN $11::timestamptz END,
    CASE WHEN n.state <> 'queued' THEN $11::timestamptz END
FROM unnest($1::text[], $2::int[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
            $9::int[], $10::bigint[])
    AS n (fn, generation, fd, channel, customer_inn, contact, state, reason, parts, charged)
ON CONFLICT (fn, generation, fd, channel) DO UPDATE SET
    customer_inn = excluded.customer_inn, contact = excluded.contact, state = excluded.state,
    reason = excluded.reason, parts = excluded.parts, charged = m.charged + excluded.charged, attempts = 0,
    next_attempt_at = excluded.next_attempt_at, planned_at = excluded.planned_at, sent_at = NULL,
    ended_at = excluded.ended_at, erased_at = NULL, reply = ''
"""
_FORGET_PARTS: Final = """
DELETE FROM sms_parts USING unnest($1::text[], $2::int[], $3::bigint[]) AS k (fn, generation, fd)
WHERE sms_parts.fn = k.fn AND sms_parts.generation = k.generation AND sms_parts.fd = k.fd
"""
_DONE: Final = """
DELETE FROM buyer_queue USING unnest($1::text[], $2::int[], $3::bigint[]) AS k (fn, generation, fd)
WHERE buyer_queue.fn = k.fn AND buyer_queue.generation = k.generation AND buyer_queue.fd = k.fd
"""


class TakenReceipts:
    """Receipts that are locked for their taker until the transaction around it ends."""

    def __init__(self, connection: Connection, rules: RuleBook, receipts: Sequence[QueuedReceipt]) -> None:
        self._connection = connection
        self._rules = rules
        self.receipts = receipts
        self.outcome: WatchOutcome | None = None

    async def plan(
        self, planned: Sequence[tuple[QueuedReceipt, Sequence[PlannedMessage]]], now: datetime
    ) -> list[WrittenMessage]:
        """Charges and queues the messages of these receipts, and takes the receipts off the queue.

        A message of an earlier plan that still waits or is in hand stays as it is. Everything counts once the
        transaction is committed.
        """
        pairs = await self._new_ones(planned)
        costs: dict[str, list[int]] = {}
        for index, (receipt, message) in enumerate(pairs):
            if message.cost and receipt.customer_inn is not None:
                costs.setdefault(receipt.customer_inn, []).append(index)
        watches = WatchTransaction(self._connection, self._rules)
        await watches.lock({key_of_customer(inn) for inn in costs})
        balances: dict[int, int | None] = {}
        for inn in sorted(costs):
            charges = [Charge(messages=pairs[i][1].cost, reason=_reason(pairs[i][0].key)) for i in costs[inn]]
            for index, balance in zip(costs[inn], await spend_each(self._connection, inn, charges, now), strict=True):
                balances[index] = balance
                if balance is not None:
                    event = MessagesSpent(at=now, messages=pairs[index][1].cost, balance=balance)
                    watches.step(key_of_customer(inn), event, now)
        written = [
            _written(receipt, message, balances.get(index), is_charged=index in balances)
            for index, (receipt, message) in enumerate(pairs)
        ]
        await self._put(pairs, written, balances, now)
        await self._connection.execute(_DONE, *_columns([receipt.key for receipt, _ in planned]))
        self.outcome = await watches.write(now)
        return written

    async def _new_ones(
        self, planned: Sequence[tuple[QueuedReceipt, Sequence[PlannedMessage]]]
    ) -> list[tuple[QueuedReceipt, PlannedMessage]]:
        keys = _columns([receipt.key for receipt, _ in planned])
        existing = {tuple(row) for row in await self._connection.fetch(_EXISTING, *keys)}
        if existing:
            existing -= {tuple(row) for row in await self._connection.fetch(_FREE, *keys)}
        return [
            (receipt, message)
            for receipt, messages in planned
            for message in messages
            if (*receipt.key, message.channel) not in existing
        ]

    async def _put(
        self,
        pairs: Sequence[tuple[QueuedReceipt, PlannedMessage]],
        written: Sequence[WrittenMessage],
        balances: dict[int, int | None],
        now: datetime,
    ) -> None:
        await self._connection.execute(_FORGET_PARTS, *_columns([one.key for one in written if one.channel == "sms"]))
        await self._connection.execute(
            _PUT,
            *_columns([one.key for one in written]),
            [one.channel for one in written],
            [one.customer_inn for one in written],
            [one.contact for one in written],
            [one.state for one in written],
            [one.reason for one in written],
            [message.parts for _, message in pairs],
            [message.cost if balances.get(index) is not None else 0 for index, (_, message) in enumerate(pairs)],
            now,
        )


class BuyerQueue:
    """Receipts that the intake has left for buyers, for any number of processes.

    `on_watched` hears what the charges meant for the rules, once it is committed.
    """

    def __init__(self, database: Database, rules: RuleBook, on_watched: OnWatched) -> None:
        self._database = database
        self._rules = rules
        self._on_watched = on_watched

    @asynccontextmanager
    async def take(self, limit: int) -> AsyncIterator[TakenReceipts]:
        """Some receipts that nobody else looks at, for the length of an `async with`.

        What `plan` wrote is committed at the end, whole; left by an error, nothing is changed.

        Raises:
            DatabaseUnavailable: nobody knows whether it was committed; what is still queued is simply taken again.
        """
        async with self._database.reading() as connection:
            async with connection.transaction():
                rows = await connection.fetch(_TAKE, limit)
                taken = TakenReceipts(connection, self._rules, [_receipt(row) for row in rows])
                yield taken
            if taken.outcome:
                self._on_watched(taken.outcome)


def _receipt(row: Any) -> QueuedReceipt:
    return QueuedReceipt(
        key=(row["fn"], row["generation"], row["fd"]),
        container=row["container"],
        ffd=row["ffd"],
        customer_inn=row["customer_inn"],
        receipts=tuple(row["receipts"]),
    )


def _written(
    receipt: QueuedReceipt, message: PlannedMessage, balance: int | None, *, is_charged: bool
) -> WrittenMessage:
    is_unpaid = is_charged and balance is None
    return WrittenMessage(
        key=receipt.key,
        channel=message.channel,
        customer_inn=receipt.customer_inn,
        state="no_package" if is_unpaid else message.state,
        reason="empty" if is_unpaid else message.reason,
        contact=None if is_unpaid else message.contact,
        balance=balance,
    )


def _columns(keys: Sequence[Key]) -> tuple[list[str], list[int], list[int]]:
    return [key[0] for key in keys], [key[1] for key in keys], [key[2] for key in keys]


def _reason(key: Key) -> str:
    return f"СМС: ФН {key[0]}, ФД {key[2]}"
