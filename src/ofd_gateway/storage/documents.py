"""Documents: stored by the intake's transaction, read by everything else."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from ofd_gateway.storage import document_queries as queries
from ofd_gateway.storage.commit import NO_OUTBOXES, CommitConnection, Outboxes

if TYPE_CHECKING:
    import builtins
    from collections.abc import AsyncGenerator, Sequence

    from ofd_gateway.ledger import Arrival, BatchDecision, Ledger, QuarantineRow
    from ofd_gateway.storage.commit import Watching
    from ofd_gateway.storage.database import Database
    from ofd_gateway.storage.document_queries import FnsFilter

__all__ = ["ArrivalKey", "DocumentRecord", "DocumentStore", "QuarantineRecord"]

_STATEMENT_TIMEOUT_S: Final = 10.0
_PREFETCH: Final = 500

_IS_KNOWN: Final = """
SELECT EXISTS (SELECT 1 FROM fn_states WHERE fn = $1)
    OR EXISTS (SELECT 1 FROM fn_states WHERE registration_number = $2)
    OR EXISTS (SELECT 1 FROM registers WHERE registration_number = $2 AND removed_at IS NULL)
"""
_LIST_QUARANTINE: Final = """
SELECT id, fn, fd, reason, detail, received_at, peer, connection_id, raw FROM quarantine
WHERE ($1::text IS NULL OR fn = $1) AND ($2::timestamptz IS NULL OR received_at >= $2)
  AND ($3::bigint IS NULL OR id = $3)
ORDER BY received_at DESC, id DESC LIMIT $4
"""


class DocumentRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A stored document as readers want it; `violations` is the JSON list that the checks gave, or None.

    `fns` is how it stands with the tax service, None: it does not wait and was never answered, or nobody asked.
    `fns_text` is what the tax service said of it or, while it waits, the trouble of the last attempt.
    """

    fn: str
    generation: int
    fd: int
    document_code: int
    ffd: str
    response_code: int
    operator_message: int
    received_at: datetime
    issued_at_local: datetime | None
    registration_number: str | None
    user_inn: str | None
    shift_number: int | None
    receipt_number: int | None
    total_kopecks: int | None
    fiscal_sign: int | None
    peer: str
    session_version: bytes
    message_sign: bytes
    operator_sign: bytes
    trailer: bytes
    violations: str | None
    container: bytes
    fns: str | None = None
    fns_code: int | None = None
    fns_text: str = ""
    fns_at: datetime | None = None
    fns_attempts: int | None = None


class QuarantineRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A message that was not accepted; `fn` is empty when no header was readable."""

    id: int
    fn: str
    fd: int | None
    reason: str
    detail: str
    received_at: datetime
    peer: str
    connection_id: str
    raw: bytes


class ArrivalKey(NamedTuple):
    """The place of a document among all in the order of arrival."""

    received_at: datetime
    fn: str
    generation: int
    fd: int


class DocumentStore:
    """Writes through two connections of its own (documents, quarantine), reads through the pool.

    What reads raises `DatabaseUnavailable` when the database does not answer.
    """

    def __init__(
        self,
        database: Database,
        *,
        statement_timeout_s: float = _STATEMENT_TIMEOUT_S,
        watching: Watching | None = None,
        outboxes: Outboxes = NO_OUTBOXES,
    ) -> None:
        self._database = database
        self._commits = CommitConnection(
            database.dsn, timeout_s=statement_timeout_s, watching=watching, outboxes=outboxes
        )
        self._quarantines = CommitConnection(database.dsn, timeout_s=statement_timeout_s)

    async def close(self) -> None:
        """Closes both writing connections."""
        await self._commits.close()
        await self._quarantines.close()

    async def commit(self, arrivals: Sequence[Arrival], ledger: Ledger, now: datetime) -> BatchDecision:
        """Everything of one batch in one transaction; raises `StoreFailed`."""
        return await self._commits.commit(arrivals, ledger, now)

    async def quarantine(self, rows: Sequence[QuarantineRow]) -> None:
        """Stores messages that were not accepted; raises `StoreFailed`."""
        await self._quarantines.quarantine(rows)

    async def probe(self) -> None:
        """Returns when documents could be stored now; raises `StoreFailed`, and nothing is stored."""
        await self._commits.probe()

    async def is_known(self, fn: str, registration_number: str | None) -> bool:
        """Whether this FN, or the register that its document names, has been here before."""
        async with self._database.reading() as connection:
            return bool(await connection.fetchval(_IS_KNOWN, fn, registration_number))

    async def list(
        self,
        *,
        fn: str | None = None,
        codes: Sequence[int] | None = None,
        since: datetime | None = None,
        fns: FnsFilter | None = None,
        limit: int = 100,
    ) -> AsyncGenerator[DocumentRecord, None]:
        """Documents in the order of arrival; with a limit the latest of them, 0 for all."""
        filters: list[Any] = [fn, None if codes is None else list(codes), since]
        latest, everything = queries.LIST_LATEST, queries.LIST_ALL
        async with self._database.reading() as connection, connection.transaction(readonly=True):
            if fns is not None:
                filters.append(fns)
                is_many = fns == "queued" and await connection.fetchval(queries.ARE_MANY_QUEUED)
                latest, everything = queries.standing(fns, is_many=bool(is_many))
            if limit:
                for row in reversed(await connection.fetch(latest, *filters, limit)):
                    yield DocumentRecord(**dict(row))
                return
            async for row in connection.cursor(everything, *filters, prefetch=_PREFETCH):
                yield DocumentRecord(**dict(row))

    async def page(
        self, *, fn: str | None, codes: Sequence[int] | None, after: ArrivalKey, limit: int
    ) -> builtins.list[DocumentRecord]:
        """The first documents after that place, in the order of arrival; fewer than `limit` are all."""
        codes = None if codes is None else list(codes)
        async with self._database.reading() as connection:
            rows = await connection.fetch(queries.PAGE, fn, codes, *after, limit)
        return [DocumentRecord(**dict(row)) for row in rows]

    async def get(self, fn: str, fd: int, generation: int | None = None) -> DocumentRecord | None:
        """One document, of the latest generation unless another is named."""
        async with self._database.reading() as connection:
            row = await connection.fetchrow(queries.GET, fn, fd, generation)
        return None if row is None else DocumentRecord(**dict(row))

    async def list_quarantine(
        self, *, fn: str | None = None, since: datetime | None = None, id_: int | None = None, limit: int = 100
    ) -> builtins.list[QuarantineRecord]:
        """Quarantined messages in the order of arrival; with a limit the latest of them, 0 for all."""
        async with self._database.reading() as connection:
            rows = await connection.fetch(_LIST_QUARANTINE, fn, since, id_, limit or None)
        return [QuarantineRecord(**dict(row)) for row in reversed(rows)]
