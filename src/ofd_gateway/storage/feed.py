"""The stream of stored documents: what was committed between two moments, without gaps and without doubles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ofd_gateway.storage.document_queries import COLUMNS, with_standing
from ofd_gateway.storage.documents import DocumentRecord
from ofd_gateway.storage.errors import SchemaMismatch
from ofd_gateway.storage.feed_cursor import Cursor, CursorUnreadable, FeedKey, Horizon

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ofd_gateway.storage.database import Database
    from ofd_gateway.storage.migrations import Connection

__all__ = ["BEGINNING", "Feed"]

BEGINNING: Final = Cursor(Horizon(1, 0))
"""Before the first document that has a position."""

_LOCK_KEY: Final = 0x0FD_FEED
_HORIZON: Final = """
SELECT era, base, pg_current_snapshot()::text AS snapshot FROM feed_eras ORDER BY era DESC LIMIT 1
"""
_NEXT_ERA: Final = "SELECT min(base) AS base, max(era) AS era FROM feed_eras WHERE era > $1"
_BETWEEN: Final = """
WHERE position >= $1 AND position < $2 AND position <> ALL($3::bigint[])
  AND (position >= $4 OR position = ANY($5::bigint[]))
"""
_IN_ORDER: Final = "d.position, d.fn, d.generation, d.fd"
_PAGE: Final = with_standing(
    f"""
{COLUMNS.replace("FROM documents", ", position FROM documents")} {_BETWEEN}
  AND ($6::text IS NULL OR fn = $6) AND (position, fn, generation, fd) > ($7, $8, $9, $10)
ORDER BY position, fn, generation, fd LIMIT $11
""",
    _IN_ORDER,
)
# One FN far behind: by its own key, and only the page's containers are read. Going by position reads everybody's.
_PAGE_OF_FN: Final = with_standing(
    f"""
WITH own AS MATERIALIZED (
    SELECT position, generation, fd FROM documents {_BETWEEN} AND fn = $6
), page AS MATERIALIZED (
    SELECT * FROM own WHERE (position, generation, fd) > ($7, $9, $10) AND $8::text IS NOT NULL
    ORDER BY position, generation, fd LIMIT $11
)
{
        COLUMNS.replace("SELECT fn, generation, fd,", "SELECT d.fn, d.generation, d.fd,").replace(
            "FROM documents", ", d.position FROM page JOIN documents AS d USING (generation, fd)"
        )
    } WHERE d.fn = $6
""",  # noqa: S608  constants
    _IN_ORDER,
)
_FAR_BEHIND: Final = 5_000
"""Transactions between two horizons from which on an FN's documents are found by their own key."""
_KEYS: Final = f"SELECT DISTINCT fn, fd FROM documents {_BETWEEN}"  # noqa: S608  constants
_NO_KEY: Final = FeedKey(-1, "", 0, 0)
_LAST_POSITION: Final = "SELECT coalesce(max(position), 0) FROM documents"
_CLOCK: Final = """
SELECT era, base, server, pg_current_xact_id()::text::bigint AS number FROM feed_eras ORDER BY era DESC LIMIT 1
"""
_MAY_KNOW_SERVER: Final = "SELECT has_function_privilege('pg_control_system()', 'execute')"
_SERVER: Final = """
SELECT system_identifier::text || '/' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) FROM pg_control_system()
"""


class Feed:
    """Reads documents in the order of their positions. Everything raises `DatabaseUnavailable` when it cannot."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self) -> bool:
        """To be called before documents are stored: whether positions had to be lifted, and an era began.

        Another server, or the same one set back in time, counts its transactions anew: it would give new documents
        positions that old ones have, or that readers have behind them. From then on the numbers are counted from beyond
        the last position.
        """
        async with self._database.reading() as connection, connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK_KEY)
            server = await connection.fetchval(_SERVER) if await connection.fetchval(_MAY_KNOW_SERVER) else ""
            last = await connection.fetchval(_LAST_POSITION)
            clock = await _latest_era(connection, _CLOCK)
            is_known = clock["server"] in ("", server)
            if is_known and last < clock["base"] + clock["number"]:
                await connection.execute("UPDATE feed_eras SET server = $2 WHERE era = $1", clock["era"], server)
                return False
            base = last + 1
            await connection.execute(
                "INSERT INTO feed_eras (era, base, server) VALUES ($1, $2, $3)", clock["era"] + 1, base, server
            )
            await connection.execute(
                "ALTER TABLE documents ALTER COLUMN position "
                f"SET DEFAULT (pg_current_xact_id()::text::bigint + {int(base)})"
            )
            return True

    async def horizon(self) -> Horizon:
        """What has ended by now."""
        async with self._database.reading() as connection:
            era, base, snapshot = await _latest_era(connection, _HORIZON)
        _, following, running = snapshot.split(":")
        return Horizon(era, base + int(following), tuple(base + int(number) for number in running.split(",") if number))

    async def page(
        self, seen: Horizon, upto: Horizon, *, after: FeedKey | None, fn: str | None, limit: int
    ) -> list[tuple[FeedKey, DocumentRecord]]:
        """The first documents between two horizons, beyond `after`; fewer than `limit` are all.

        Raises:
            CursorUnreadable: a horizon is of no era of this database.
        """
        bounds = await self._bounds(seen, upto)
        async with self._database.reading() as connection:
            is_far_behind = fn is not None and bounds[1] - bounds[0] > _FAR_BEHIND
            query = _PAGE_OF_FN if is_far_behind else _PAGE
            rows = await connection.fetch(query, *bounds, fn, *(after or _NO_KEY), limit)
        return [_placed(row) for row in rows]

    async def keys(self, seen: Horizon, upto: Horizon) -> Sequence[tuple[str, int]]:
        """FN and FD number of all documents between two horizons."""
        bounds = await self._bounds(seen, upto)
        async with self._database.reading() as connection:
            return [(row["fn"], row["fd"]) for row in await connection.fetch(_KEYS, *bounds)]

    async def _bounds(self, seen: Horizon, upto: Horizon) -> tuple[Any, ...]:
        """Lowest position, the first too high, those left out, the first of the new, old ones that were running."""
        following = seen.next
        if seen.era != upto.era:
            async with self._database.reading() as connection:
                row = await connection.fetchrow(_NEXT_ERA, seen.era)
            if row is None or row["era"] is None or seen.era > upto.era:
                raise CursorUnreadable("the cursor is of another database, or of the time after a restored dump")
            following = min(following, row["base"])
        lowest = min(following, seen.lowest_open)
        return lowest, upto.next, list(upto.running), following, list(seen.running)


async def _latest_era(connection: Connection, query: str) -> Any:
    row = await connection.fetchrow(query)
    if row is None:
        raise SchemaMismatch("the table feed_eras is empty; the migration 0004_faults.sql has filled it")
    return row


def _placed(row: Any) -> tuple[FeedKey, DocumentRecord]:
    values = dict(row)
    record = DocumentRecord(**{name: values[name] for name in DocumentRecord.__struct_fields__ if name in values})
    return FeedKey(values["position"], record.fn, record.generation, record.fd), record
