"""Letters that have been kept for long enough: forgotten with their attempts, never one that may still go out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

    from ofd_gateway.storage.database import Database

__all__ = ["LetterErasure"]

_BATCH: Final = 500
_OLD: Final = """
SELECT id FROM letters WHERE state <> 'queued' AND ended_at < $1 ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED
"""
_FORGET_ATTEMPTS: Final = "DELETE FROM letter_attempts WHERE letter_id = ANY ($1::bigint[])"
_FORGET_ALERTS: Final = "DELETE FROM letter_alerts WHERE letter_id = ANY ($1::bigint[])"
_FORGET: Final = "DELETE FROM letters WHERE id = ANY ($1::bigint[])"


class LetterErasure:
    """Forgets letters that ended. What a recipient was last told of an alert stays known."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def older_than(self, before: datetime, now: datetime) -> int:
        """Forgets the letters that ended before a moment, in batches; how many. Raises DatabaseUnavailable."""
        forgotten = 0
        while True:
            async with self._database.reading() as connection, connection.transaction():
                ids = [row["id"] for row in await connection.fetch(_OLD, before, _BATCH)]
                await connection.execute(_FORGET_ATTEMPTS, ids)
                await connection.execute(_FORGET_ALERTS, ids)
                await connection.execute(_FORGET, ids)
            forgotten += len(ids)
            if len(ids) < _BATCH:
                return forgotten
