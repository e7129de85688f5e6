"""The outbox of the leg to the tax service (ФНС): lines of FNs, each in the hands of one sender at a time.

A sender holds the lines it works on by advisory locks of its session, so that they are free at the moment it dies,
whatever any clock says, and nothing that the database cleans up has to wait for it meanwhile.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ofd_gateway.dispatch import Line, QueuedDocument
from ofd_gateway.storage.fns_watches import concerned_fns, hold_watch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from datetime import datetime, timedelta

    from ofd_gateway.dispatch import Pause, Settlement, Trouble
    from ofd_gateway.storage.database import Database
    from ofd_gateway.storage.migrations import Connection
    from ofd_gateway.storage.watches import OnWatched, RuleBook

__all__ = ["FnsOutbox", "TakenLines"]

_LINES: Final = 0x0FD_F115
_PROBE: Final = 0x0FD_F116
"""Classes of advisory locks: a line, whose second number is a hash of its FN, and the attempt at a silent endpoint."""

_PROBE_DOCUMENTS: Final = 5
_MOST_BYTES: Final = 1 << 20
"""Containers of one request; their JSON is about four times as long."""
_PARTS: Final = 4
"""No FN gets more than this part of a request, so that one long line does not hold up the others."""

_ENDPOINT: Final = "SELECT failing_since, next_attempt_at FROM fns_endpoint"
_HOLD_PROBE: Final = "SELECT pg_try_advisory_lock($1, 0)"
# One step from each FN to the next: the queue of an FN may be long, the number of FNs in it is what counts.
_TAKE: Final = """
WITH RECURSIVE waiting (fn) AS (
    (SELECT fn FROM fns_queue WHERE fn > $1 ORDER BY fn LIMIT 1)
    UNION ALL
    SELECT (SELECT q.fn FROM fns_queue AS q WHERE q.fn > waiting.fn ORDER BY q.fn LIMIT 1)
    FROM waiting WHERE waiting.fn IS NOT NULL
), free AS MATERIALIZED (
    SELECT fn FROM waiting
    WHERE fn IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM fns_lines AS l
        WHERE l.fn = waiting.fn AND l.next_attempt_at > $2 AND l.next_attempt_at <= $2 + $3::interval
    )
    LIMIT $4
), counted AS MATERIALIZED (
    SELECT free.fn, sum(held.documents) OVER (ORDER BY free.fn) - held.documents AS before
    FROM free CROSS JOIN LATERAL (
        SELECT count(*) AS documents FROM (SELECT FROM fns_queue AS q WHERE q.fn = free.fn LIMIT $5) AS first_ones
    ) AS held
), wanted AS MATERIALIZED (
    SELECT fn FROM counted WHERE before < $4 ORDER BY fn
)
SELECT fn, pg_try_advisory_lock($6, hashtext(fn)) AS is_ours FROM wanted
"""
# Read after the lines are held: whoever had them before may just have been answered, or have met with silence.
_READ: Final = """
SELECT f.fn, q.generation, q.fd, q.attempts, d.document_code, d.ffd, d.received_at, d.container,
       l.failures, l.failing_since, l.is_told, l.generation = q.generation AND l.fd = q.fd AS is_known,
       q.attempts > 0 AND EXISTS (SELECT 1 FROM fns_pace WHERE at > q.first_sent_at) AS is_suspect,
       (SELECT failing_since FROM fns_endpoint) AS silent_since
FROM unnest($1::text[]) WITH ORDINALITY AS f (fn, place)
CROSS JOIN LATERAL (
    SELECT generation, fd, attempts, first_sent_at FROM fns_queue WHERE fn = f.fn ORDER BY generation, fd LIMIT $2
) AS q
LEFT JOIN LATERAL (
    SELECT document_code, ffd, received_at, container FROM documents
    WHERE fn = f.fn AND generation = q.generation AND fd = q.fd LIMIT 1
) AS d ON true
LEFT JOIN fns_lines AS l ON l.fn = f.fn
ORDER BY f.place, q.generation, q.fd
"""
# The places of the rows are looked up one by one: a join would be planned to read the whole queue.
_PLACES: Final = """
ARRAY(
    SELECT q.place FROM o CROSS JOIN LATERAL (
        SELECT ctid AS place FROM fns_queue WHERE fn = o.fn AND generation = o.generation AND fd = o.fd LIMIT 1
    ) AS q
)
"""
_KEYS: Final = "o AS MATERIALIZED (SELECT * FROM unnest($1::text[], $2::int[], $3::bigint[]) AS k (fn, generation, fd))"
_FORGET: Final = f"WITH {_KEYS} DELETE FROM fns_queue WHERE ctid = ANY({_PLACES})"  # noqa: S608  constants
_DECIDE: Final = f"""
WITH o AS MATERIALIZED (
    SELECT * FROM unnest($1::text[], $2::int[], $3::bigint[], $4::int[], $5::text[], $6::text[], $7::timestamptz[])
        AS k (fn, generation, fd, code, status, text, received_at)
), gone AS (
    DELETE FROM fns_queue WHERE ctid = ANY({_PLACES}) RETURNING fn, generation, fd, attempts, first_sent_at
)
INSERT INTO fns_answers AS a (fn, generation, fd, code, status, text, received_at, attempts, first_sent_at, decided_at)
SELECT fn, generation, fd, code, status, text, received_at, attempts + 1, coalesce(first_sent_at, $8), $9
FROM gone JOIN o USING (fn, generation, fd)
ON CONFLICT (fn, generation, fd) DO UPDATE SET
    code = excluded.code, status = excluded.status, text = excluded.text,
    attempts = a.attempts + excluded.attempts, decided_at = excluded.decided_at
"""  # noqa: S608  constants
_PACE: Final = "INSERT INTO fns_pace (at, documents) VALUES ($1, $2)"
_LINES_GO_ON: Final = """
DELETE FROM fns_lines USING unnest($1::text[], $2::int[], $3::bigint[]) AS o (fn, generation, fd)
WHERE fns_lines.fn = o.fn AND fns_lines.generation = o.generation AND fns_lines.fd = o.fd
"""
_PAUSE: Final = """
INSERT INTO fns_lines (fn, generation, fd, failures, failing_since, next_attempt_at, trouble, is_told)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (fn) DO UPDATE SET
    generation = excluded.generation, fd = excluded.fd, failures = excluded.failures,
    failing_since = excluded.failing_since, next_attempt_at = excluded.next_attempt_at, trouble = excluded.trouble,
    is_told = excluded.is_told
"""
_ATTEMPTED: Final = f"""
WITH {_KEYS}
UPDATE fns_queue SET attempts = attempts + 1, first_sent_at = coalesce(first_sent_at, $4), last_error = $5
WHERE ctid = ANY({_PLACES})
"""  # noqa: S608  constants


class TakenLines:
    """Lines that nobody else sends as long as this is open. `is_probe`: the endpoint was silent the last time."""

    def __init__(
        self,
        connection: Connection,
        lines: tuple[Line, ...],
        *,
        is_probe: bool,
        rules: RuleBook,
        on_watched: OnWatched,
    ) -> None:
        self._connection = connection
        self._rules = rules
        self._on_watched = on_watched
        self.lines = lines
        self.is_probe = is_probe

    async def record(self, settlement: Settlement, *, sent_at: datetime, now: datetime, is_noted: bool = False) -> None:
        """Writes what one exchange changed, and what it means for the alerts of an FN in the same transaction.

        `is_noted`: the attempts that brought no decision are counted already. Raises what the driver raises; the
        documents that were not recorded are sent again then.
        """
        concerned = await concerned_fns(self._connection, settlement)
        ordinary = settlement.without(concerned)
        if ordinary:
            async with self._connection.transaction():
                await self._write(ordinary, sent_at, now, is_noted=is_noted)
        for fn in concerned:
            await self._record_one(settlement.only(fn), fn, sent_at, now, is_noted=is_noted)

    async def _record_one(
        self, settlement: Settlement, fn: str, sent_at: datetime, now: datetime, *, is_noted: bool
    ) -> None:
        """One FN in a transaction of its own, which therefore waits for no second one while the intake waits for it."""
        async with self._connection.transaction():
            told = await hold_watch(self._connection, self._rules, fn)
            await self._write(settlement, sent_at, now, is_noted=is_noted)
            outcome = await told.finish(settlement, now)
        if outcome:
            self._on_watched(outcome)

    async def _write(self, settlement: Settlement, sent_at: datetime, now: datetime, *, is_noted: bool) -> None:
        connection = self._connection
        decisions = settlement.decisions
        if decisions:
            await connection.execute(
                _DECIDE,
                *_keys([decision.document for decision in decisions]),
                [decision.answer.code for decision in decisions],
                [decision.answer.status.value for decision in decisions],
                [storable(decision.answer.text) for decision in decisions],
                [decision.document.received_at for decision in decisions],
                sent_at,
                now,
            )
            await connection.execute(_PACE, now, len(decisions))
            if any(line.is_paused for line in self.lines):
                await connection.execute(_LINES_GO_ON, *_keys([decision.document for decision in decisions]))
        for pause in settlement.pauses:
            if not is_noted:
                await self.note_attempt([pause.document], pause.trouble, sent_at)
            await self._pause(pause)

    async def note_attempt(self, documents: Sequence[QueuedDocument], trouble: Trouble, sent_at: datetime) -> None:
        """Notes that these documents were sent and nobody knows whether they arrived."""
        await self._connection.execute(_ATTEMPTED, *_keys(documents), sent_at, storable(str(trouble)))

    async def _pause(self, pause: Pause) -> None:
        document, trouble = pause.document, storable(str(pause.trouble))
        await self._connection.execute(
            _PAUSE,
            document.fn,
            document.generation,
            document.fd,
            pause.failures,
            pause.failing_since,
            pause.next_attempt_at,
            trouble,
            pause.is_told,
        )


class FnsOutbox:
    """Documents that wait for the tax service, for any number of senders in any number of processes.

    Whoever sends at the same time needs so many connections of `database`, and two more. A pause longer than
    `longest_pause` was written by another clock and counts as over.
    """

    def __init__(
        self, database: Database, rules: RuleBook, on_watched: OnWatched, *, batch: int, longest_pause: timedelta
    ) -> None:
        self._database = database
        self._rules = rules
        self._on_watched = on_watched
        self._batch = batch
        self._longest_pause = longest_pause
        self._after = ""

    @asynccontextmanager
    async def take(self, now: datetime) -> AsyncIterator[TakenLines | None]:
        """Lines that are due and that nobody else has, for the length of an `async with`; None when there are none.

        FNs take turns. While the endpoint is silent one sender at a time gets a few documents, when an attempt is due.

        Raises:
            DatabaseUnavailable: nobody knows whether the last record was written; the documents may be sent again.
        """
        async with self._database.reading() as connection:
            is_probe = await self._is_silent(connection, now)
            lines: tuple[Line, ...] = ()
            if is_probe is not None:
                lines = await self._lines(connection, now, is_probe=is_probe)
            if not lines:
                yield None
                return
            yield TakenLines(connection, lines, is_probe=bool(is_probe), rules=self._rules, on_watched=self._on_watched)

    async def _is_silent(self, connection: Connection, now: datetime) -> bool | None:
        """False while the endpoint answers, True when it is this sender's to try again, None when it is not."""
        is_due = await self._is_due(connection, now)
        if not is_due:
            return is_due
        if not await connection.fetchval(_HOLD_PROBE, _PROBE):
            return None
        return await self._is_due(connection, now)

    async def _is_due(self, connection: Connection, now: datetime) -> bool | None:
        """False while the endpoint answers, else True when its pause is over, None before."""
        failing_since, next_attempt_at = await connection.fetchrow(_ENDPOINT) or (None, None)
        if failing_since is None:
            return False
        is_paused = next_attempt_at is not None and now < next_attempt_at <= now + self._longest_pause
        return None if is_paused else True

    async def _lines(self, connection: Connection, now: datetime, *, is_probe: bool) -> tuple[Line, ...]:
        most = _PROBE_DOCUMENTS if is_probe else self._batch
        for_one = 1 if is_probe else max(most // _PARTS, 1)
        is_last_round = not self._after
        while True:
            rows = await connection.fetch(_TAKE, self._after, now, self._longest_pause, most, for_one, _LINES)
            self._after = rows[-1]["fn"] if rows else ""
            fns = [row["fn"] for row in rows if row["is_ours"]]
            rows_of_lines = await connection.fetch(_READ, fns, for_one) if fns else []
            if rows_of_lines and rows_of_lines[0]["silent_since"] is not None and not is_probe:
                return ()
            lines = await self._made(connection, rows_of_lines, most)
            if lines or (not rows and is_last_round):
                return lines
            is_last_round = is_last_round or not rows

    @staticmethod
    async def _made(connection: Connection, rows: Sequence[Any], most: int) -> tuple[Line, ...]:
        lines: list[Line] = []
        orphans: list[tuple[str, int, int]] = []
        left, left_bytes = most, _MOST_BYTES
        for row in rows:
            if row["container"] is None:
                orphans.append((row["fn"], row["generation"], row["fd"]))
                continue
            left, left_bytes = left - 1, left_bytes - len(row["container"])
            if left < 0 or (left_bytes < 0 and lines):
                break
            document = _document(row)
            if lines and lines[-1].fn == document.fn:
                lines[-1] = msgspec.structs.replace(lines[-1], documents=(*lines[-1].documents, document))
            else:
                lines.append(_line(row, document))
        if orphans:
            await connection.execute(_FORGET, *map(list, zip(*orphans, strict=True)))
        return tuple(lines)


def storable(text: str) -> str:
    """PostgreSQL text holds no NUL."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _keys(documents: Sequence[QueuedDocument]) -> tuple[list[str], list[int], list[int]]:
    return (
        [document.fn for document in documents],
        [document.generation for document in documents],
        [document.fd for document in documents],
    )


def _document(row: Any) -> QueuedDocument:
    return QueuedDocument(
        fn=row["fn"],
        generation=row["generation"],
        fd=row["fd"],
        document_code=row["document_code"],
        ffd=row["ffd"],
        received_at=row["received_at"],
        container=row["container"],
        attempts=row["attempts"],
        is_suspect=row["is_suspect"],
    )


def _line(row: Any, head: QueuedDocument) -> Line:
    if not row["is_known"]:
        return Line(fn=head.fn, documents=(head,), is_paused=row["failures"] is not None)
    return Line(
        fn=head.fn,
        documents=(head,),
        is_paused=True,
        failures=row["failures"],
        failing_since=row["failing_since"],
        is_told=row["is_told"],
    )
