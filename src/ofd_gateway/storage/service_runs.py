"""When this service was there to listen, so that its own silence is not taken for a register's."""

from __future__ import annotations

import asyncio
import os
import socket
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog

from ofd_gateway import __version__
from ofd_gateway.alerts import DownTime
from ofd_gateway.clock import real_s
from ofd_gateway.storage.clock_steps import make_due_after_step_back
from ofd_gateway.storage.database import CONNECTION_ERRORS

if TYPE_CHECKING:
    from datetime import datetime

    from ofd_gateway.clock import Clock
    from ofd_gateway.storage.database import Database
    from ofd_gateway.storage.migrations import Connection

__all__ = ["ServiceRuns", "gaps"]

_BEAT_S: Final = 5.0
_SHORTEST_BEAT_S: Final = 0.25
_SHORTEST_GAP: Final = timedelta(seconds=1)
_LONGEST_PAUSE: Final = timedelta(seconds=30)
_BEAT: Final = """
UPDATE service_runs SET last_seen_at = $2 WHERE id = $1 AND last_seen_at >= $3 RETURNING true
"""
_LAST_SEEN: Final = "SELECT max(last_seen_at) FROM service_runs"
_SEEN_EARLIER: Final = """
UPDATE service_runs SET last_seen_at = $2, started_at = least(started_at, $2) WHERE id = $1
"""
_RUNS: Final = """
SELECT started_at, coalesce(stopped_at, last_seen_at) AS ended_at FROM service_runs
WHERE coalesce(stopped_at, last_seen_at) > (SELECT max(last_seen_at) - interval '62 days' FROM service_runs)
ORDER BY started_at
"""


class ServiceRuns:
    """The record of the present run: begun, last seen, stopped."""

    def __init__(self, database: Database, *, beat_s: float = _BEAT_S) -> None:
        self._database = database
        self._beat_s = beat_s
        self._id: int | None = None
        self._seen_at: datetime | None = None
        self._log = structlog.get_logger()

    async def start(self, now: datetime) -> None:
        """Begins a run. When the last one was seen later than now, the clock has been set back meanwhile."""
        async with self._database.acquire() as connection:
            seen_at: datetime | None = await connection.fetchval(_LAST_SEEN)
            if seen_at is not None and seen_at - now > _LONGEST_PAUSE:
                await self._step_back(connection, seen_at, now)
            self._id = await connection.fetchval(
                "INSERT INTO service_runs (host, pid, version, started_at, last_seen_at) VALUES ($1, $2, $3, $4, $4) "
                "RETURNING id",
                socket.gethostname(),
                os.getpid(),
                __version__,
                now,
            )
        self._seen_at = now

    async def beat(self, clock: Clock) -> None:
        """Notes every few seconds that the run goes on; until cancelled. An unreachable database is met again later.

        After half a minute in which nothing could be noted, nothing could be stored either: a new run begins. Under a
        fast clock both spans are longer on that clock, because in real time they are not endlessly short. A new run
        also begins when the clock was set back; the present one then ends now, and not in times that are yet to come.
        """
        beat_s = real_s(clock, self._beat_s, at_least_s=_SHORTEST_BEAT_S)
        longest_pause = _LONGEST_PAUSE * (beat_s / real_s(clock, self._beat_s))
        is_told = False
        while True:
            await asyncio.sleep(beat_s)
            try:
                now = clock.now()
                async with self._database.acquire() as connection:
                    if self._seen_at is not None and now < self._seen_at:
                        await self._step_back(connection, self._seen_at, now)
                        await connection.execute(_SEEN_EARLIER, self._id, now)
                        goes_on = False
                    else:
                        goes_on = await connection.fetchval(_BEAT, self._id, now, now - longest_pause)
                if not goes_on:
                    await self.start(now)
                self._seen_at = now
            except CONNECTION_ERRORS as error:
                if not is_told:
                    self._log.warning("service_run.unrecorded", reason=str(error))
                is_told = True
            else:
                is_told = False

    async def stop(self, now: datetime) -> None:
        """Ends the run; a database that is gone keeps the last beat instead."""
        try:
            async with self._database.acquire() as connection:
                await connection.execute(
                    "UPDATE service_runs SET last_seen_at = $2, stopped_at = $2 WHERE id = $1", self._id, now
                )
        except CONNECTION_ERRORS as error:
            self._log.warning("service_run.unrecorded", reason=str(error))

    async def _step_back(self, connection: Connection, seen_at: datetime, now: datetime) -> None:
        await make_due_after_step_back(connection, now)
        self._log.warning("clock.stepped_back", seconds=round((seen_at - now).total_seconds(), 1))


async def gaps(connection: Connection) -> tuple[DownTime, ...]:
    """The times of the two months before the last beat in which no gateway on this database was there to listen.

    Before the first run there was nothing to miss. The time since the last beat of all is not over yet.
    """
    found: list[DownTime] = []
    seen_until: datetime | None = None
    for row in await connection.fetch(_RUNS):
        if seen_until is not None and row["started_at"] - seen_until > _SHORTEST_GAP:
            found.append(DownTime(started_at=seen_until, ended_at=row["started_at"]))
        seen_until = row["ended_at"] if seen_until is None else max(seen_until, row["ended_at"])
    return tuple(found)
