"""Customers (клиенты): who is told, of what, in which language and by which thresholds."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ofd_gateway.alerts.notices import Urgency
from ofd_gateway.errors import OfdGatewayError
from ofd_gateway.storage.alert_records import note_news
from ofd_gateway.storage.customer_removal import let_go
from ofd_gateway.storage.dead_addresses import revive
from ofd_gateway.storage.owners import CustomerUnknown
from ofd_gateway.storage.registers import pay_anew

if TYPE_CHECKING:
    from ofd_gateway.storage.database import Database
    from ofd_gateway.storage.directory import Directory
    from ofd_gateway.storage.migrations import Connection

__all__ = ["Customer", "CustomerBook", "CustomerExists"]

_COLUMNS: Final = (
    "inn, name, emails, notify, locale, timezone, parameters::text AS parameters, tell_resolved, quiet_hours, "
    "receipts, created_at, changed_at"
)
_ADD: Final = """
INSERT INTO customers (inn, name, emails, notify, locale, timezone, parameters, tell_resolved, quiet_hours,
                       receipts, created_at, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING
"""
_GET: Final = f"SELECT {_COLUMNS} FROM customers WHERE inn = $1"  # noqa: S608  constants
_LIST: Final = f"SELECT {_COLUMNS} FROM customers ORDER BY inn"  # noqa: S608  constants
_CHANGE: Final = """
UPDATE customers SET name = $2, emails = $3, notify = $4, locale = $5, timezone = $6, parameters = $7,
    tell_resolved = $8, quiet_hours = $9, receipts = $10, changed_at = $11
WHERE inn = $1
"""
_LOOK_AT_ALL: Final = """
UPDATE watches SET next_check_at = $2
WHERE subject IN (SELECT subject FROM watches WHERE customer_inn = $1 ORDER BY subject FOR UPDATE)
"""
"""Watches are locked in the order of their keys, as everywhere."""


class Customer(msgspec.Struct, frozen=True, kw_only=True):
    """One customer. `parameters` are its own thresholds as `parameters.customise` takes them, `notify` types.

    `quiet_hours` is written `22:00-08:00`, by the customer's clock. `receipts` are the ways to its buyers.
    """

    inn: str
    name: str
    emails: tuple[str, ...]
    notify: tuple[str, ...]
    locale: str
    timezone: str | None
    parameters: dict[str, Any]
    tell_resolved: bool
    quiet_hours: str | None
    created_at: datetime
    changed_at: datetime
    receipts: tuple[str, ...] = ("email", "sms")


class CustomerExists(OfdGatewayError):
    """There is a customer with this INN already."""

    def __init__(self, inn: str) -> None:
        super().__init__(f"клиент {inn} уже есть, измените его: customers set / this customer exists")


class CustomerBook:
    """The customers in the database. Changes reach a running gateway within two seconds."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, customer: Customer, directory: Directory) -> None:
        """Adds a customer, who is told of what is open on its registers already. Raises CustomerExists."""
        now = customer.created_at
        async with self._database.reading() as connection, connection.transaction():
            if await connection.execute(_ADD, *_values(customer), now, now) == "INSERT 0 0":
                raise CustomerExists(customer.inn)
            await self._tell(connection, customer, directory, now)

    async def change(
        self, customer: Customer, directory: Directory, now: datetime, *, who: str, has_new_emails: bool
    ) -> None:
        """Replaces what is known of a customer. Addresses that are set anew live again. Raises CustomerUnknown."""
        async with self._database.reading() as connection, connection.transaction():
            if await connection.execute(_CHANGE, *_values(customer), now) == "UPDATE 0":
                raise CustomerUnknown(customer.inn)
            if has_new_emails:
                await revive(connection, customer.inn, customer.emails, now, directory.notices, who=who)
            await self._tell(connection, customer, directory, now)

    async def remove(self, inn: str, directory: Directory, now: datetime, *, who: str) -> None:
        """Removes a customer; see `customer_removal.let_go`. Raises CustomerUnknown, PackageNotEmpty."""
        async with self._database.reading() as connection, connection.transaction():
            if await connection.execute("DELETE FROM customers WHERE inn = $1", inn) == "DELETE 0":
                raise CustomerUnknown(inn)
            await directory.refresh(connection)
            await connection.execute(_LOOK_AT_ALL, inn, now)
            await let_go(connection, inn, directory, now, who=who)

    async def get(self, inn: str) -> Customer | None:
        """One customer."""
        async with self._database.reading() as connection:
            row = await connection.fetchrow(_GET, inn)
        return None if row is None else _customer(row)

    async def list(self) -> list[Customer]:
        """All customers by INN."""
        async with self._database.reading() as connection:
            rows = await connection.fetch(_LIST)
        return [_customer(row) for row in rows]

    async def _tell(self, connection: Connection, customer: Customer, directory: Directory, now: datetime) -> None:
        await directory.refresh(connection)
        await pay_anew(connection, directory, customer.inn, now)
        await connection.execute(_LOOK_AT_ALL, customer.inn, now)
        await note_news(connection, {(customer.inn, Urgency.PROMPT)}, now, directory.notices)


def _values(customer: Customer) -> tuple[Any, ...]:
    return (
        customer.inn,
        customer.name,
        list(customer.emails),
        list(customer.notify),
        customer.locale,
        customer.timezone,
        msgspec.json.encode(customer.parameters).decode(),
        customer.tell_resolved,
        customer.quiet_hours,
        list(customer.receipts),
    )


def _customer(row: Any) -> Customer:
    values = dict(row)
    return Customer(
        **{
            **values,
            "emails": tuple(values["emails"]),
            "notify": tuple(values["notify"]),
            "receipts": tuple(values["receipts"]),
            "parameters": msgspec.json.decode(values["parameters"]),
        }
    )
