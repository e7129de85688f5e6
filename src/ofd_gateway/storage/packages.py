"""Packages of messages to buyers (пакеты сообщений): bought, spent, and watched as they run low."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

import msgspec

from ofd_gateway.alerts import MessagesSpent, PackageToppedUp
from ofd_gateway.errors import OfdGatewayError
from ofd_gateway.storage.owners import require_customer
from ofd_gateway.storage.watches import WatchTransaction, key_of_customer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ofd_gateway.storage.database import Database
    from ofd_gateway.storage.directory import Directory
    from ofd_gateway.storage.migrations import Connection

__all__ = ["Charge", "Movement", "NotEnoughMessages", "Package", "PackageBook", "give_back", "spend", "spend_each"]

_TOP_UP: Final = """
INSERT INTO packages AS p (customer_inn, balance) VALUES ($1, $2)
ON CONFLICT (customer_inn) DO UPDATE SET balance = p.balance + excluded.balance RETURNING balance
"""
_SPEND: Final = "UPDATE packages SET balance = balance - $2 WHERE customer_inn = $1 AND balance >= $2 RETURNING balance"
_MOVE: Final = """
INSERT INTO package_movements (customer_inn, at, messages, balance, reason) VALUES ($1, $2, $3, $4, $5) RETURNING id
"""
_LOCK: Final = "SELECT balance FROM packages WHERE customer_inn = $1 FOR UPDATE"
_SPEND_ALL: Final = "UPDATE packages SET balance = $2 WHERE customer_inn = $1"
_MOVE_ALL: Final = """
INSERT INTO package_movements (customer_inn, at, messages, balance, reason)
SELECT $1, $2, m.messages, m.balance, m.reason
FROM unnest($3::bigint[], $4::bigint[], $5::text[]) WITH ORDINALITY AS m (messages, balance, reason, place)
ORDER BY m.place
"""
_MOVEMENTS: Final = """
SELECT at, messages, balance, reason FROM package_movements WHERE customer_inn = $1 ORDER BY id DESC LIMIT $2
"""


class NotEnoughMessages(OfdGatewayError):
    """A package holds fewer messages than are to be spent; nothing was spent."""

    def __init__(self, inn: str, wanted: int, balance: int) -> None:
        super().__init__(f"у клиента {inn} осталось сообщений: {balance}, нужно {wanted} / not enough messages")
        self.balance = balance


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """Messages to take from a package, and what for."""

    messages: int
    reason: str


class Movement(msgspec.Struct, frozen=True, kw_only=True):
    """Messages bought (positive) or spent (negative), and what was left afterwards."""

    at: datetime
    messages: int
    balance: int
    reason: str


class Package(msgspec.Struct, frozen=True, kw_only=True):
    """What a customer has left, and the latest movements, newest first."""

    customer_inn: str
    balance: int
    movements: tuple[Movement, ...]


class PackageBook:
    """The packages in the database, for commands."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def top_up(self, inn: str, messages: int, reason: str, directory: Directory, now: datetime) -> int:
        """Adds messages to a customer's package; the new balance. Raises CustomerUnknown."""
        async with self._database.reading() as connection, connection.transaction():
            await require_customer(connection, inn)
            watches = await _locked(connection, inn, directory)
            balance: int = await connection.fetchval(_TOP_UP, inn, messages)
            number = await connection.fetchval(_MOVE, inn, now, messages, balance, reason)
            watches.note(key_of_customer(inn), PackageToppedUp(at=now, package=str(number), balance=balance), now)
            await watches.write(now)
            return balance

    async def spend(self, inn: str, messages: int, reason: str, directory: Directory, now: datetime) -> int:
        """Takes messages from a customer's package; the new balance. Raises CustomerUnknown, NotEnoughMessages."""
        async with self._database.reading() as connection, connection.transaction():
            await require_customer(connection, inn)
            watches = await _locked(connection, inn, directory)
            balance = await spend(connection, inn, messages, reason, now)
            watches.note(key_of_customer(inn), MessagesSpent(at=now, messages=messages, balance=balance), now)
            await watches.write(now)
            return balance

    async def get(self, inn: str, *, limit: int = 20) -> Package:
        """A customer's package; empty when nothing was ever bought. Raises CustomerUnknown."""
        async with self._database.reading() as connection, connection.transaction():
            await require_customer(connection, inn)
            balance = await connection.fetchval("SELECT balance FROM packages WHERE customer_inn = $1", inn)
            rows = await connection.fetch(_MOVEMENTS, inn, limit or None)
        return Package(customer_inn=inn, balance=balance or 0, movements=tuple(Movement(**dict(row)) for row in rows))


async def spend(connection: Connection, inn: str, messages: int, reason: str, now: datetime) -> int:
    """Takes messages from a package inside the caller's transaction; the new balance.

    The caller holds the watch of the customer and lets `MessagesSpent` happen to it. Raises NotEnoughMessages.
    """
    balance: int | None = await connection.fetchval(_SPEND, inn, messages)
    if balance is None:
        left = await connection.fetchval("SELECT balance FROM packages WHERE customer_inn = $1", inn)
        raise NotEnoughMessages(inn, messages, left or 0)
    await connection.fetchval(_MOVE, inn, now, -messages, balance, reason)
    return balance


async def spend_each(connection: Connection, inn: str, charges: Sequence[Charge], now: datetime) -> list[int | None]:
    """Takes what each charge asks for, in their order, inside the caller's transaction; the balance after each.

    None stands for a charge that the package cannot pay: nothing is taken for it, smaller ones behind it may be paid.
    The caller holds the watch of the customer and lets `MessagesSpent` happen to it for each that was paid.
    """
    balance: int = await connection.fetchval(_LOCK, inn) or 0
    balances: list[int | None] = []
    paid: list[tuple[int, int, str]] = []
    for charge in charges:
        if charge.messages > balance:
            balances.append(None)
            continue
        balance -= charge.messages
        balances.append(balance)
        paid.append((-charge.messages, balance, charge.reason))
    if paid:
        await connection.execute(_SPEND_ALL, inn, balance)
        await connection.execute(_MOVE_ALL, inn, now, *map(list, zip(*paid, strict=True)))
    return balances


async def give_back(connection: Connection, inn: str, messages: int, reason: str, now: datetime) -> int:
    """Puts messages back that were charged for nothing, inside the caller's transaction; the new balance.

    The caller holds the watch of the customer and lets `MessagesSpent` with a negative number happen to it.
    """
    balance: int = await connection.fetchval(_TOP_UP, inn, messages)
    await connection.fetchval(_MOVE, inn, now, messages, balance, reason)
    return balance


async def _locked(connection: Connection, inn: str, directory: Directory) -> WatchTransaction:
    watches = WatchTransaction(connection, directory)
    await watches.lock({key_of_customer(inn)})
    return watches
