"""What people do in the demo: they add the customer and the registers, buy messages, pay for the service."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from ofd_gateway.alert_settings import AlertsSettings
from ofd_gateway.demo.chain import OWNER_EMAIL, OWNER_INN, OWNER_NAME, SEED, chain
from ofd_gateway.simulator.identity import identity_of
from ofd_gateway.storage import Customer, CustomerBook, Directory, PackageBook, RegisterBook, RegisterSettings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from ofd_gateway.demo.actor import Actor
    from ofd_gateway.storage import Database

__all__ = ["Household"]

FIRST_PACKAGE: Final = 500
SECOND_PACKAGE: Final = 1000
SECOND_PACKAGE_ON_DAY: Final = 31
PAID_DAYS: Final = 365
_TYPES: Final = ("service", "messages", "silence", "fault")
_MOSCOW: Final = timedelta(hours=3)


class Household:
    """The owner's books in the database of the gateway."""

    def __init__(self, database: Database, directory: Directory, began_on: date) -> None:
        self.database = database
        self.directory = directory
        self.began_on = began_on
        self.members = chain()

    @classmethod
    async def furnish(cls, database: Database, now: datetime) -> Household:
        """Opens the books (DatabaseError)."""
        alerts = AlertsSettings()
        async with database.reading() as connection:
            directory = await Directory.of_gateway(connection, alerts.parameters(), alerts.notices())
        return cls(database, directory, (now + _MOSCOW).date())

    async def describe(self, now: datetime) -> None:
        """Adds the owner, its registers and its first package."""
        capacities = {
            identity_of(SEED, member.index).fn: member.fate.capacity
            for member in self.members
            if member.fate.capacity is not None
        }
        await CustomerBook(self.database).add(
            Customer(
                inn=OWNER_INN,
                name=OWNER_NAME,
                emails=(OWNER_EMAIL,),
                notify=_TYPES,
                locale="ru",
                timezone=None,
                parameters={"fn_filling": {"capacities": capacities}},
                tell_resolved=True,
                quiet_hours=None,
                created_at=now,
                changed_at=now,
            ),
            self.directory,
        )
        registers = RegisterBook(self.database)
        for member in self.members:
            until_day = member.fate.service_until_day
            await registers.add(
                RegisterSettings(
                    registration_number=_registration_number(member.index),
                    customer_inn=OWNER_INN,
                    name=member.name,
                    place=member.store.name,
                    timezone=member.store.timezone,
                    service_until=self.began_on + timedelta(days=PAID_DAYS if until_day is None else until_day),
                ),
                self.directory,
                now,
            )
        await PackageBook(self.database).top_up(OWNER_INN, FIRST_PACKAGE, "demo", self.directory, now)

    async def end_day(self, day: int, actors: Sequence[Actor], now: datetime) -> None:
        """Spends a message for each buyer of the day, and pays what is to be paid on it."""
        packages = PackageBook(self.database)
        balance = (await packages.get(OWNER_INN, limit=1)).balance
        wanted = sum(actor.contacts for actor in actors)
        for actor in actors:
            actor.contacts = 0
        if spent := min(balance, wanted):
            await packages.spend(OWNER_INN, spent, "demo", self.directory, now)
        if day == SECOND_PACKAGE_ON_DAY:
            await packages.top_up(OWNER_INN, SECOND_PACKAGE, "demo", self.directory, now)
        for actor in actors:
            if actor.member.fate.renewed_on_day == day:
                paid = {"service_until": self.began_on + timedelta(days=PAID_DAYS + day)}
                await RegisterBook(self.database).change(actor.registration_number, paid, self.directory, now)


def _registration_number(index: int) -> str:
    return identity_of(SEED, index, owner_inn=OWNER_INN).registration_number
