"""Letters for people: which there are, what became of each, and one more try."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ofd_gateway.storage.dead_addresses import revive_address

if TYPE_CHECKING:
    from collections.abc import Iterable

    import asyncpg

    from ofd_gateway.alerts.notices import NoticeParameters
    from ofd_gateway.storage.database import Database

__all__ = ["STATES", "AttemptRecord", "LetterArchive", "LetterRecord", "ToldAlert"]

STATES: Final = ("queued", "sent", "refused", "failed")

_COLUMNS: Final = """
SELECT id, recipient, address, subject, message_id, state, created_at, attempts, next_attempt_at, ended_at
FROM letters
"""
_LIST: Final = (
    _COLUMNS
    + " WHERE ($1::text IS NULL OR recipient = $1) AND ($2::text IS NULL OR state = $2) ORDER BY id DESC LIMIT $3"
)
_OF_ALERT: Final = _COLUMNS + " JOIN letter_alerts ON letter_id = id WHERE alert_id = $1 ORDER BY id"
_ATTEMPTS: Final = """
SELECT letter_id, at, outcome, code, reply FROM letter_attempts WHERE letter_id = ANY ($1::bigint[]) ORDER BY id
"""
_ALERTS: Final = """
SELECT letter_id, alert_id, letter_alerts.level, reason, rule, subject
FROM letter_alerts LEFT JOIN alerts ON alerts.id = alert_id WHERE letter_id = ANY ($1::bigint[])
ORDER BY letter_id, alert_id
"""
_RETRY: Final = """
UPDATE letters SET state = 'queued', attempts = 0, next_attempt_at = $2, ended_at = NULL
WHERE id = (SELECT id FROM letters WHERE id = $1 AND state <> 'sent' FOR UPDATE SKIP LOCKED) RETURNING address
"""


class AttemptRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt and what the mail server answered. `outcome` is sent, deferred, refused or given_up."""

    at: datetime
    outcome: str
    code: int | None
    reply: str


class ToldAlert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert in a letter; `reason` is the name of a NoticeReason. An alert that is gone has no rule."""

    alert_id: int
    level: str
    reason: str
    rule: str | None
    subject: str | None


class LetterRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A letter. One that is queued without a next attempt waits for its address to live again."""

    id: int
    recipient: str
    address: str
    subject: str
    message_id: str
    state: str
    created_at: datetime
    attempts: int
    next_attempt_at: datetime | None
    ended_at: datetime | None
    history: tuple[AttemptRecord, ...] = ()
    alerts: tuple[ToldAlert, ...] = ()

    @property
    def sent_at(self) -> datetime | None:
        """When the mail server took it."""
        return self.ended_at if self.state == "sent" else None


class LetterArchive:
    """Reads letters, and queues one again."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_letters(
        self, *, recipient: str | None = None, state: str | None = None, limit: int = 100
    ) -> list[LetterRecord]:
        """The latest letters, the oldest of them first; 0 for all. Without attempts and alerts.

        Raises:
            DatabaseUnavailable: the database cannot be read.
        """
        async with self._database.reading() as connection:
            rows = await connection.fetch(_LIST, recipient, state, limit or None)
        return [LetterRecord(**row) for row in reversed(rows)]

    async def letter(self, letter_id: int) -> tuple[LetterRecord, bytes] | None:
        """One letter whole, and its message; None when there is none."""
        async with self._database.reading() as connection:
            rows = await connection.fetch(_COLUMNS + " WHERE id = $1", letter_id)
            if not rows:
                return None
            (record,) = await _whole(connection, rows)
            message: bytes = await connection.fetchval("SELECT message FROM letters WHERE id = $1", letter_id)
            return record, message

    async def letters_of(self, alert_id: int) -> list[LetterRecord]:
        """The letters that tell of an alert, whole, in the order in which they were written."""
        async with self._database.reading() as connection:
            rows = await connection.fetch(_OF_ALERT, alert_id)
            return await _whole(connection, rows)

    async def retry(self, letter_id: int, now: datetime, notices: NoticeParameters, *, who: str) -> bool:
        """Queues a letter that is not sent for now, with all its attempts before it; its address lives again.

        False when there is no such letter, it was sent, or somebody sends it at this moment.
        """
        async with self._database.reading() as connection, connection.transaction():
            address = await connection.fetchval(_RETRY, letter_id, now)
            if address is None:
                return False
            await revive_address(connection, address, now, notices, who=who)
            return True


async def _whole(connection: Any, rows: list[asyncpg.Record]) -> list[LetterRecord]:
    ids = [row["id"] for row in rows]
    attempts = _by_letter(await connection.fetch(_ATTEMPTS, ids))
    alerts = _by_letter(await connection.fetch(_ALERTS, ids))
    return [
        LetterRecord(
            **row,
            history=tuple(AttemptRecord(**attempt) for attempt in attempts.get(row["id"], ())),
            alerts=tuple(ToldAlert(**alert) for alert in alerts.get(row["id"], ())),
        )
        for row in rows
    ]


def _by_letter(rows: Iterable[asyncpg.Record]) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        values = dict(row)
        found.setdefault(values.pop("letter_id"), []).append(values)
    return found
