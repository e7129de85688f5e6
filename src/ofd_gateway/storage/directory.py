"""Thresholds of every customer, and our own down times, as they stand in the database."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog

from ofd_gateway.alerts import ParameterError, Parameters, customise
from ofd_gateway.alerts.notices import NoticeParameters
from ofd_gateway.clock import real_s
from ofd_gateway.storage.database import CONNECTION_ERRORS
from ofd_gateway.storage.service_runs import gaps

if TYPE_CHECKING:
    from datetime import datetime

    from ofd_gateway.clock import Clock
    from ofd_gateway.storage.database import Database
    from ofd_gateway.storage.migrations import Connection

__all__ = ["Directory"]

_POLL_S: Final = 1.0
_SHORTEST_POLL_S: Final = 0.05

_VERSION: Final = "SELECT version, coalesce((SELECT max(id) FROM service_runs), 0) AS run FROM directory"
_CUSTOMERS: Final = """
SELECT inn, timezone, parameters::text AS parameters FROM customers
WHERE timezone IS NOT NULL OR parameters <> '{}'::jsonb
"""
_LEFT: Final = "SELECT parameters::text AS parameters, notices::text AS notices FROM directory"
_LEAVE: Final = "UPDATE directory SET parameters = $1, notices = $2"
_REARM_ALL: Final = """
WITH changed AS (UPDATE directory SET mark = $1 WHERE mark <> $1 RETURNING mark)
UPDATE watches SET next_check_at = $2
WHERE subject IN (SELECT subject FROM watches WHERE EXISTS (SELECT 1 FROM changed) ORDER BY subject FOR UPDATE)
"""


class Directory:
    """Who is judged by which thresholds. `parameters_of` answers from memory; `refresh` and `keep_fresh` renew it."""

    def __init__(self, parameters: Parameters, notices: NoticeParameters) -> None:
        self.notices = notices
        self._configured = parameters
        self._base = parameters
        self._own: dict[str, Parameters] = {}
        self._version: tuple[int, int] | None = None
        self._log = structlog.get_logger()

    def parameters_of(self, inn: str | None) -> Parameters:
        """The thresholds for registers of that customer, or for those of nobody."""
        return self._own.get(inn, self._base) if inn is not None else self._base

    @classmethod
    async def of_gateway(cls, connection: Connection, parameters: Parameters, notices: NoticeParameters) -> Directory:
        """By the thresholds and the grouping of the gateway that started last; those given when there was none."""
        row = await connection.fetchrow(_LEFT)
        if row is not None and row["parameters"] is not None:
            with contextlib.suppress(msgspec.ValidationError):
                parameters = msgspec.json.decode(row["parameters"], type=Parameters)
                notices = msgspec.json.decode(row["notices"], type=NoticeParameters)
        directory = cls(parameters, notices)
        await directory.refresh(connection)
        return directory

    async def take_over(self, connection: Connection, now: datetime) -> None:
        """Leaves thresholds and grouping for commands; watches that were armed for others are due at once."""
        await connection.execute(
            _LEAVE, msgspec.json.encode(self._configured).decode(), msgspec.json.encode(self.notices).decode()
        )
        await connection.execute(_REARM_ALL, self._configured.mark, now)

    async def refresh(self, connection: Connection) -> None:
        """Reads the customers again if any has changed, and the down times if the service has started anew."""
        version, run = await connection.fetchrow(_VERSION) or (0, 0)
        if (version, run) == self._version:
            return
        self._base = self._configured.after_outages(await gaps(connection))
        known: dict[tuple[str | None, str], Parameters] = {}
        own: dict[str, Parameters] = {}
        for inn, timezone, overrides in await connection.fetch(_CUSTOMERS):
            key = (timezone, overrides)
            if key not in known:
                known[key] = self._customised(inn, timezone, msgspec.json.decode(overrides))
            own[inn] = known[key]
        self._own = own
        self._version = (version, run)

    async def keep_fresh(self, database: Database, clock: Clock) -> None:
        """Refreshes every second until cancelled; while the database does not answer all stays as it was."""
        poll_s = real_s(clock, _POLL_S, at_least_s=_SHORTEST_POLL_S)
        while True:
            await asyncio.sleep(poll_s)
            try:
                async with database.acquire() as connection:
                    await self.refresh(connection)
            except CONNECTION_ERRORS:
                continue

    def _customised(self, inn: str, timezone: str | None, overrides: dict[str, Any]) -> Parameters:
        """The customer's thresholds; those that this version does not understand are said once and passed over."""
        try:
            return customise(self._base, {**overrides, **({"timezone": timezone} if timezone else {})})
        except ParameterError as error:
            self._log.error("customer.parameters_unusable", customer=inn, reason=str(error))
            return self._base
