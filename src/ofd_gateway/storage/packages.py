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
    from ofd_gateway.storage.database import Database
    from ofd_gateway.storage.directory import Directory
    from ofd_gateway.storage.migrations import Connection

__all__ = ["Movement", "NotEnoughMessages", "Package", "PackageBook", "spend"]

_TOP_UP: Final = """
INSERT INTO packages AS p (customer_inn, balance) VALUES ($1, $2)
ON CONFLICT (customer_inn) DO UPDATE SET balance = p.balance + excluded.balance RETURNING balance
"""
_SPEND: Final = "UPDATE packages SET balance = balance - $2 WHERE customer_inn = $1 AND balance >= $2 RETURNING balance"
_MOVE: Final = """
INSERT INTO package_movements (customer_inn, at, messages, balance, reason) VALUES ($1, $2, $3, $4, $5) RETURNING id
"""
_MOVEMENTS: Final = """
SELECT at, messages, balance, reason FROM package_movements WHERE customer_inn = $1 ORDER BY id DESC LIMIT $2
"""


class NotEnoughMessages(OfdGatewayError):
    """A package holds fewer messages than are to be spent; nothing was spent."""

    def __init__(self, inn: str, wanted: int, balance: int) -> None:
        super().__init__(f"у клиента {inn} осталось сообщений: {balance}, нужно {wanted} / not enough messages")
        self.balance = balance


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


async def _locked(connection: Connection, inn: str, directory: Directory) -> WatchTransaction:
    watches = WatchTransaction(connection, directory)
    await watches.lock({key_of_customer(inn)})
    return watches
