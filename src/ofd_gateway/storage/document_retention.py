"""Stored documents whose time is over: counted, and deleted FN by FN in batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from ofd_gateway.ledger import REGISTRATION_CODES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    from ofd_gateway.storage.database import Database
    from ofd_gateway.storage.migrations import Connection

__all__ = ["DocumentRetention", "Forgettable"]

_BATCH: Final = 1000

# What stays: of an FN that goes on, the last document and the last registration report of each generation, by which it
# is recognised when it sends again or starts again; and the last of the stream, by which a restored database is.
_LASTING: Final = """
WITH own AS (
    SELECT generation, fd, document_code FROM documents
    WHERE fn = $1 AND EXISTS (SELECT FROM fn_states WHERE fn = $1 AND last_received_at >= $3)
)
SELECT generation, max(fd) AS fd FROM own GROUP BY generation
UNION
SELECT generation, max(fd) FROM own WHERE document_code = ANY ($2::smallint[]) GROUP BY generation
UNION
SELECT generation, fd FROM documents WHERE fn = $1 AND position = (SELECT max(position) FROM documents)
"""
# Besides, whatever still has to go to the tax service or to a buyer, whose messages are written from the document.
_MAY_GO: Final = """
NOT EXISTS (
    SELECT FROM unnest($2::int[], $3::bigint[]) AS l (generation, fd) WHERE l.generation = d.generation AND l.fd = d.fd
)
AND NOT EXISTS (SELECT FROM fns_queue AS q WHERE q.fn = $1 AND q.generation = d.generation AND q.fd = d.fd)
AND NOT EXISTS (SELECT FROM buyer_queue AS q WHERE q.fn = $1 AND q.generation = d.generation AND q.fd = d.fd)
AND NOT EXISTS (
    SELECT FROM buyer_messages AS m
    WHERE m.fn = $1 AND m.generation = d.generation AND m.fd = d.fd AND m.state IN ('queued', 'sending')
)
"""
_FNS: Final = "SELECT fn FROM fn_states WHERE fn > $1 AND ($2::text IS NULL OR fn = $2) ORDER BY fn LIMIT 1"
_COUNT: Final = f"""
SELECT count(*) FILTER (WHERE may_go) AS documents, count(*) FILTER (WHERE NOT may_go) AS kept,
    coalesce(sum(bytes) FILTER (WHERE may_go), 0)::bigint AS bytes
FROM (
    SELECT pg_column_size(container) AS bytes, {_MAY_GO} AS may_go
    FROM documents AS d WHERE d.fn = $1 AND d.received_at < $4
) AS old
"""  # noqa: S608  constants
_DELETE: Final = f"""
WITH gone AS (
    DELETE FROM documents AS t USING (
        SELECT d.generation, d.fd FROM documents AS d
        WHERE d.fn = $1 AND (d.generation, d.fd) > ($5, $6) AND d.received_at < $4 AND {_MAY_GO}
        ORDER BY d.generation, d.fd LIMIT $7
    ) AS old
    WHERE t.fn = $1 AND t.generation = old.generation AND t.fd = old.fd
    RETURNING t.generation, t.fd
), answers AS (
    DELETE FROM fns_answers AS a USING gone WHERE a.fn = $1 AND a.generation = gone.generation AND a.fd = gone.fd
)
SELECT generation, fd FROM gone ORDER BY generation, fd
"""  # noqa: S608  constants


class Forgettable(msgspec.Struct, frozen=True, kw_only=True):
    """How many documents of one FN are old and may go, and how many are kept all the same.

    `bytes` are those of the containers that may go, as they are stored.
    """

    fn: str
    documents: int
    kept: int
    bytes: int


class DocumentRetention:
    """Deletes documents for good. Everything raises DatabaseUnavailable.

    What is known of an FN and of its register stays: the states of checks and rules, alerts, letters and messages to
    buyers do not rest on the rows of old documents.
    """

    def __init__(self, database: Database, *, batch: int = _BATCH) -> None:
        self._database = database
        self._batch = batch

    async def count(self, before: datetime, *, fn: str | None = None) -> AsyncIterator[Forgettable]:
        """What `forget` would delete, for each FN (or this one) that has documents from before that moment."""
        last: str | None = ""
        while (last := await self._next(last, fn)) is not None:
            async with self._database.reading() as connection:
                row = await connection.fetchrow(_COUNT, last, *await _lasting(connection, last, before), before)
            if row is not None and (row["documents"] or row["kept"]):
                yield Forgettable(fn=last, **dict(row))

    async def forget(self, before: datetime, fn: str) -> int:
        """Deletes what may go of an FN's documents that arrived before that moment; how many.

        The tax service's answers to them go along. Each batch is a transaction of its own: what was deleted until
        something goes wrong is deleted.
        """
        deleted, last = 0, (-1, -1)
        async with self._database.reading() as connection:
            lasting = await _lasting(connection, fn, before)
            while rows := await connection.fetch(_DELETE, fn, *lasting, before, *last, self._batch):
                deleted += len(rows)
                last = tuple(rows[-1])
        return deleted

    async def _next(self, after: str | None, fn: str | None) -> str | None:
        async with self._database.reading() as connection:
            found: str | None = await connection.fetchval(_FNS, after, fn)
        return found


async def _lasting(connection: Connection, fn: str, before: datetime) -> tuple[list[int], list[int]]:
    rows = await connection.fetch(_LASTING, fn, sorted(REGISTRATION_CODES), before)
    return [row["generation"] for row in rows], [row["fd"] for row in rows]
