"""Registers (кассы): those somebody described, and those known from their documents only."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ofd_gateway.alerts import RegisterConfigured, RegisterRemoved, ServicePaid, State, decode_state
from ofd_gateway.alerts.calendar import parse_calendar
from ofd_gateway.alerts.state import StateUnreadable
from ofd_gateway.alerts.timeline import start_of_day, zone
from ofd_gateway.errors import OfdGatewayError
from ofd_gateway.storage.owners import require_customer
from ofd_gateway.storage.watches import WatchTransaction, key_of_customer, key_of_register

if TYPE_CHECKING:
    import builtins
    from collections.abc import AsyncIterator

    from ofd_gateway.storage.database import Database
    from ofd_gateway.storage.directory import Directory
    from ofd_gateway.storage.migrations import Connection

__all__ = [
    "RegisterBook",
    "RegisterExists",
    "RegisterRecord",
    "RegisterSettings",
    "RegisterUnknown",
    "configured",
    "paid",
    "pay_anew",
    "release",
]

_PREFETCH: Final = 500

_COLUMNS: Final = """
registration_number, customer_inn, serial, name, place, timezone, service_until, calendar, watch_unsold, removed_at
"""
_SETTINGS: Final = f"SELECT {_COLUMNS} FROM registers WHERE registration_number = $1 FOR UPDATE"  # noqa: S608  constants
_BY_OWNERS_ZONE: Final = f"""
SELECT {_COLUMNS} FROM registers
WHERE registration_number IN (SELECT substr(subject, 5) FROM watches WHERE customer_inn = $1 AND subject LIKE 'rnm:%')
  AND timezone IS NULL AND service_until IS NOT NULL AND removed_at IS NULL
"""  # noqa: S608  constants
_RELEASE: Final = f"""
UPDATE registers SET customer_inn = NULL, changed_at = $2 WHERE customer_inn = $1 RETURNING {_COLUMNS}
"""  # noqa: S608  constants
_WRITE: Final = """
INSERT INTO registers (registration_number, customer_inn, serial, name, place, timezone, service_until, calendar,
                       watch_unsold, removed_at, created_at, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)
ON CONFLICT (registration_number) DO UPDATE SET
    customer_inn = excluded.customer_inn, serial = excluded.serial, name = excluded.name, place = excluded.place,
    timezone = excluded.timezone, service_until = excluded.service_until, calendar = excluded.calendar,
    watch_unsold = excluded.watch_unsold, removed_at = excluded.removed_at, changed_at = excluded.changed_at
"""
_LIST: Final = """
SELECT w.subject AS watch, w.customer_inn AS owner_inn, c.inn IS NOT NULL AS is_owned, w.state, r.*
FROM watches AS w
LEFT JOIN registers AS r ON w.subject LIKE 'rnm:%' AND r.registration_number = substr(w.subject, 5)
LEFT JOIN customers AS c ON c.inn = w.customer_inn
WHERE w.subject NOT LIKE 'inn:%' AND ($1::text[] IS NULL OR w.subject = ANY($1::text[]))
  AND ($2::text IS NULL OR w.customer_inn = $2) AND w.subject > $3
ORDER BY w.subject
"""


class RegisterSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a person said of a register. `service_until` is the first day that is not paid for.

    `calendar` is written as `alerts.calendar` reads it.
    """

    registration_number: str
    customer_inn: str | None = None
    serial: str | None = None
    name: str | None = None
    place: str | None = None
    timezone: str | None = None
    service_until: date | None = None
    calendar: str | None = None
    watch_unsold: bool = False
    removed_at: datetime | None = None


class RegisterRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One register, or an FN whose register is not known. `customer_inn` is that of its owner, if it is a customer.

    `settings` are empty for a register known from its documents only. `state` None: it cannot be read.
    """

    watch: str
    customer_inn: str | None
    settings: RegisterSettings | None
    state: State | None


class RegisterExists(OfdGatewayError):
    """Somebody described this register already."""

    def __init__(self, registration_number: str) -> None:
        super().__init__(
            f"касса {registration_number} уже добавлена, измените её: registers set / this register was added before"
        )


class RegisterUnknown(OfdGatewayError):
    """There is no such register: nobody described it and no document named it."""

    def __init__(self, registration_number: str) -> None:
        super().__init__(f"кассы {registration_number} нет, добавьте её: registers add / no such register")


class RegisterBook:
    """The registers in the database. Changes reach a running gateway within two seconds."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, settings: RegisterSettings, directory: Directory, now: datetime) -> None:
        """Describes a register, be it known from documents or not; one that was removed comes back.

        Raises RegisterExists, CustomerUnknown.
        """
        async with self._database.reading() as connection, connection.transaction():
            known = await _settings(connection, settings.registration_number)
            if known is not None and known.removed_at is None:
                raise RegisterExists(settings.registration_number)
            await self._write(connection, settings, directory, now)

    async def change(
        self, registration_number: str, changes: dict[str, Any], directory: Directory, now: datetime
    ) -> None:
        """Changes these settings and leaves the others. Raises RegisterUnknown, CustomerUnknown."""
        async with self._database.reading() as connection, connection.transaction():
            known = await _settings(connection, registration_number)
            if known is None:
                watch = "SELECT 1 FROM watches WHERE subject = $1"
                if await connection.fetchval(watch, key_of_register(registration_number)) is None:
                    raise RegisterUnknown(registration_number)
                known = RegisterSettings(registration_number=registration_number)
            await self._write(connection, msgspec.structs.replace(known, **changes), directory, now)

    async def get(self, registration_number: str) -> RegisterRecord | None:
        """One register."""
        async for record in self._records([key_of_register(registration_number)], None):
            return record
        return None

    async def list(self, *, customer_inn: str | None = None) -> AsyncIterator[RegisterRecord]:
        """All registers, or those of one customer, by registration number; FNs without a register come first."""
        async for record in self._records(None, customer_inn):
            yield record

    async def page(self, *, customer_inn: str | None, after: str, limit: int) -> builtins.list[RegisterRecord]:
        """The first registers in the same order whose watch comes after that one; fewer than `limit` are all."""
        async with self._database.reading() as connection:
            rows = await connection.fetch(f"{_LIST} LIMIT $4", None, customer_inn, after, limit)
        return [_record(row) for row in rows]

    async def _records(
        self, watches: builtins.list[str] | None, customer_inn: str | None
    ) -> AsyncIterator[RegisterRecord]:
        async with self._database.reading() as connection, connection.transaction(readonly=True):
            async for row in connection.cursor(_LIST, watches, customer_inn, "", prefetch=_PREFETCH):
                yield _record(row)

    async def _write(
        self, connection: Connection, settings: RegisterSettings, directory: Directory, now: datetime
    ) -> None:
        if settings.customer_inn is not None:
            await require_customer(connection, settings.customer_inn)
        await connection.execute(_WRITE, *msgspec.structs.astuple(settings), now)
        watches = WatchTransaction(connection, directory)
        key = key_of_register(settings.registration_number)
        await watches.lock({key})
        _note(watches, key, settings, now)
        await watches.write(now)


async def pay_anew(connection: Connection, directory: Directory, customer_inn: str, now: datetime) -> None:
    """Reckons the paid terms of a customer's registers again, inside the caller's transaction: its zone may be another.

    A term ends with the midnight that begins its date where the register stands.
    """
    rows = await connection.fetch(_BY_OWNERS_ZONE, customer_inn)
    if not rows:
        return
    known = {key_of_register(row["registration_number"]): RegisterSettings(**dict(row)) for row in rows}
    watches = WatchTransaction(connection, directory)
    await watches.lock(set(known))
    for key, settings in known.items():
        _note(watches, key, settings, now)
    await watches.write(now)


async def release(connection: Connection, watches: WatchTransaction, customer_inn: str, now: datetime) -> None:
    """Takes a customer's registers away from it, inside the caller's transaction, and has the gateway judge them anew.

    What stays to it is what its own documents say. The rows of `watches` are locked and written here.
    """
    rows = await connection.fetch(_RELEASE, customer_inn, now)
    given = {key_of_register(row["registration_number"]): RegisterSettings(**dict(row)) for row in rows}
    await watches.lock(set(given), if_there={key_of_customer(customer_inn)})
    for key, settings in given.items():
        _note(watches, key, settings, now)
    await watches.write(now)


def configured(settings: RegisterSettings, now: datetime) -> RegisterConfigured | RegisterRemoved:
    """What the settings mean for the rules, but for the paid term."""
    if settings.removed_at is not None:
        return RegisterRemoved(at=now)
    return RegisterConfigured(
        at=now,
        customer=settings.customer_inn,
        timezone=settings.timezone,
        calendar=parse_calendar(settings.calendar) if settings.calendar else None,
        watch_unsold=settings.watch_unsold,
    )


def paid(settings: RegisterSettings, timezone: str, now: datetime) -> ServicePaid:
    """The paid term as the rules want it; `timezone` is that of registers without their own."""
    if settings.service_until is None:
        return ServicePaid(at=now, paid_until=None)
    return ServicePaid(at=now, paid_until=start_of_day(settings.service_until, zone(settings.timezone or timezone)))


def _note(watches: WatchTransaction, key: str, settings: RegisterSettings, now: datetime) -> None:
    watches.note(key, configured(settings, now), now)
    if settings.removed_at is None:
        watches.note(key, paid(settings, watches.parameters(key).timezone, now), now)


async def _settings(connection: Connection, registration_number: str) -> RegisterSettings | None:
    row = await connection.fetchrow(_SETTINGS, registration_number)
    return None if row is None else RegisterSettings(**dict(row))


def _record(row: Any) -> RegisterRecord:
    try:
        state = decode_state(row["state"]) if row["state"] else None
    except StateUnreadable:
        state = None
    settings = None
    if row["registration_number"] is not None:
        settings = RegisterSettings(**{name: row[name] for name in RegisterSettings.__struct_fields__})
    return RegisterRecord(
        watch=row["watch"],
        customer_inn=row["owner_inn"] if row["is_owned"] else None,
        settings=settings,
        state=state,
    )
