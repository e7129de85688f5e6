"""The leg to the tax service (ФНС) as people see it: how the queue stands, and documents that are to go once more."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ofd_gateway.storage.database import Database

__all__ = ["FnsArchive", "FnsStatus", "PausedLine", "ResendStatus"]

ResendStatus = Literal["unsent", "accepted", "soft_quarantine", "hard_quarantine", "refused"]
"""What the tax service said of a document by now; `unsent`: nothing, and it does not wait either."""

_RATE_OVER: Final = timedelta(minutes=1)
_MOST_LINES: Final = 20
_RESEND_TIMEOUT_S: Final = 3600.0

_STATUS: Final = """
SELECT (SELECT count(*) FROM fns_queue) AS queued, (SELECT min(queued_at) FROM fns_queue) AS oldest_queued_at,
    (SELECT coalesce(sum(documents), 0) FROM fns_pace WHERE at > $1 AND at <= $2) AS decided,
    (SELECT count(*) FROM fns_lines) AS paused,
    e.failing_since, e.failures, e.next_attempt_at, e.trouble
FROM fns_endpoint AS e
"""
_NOT_ACCEPTED: Final = """
SELECT status, count(*) AS documents FROM fns_answers WHERE status <> 'accepted' GROUP BY status ORDER BY status
"""
_PAUSED: Final = """
SELECT fn, generation, fd, failures, failing_since, next_attempt_at, trouble FROM fns_lines
ORDER BY failing_since, fn LIMIT $1
"""
_RESEND: Final = """
INSERT INTO fns_queue (fn, generation, fd, queued_at)
SELECT d.fn, d.generation, d.fd, $1 FROM documents AS d
LEFT JOIN fns_answers AS a ON a.fn = d.fn AND a.generation = d.generation AND a.fd = d.fd
WHERE ($2::text IS NULL OR d.fn = $2) AND ($3::bigint IS NULL OR d.fd = $3)
  AND ($4::timestamptz IS NULL OR d.received_at >= $4)
  AND ($5::text[] IS NULL OR coalesce(a.status, 'unsent') = ANY($5))
ON CONFLICT DO NOTHING
"""
_TRY_AT_ONCE: Final = "UPDATE fns_lines SET next_attempt_at = $1 WHERE fn = $2 AND next_attempt_at > $1"


class PausedLine(msgspec.Struct, frozen=True, kw_only=True):
    """An FN that waits because its document `fd` met with trouble."""

    fn: str
    generation: int
    fd: int
    failures: int
    failing_since: datetime
    next_attempt_at: datetime
    trouble: str


class FnsStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How the leg stands. `rate` is documents decided on per second, over the last minute.

    `failing_since` None: the endpoint answers. `lines` are the oldest of the `paused` ones. `not_accepted` counts the
    documents by status.
    """

    queued: int
    oldest_queued_at: datetime | None
    rate: float
    failing_since: datetime | None
    failures: int
    next_attempt_at: datetime | None
    trouble: str
    paused: int
    lines: tuple[PausedLine, ...]
    not_accepted: dict[str, int]


class FnsArchive:
    """Reads and refills the queue, whether a gateway runs or not. Everything raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def status(self, now: datetime) -> FnsStatus:
        """How the leg stands."""
        async with self._database.reading() as connection:
            (row,) = await connection.fetch(_STATUS, now - _RATE_OVER, now)
            counts = await connection.fetch(_NOT_ACCEPTED)
            lines = await connection.fetch(_PAUSED, _MOST_LINES)
        return FnsStatus(
            queued=row["queued"],
            oldest_queued_at=row["oldest_queued_at"],
            rate=round(row["decided"] / _RATE_OVER.total_seconds(), 2),
            failing_since=row["failing_since"],
            failures=row["failures"],
            next_attempt_at=row["next_attempt_at"],
            trouble=row["trouble"],
            paused=row["paused"],
            lines=tuple(PausedLine(**dict(line)) for line in lines),
            not_accepted={line["status"]: line["documents"] for line in counts},
        )

    async def resend(
        self,
        now: datetime,
        *,
        fn: str | None = None,
        fd: int | None = None,
        since: datetime | None = None,
        statuses: Sequence[ResendStatus] | None = None,
    ) -> int:
        """Puts documents into the queue that are not in it; how many. Their answers stay until there are newer ones.

        A pause of the FN that is named ends.
        """
        async with self._database.reading() as connection, connection.transaction():
            done = await connection.execute(
                _RESEND, now, fn, fd, since, None if statuses is None else list(statuses), timeout=_RESEND_TIMEOUT_S
            )
            if fn is not None:
                await connection.execute(_TRY_AT_ONCE, now, fn)
        return int(done.rpartition(" ")[2])
