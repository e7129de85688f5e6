"""Watches whose moment has come: stepped without an event, by whichever process is first."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from ofd_gateway.storage.incidents import IncidentBook
from ofd_gateway.storage.watches import WatchTransaction

if TYPE_CHECKING:
    from ofd_gateway.alerts.incident import IncidentParameters
    from ofd_gateway.storage.database import Database
    from ofd_gateway.storage.directory import Directory
    from ofd_gateway.storage.watches import OnWatched

__all__ = ["DeadlineStore", "Looked"]

_AT_ONCE: Final = 200
_JUDGING_PAUSE: Final = timedelta(seconds=1)
_NEXT: Final = "SELECT min(next_check_at) FROM watches"


class Looked(NamedTuple):
    """How many watches were stepped, and when there is reason to look again (None: never, as things stand)."""

    stepped: int
    next_at: datetime | None


class DeadlineStore:
    """Steps what is due, some watches in one transaction, and judges incidents in the same one.

    Raises what the driver raises; nothing is lost then, because a watch stays due until it was stepped.
    """

    def __init__(
        self, database: Database, directory: Directory, incidents: IncidentParameters, on_watched: OnWatched
    ) -> None:
        self._database = database
        self._directory = directory
        self._incidents = IncidentBook(incidents)
        self._on_watched = on_watched
        self._judged_at: datetime | None = None

    async def next_at(self) -> datetime | None:
        """The earliest moment at which a watch is due."""
        async with self._database.acquire() as connection:
            at: datetime | None = await connection.fetchval(_NEXT)
            return at

    async def look(self, now: datetime) -> Looked:
        """Steps the watches that are due at `now`, as many as fit into one transaction."""
        async with self._database.acquire() as connection:
            async with connection.transaction():
                watches = WatchTransaction(connection, self._directory)
                keys = await watches.lock_due(now, _AT_ONCE)
                await self._directory.refresh(connection)
                for key in keys:
                    watches.step(key, None, now)
                outcome = await watches.write(now)
                judge_at = self._judge_at(now)
                incidents = None
                if judge_at == now:
                    incidents = await self._incidents.judge(connection, self._directory.notices, now)
                    self._judged_at = now
            next_at = await connection.fetchval(_NEXT)
        for told in (outcome, incidents):
            if told:
                self._on_watched(told)
        if judge_at > now:
            next_at = min(judge_at, next_at or judge_at)
        return Looked(stepped=len(keys), next_at=next_at)

    def _judge_at(self, now: datetime) -> datetime:
        """When to judge incidents: now, unless that was done a moment ago."""
        if self._judged_at is None or not timedelta() <= now - self._judged_at < _JUDGING_PAUSE:
            return now
        return self._judged_at + _JUDGING_PAUSE
