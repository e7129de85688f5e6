"""The transaction of the intake: lock, look up, decide, insert, commit. The hot path of the whole service."""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import asyncpg
import msgspec

from ofd_gateway.ledger import DocumentRow, FnState, StoredDocument
from ofd_gateway.storage.database import CONNECTION_ERRORS, check_durability
from ofd_gateway.storage.errors import DatabaseUnsafe, StoreFailed
from ofd_gateway.storage.observations import likely_keys, observe
from ofd_gateway.storage.watches import WRITE_WATCHES, WatchTransaction

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable, Sequence
    from datetime import datetime

    from ofd_gateway.ledger import Arrival, BatchDecision, DocumentKey, Ledger, QuarantineRow
    from ofd_gateway.storage.watches import OnWatched, RuleBook, WatchOutcome

__all__ = ["NO_OUTBOXES", "CommitConnection", "Outboxes", "Watching"]

_CONNECT_TIMEOUT_S: Final = 3.0

_LOCK_STATES: Final = """
SELECT fn, generation, max_fd, registration_number, user_inn, last_received_at, facts, watched_alone, pending_message
FROM fn_states WHERE fn = ANY($1::text[]) ORDER BY fn FOR UPDATE
"""
# The watches that the documents name are locked along, after the FNs: generation -1 marks their rows.
_LOCK_ALL: Final = """
WITH f AS MATERIALIZED (
    SELECT fn, generation, max_fd, registration_number, user_inn, last_received_at, facts, watched_alone,
           pending_message
    FROM fn_states WHERE fn = ANY($1::text[]) ORDER BY fn FOR UPDATE
), w AS MATERIALIZED (
    SELECT subject, customer_inn, state FROM watches WHERE subject = ANY($2::text[]) ORDER BY subject FOR UPDATE
)
SELECT * FROM f
UNION ALL SELECT subject, -1, 0, customer_inn, NULL, NULL, state, false, 0 FROM w
"""
_ADD_STATES: Final = """
INSERT INTO fn_states (fn, generation, max_fd, facts)
SELECT fn, 0, 0, ''::bytea FROM unnest($1::text[]) AS missing (fn) ORDER BY fn
ON CONFLICT DO NOTHING
"""
_WRITE_STATES: Final = """
UPDATE fn_states SET
    generation = s.generation, max_fd = s.max_fd, registration_number = s.registration_number, user_inn = s.user_inn,
    last_received_at = s.last_received_at, facts = s.facts,
    watched_alone = s.watched_alone, pending_message = s.pending_message
FROM unnest($1::text[], $2::int[], $3::bigint[], $4::text[], $5::text[], $6::timestamptz[], $7::bytea[],
            $8::boolean[], $9::smallint[])
    AS s (fn, generation, max_fd, registration_number, user_inn, last_received_at, facts, watched_alone,
          pending_message)
WHERE fn_states.fn = s.fn AND fn_states.fn = ANY($1)
"""
# The limit keeps the planner from joining: it does not see that each key needs one partition only, and would read all.
_FIND_STORED: Final = """
SELECT d.*
FROM unnest($1::text[], $2::int[], $3::bigint[]) AS k (fn, generation, fd)
CROSS JOIN LATERAL (
    SELECT fn, generation, fd, container, message_sign, response_code, operator_message, operator_sign, trailer,
           received_at
    FROM documents WHERE fn = k.fn AND generation = k.generation AND fd = k.fd LIMIT 1
) AS d
ORDER BY d.generation
"""
_ADD_DOCUMENTS: Final = """
INSERT INTO documents (
    fn, generation, fd, document_code, ffd, container, message_sign, received_at, issued_at_local, session_version,
    peer, connection_id, registration_number, user_inn, shift_number, receipt_number, operation_type, total_kopecks,
    fiscal_sign, response_code, operator_message, operator_sign, trailer, violations)
SELECT r.fn, r.generation, r.fd, r.document_code, r.ffd, r.container, r.message_sign, r.received_at, r.issued_at_local,
    r.session_version, r.peer, r.connection_id, r.registration_number, r.user_inn, r.shift_number, r.receipt_number,
    r.operation_type, r.total_kopecks, r.fiscal_sign, r.response_code, r.operator_message, r.operator_sign, r.trailer,
    r.violations::jsonb
FROM unnest(
    $1::text[], $2::int[], $3::bigint[], $4::smallint[], $5::text[], $6::bytea[], $7::bytea[], $8::timestamptz[],
    $9::timestamp[], $10::bytea[], $11::text[], $12::text[], $13::text[], $14::text[], $15::bigint[], $16::bigint[],
    $17::bigint[], $18::bigint[], $19::bigint[], $20::smallint[], $21::smallint[], $22::bytea[], $23::bytea[],
    $24::text[])
    AS r (fn, generation, fd, document_code, ffd, container, message_sign, received_at, issued_at_local,
          session_version, peer, connection_id, registration_number, user_inn, shift_number, receipt_number,
          operation_type, total_kopecks, fiscal_sign, response_code, operator_message, operator_sign, trailer,
          violations)
"""
_DOCUMENT_COLUMNS: Final = 24
_STATE_COLUMNS: Final = 9
_VIOLATIONS: Final = 23
"""The place of the violations among the columns of a document."""
_QUEUE_FOR_FNS: Final = """
INSERT INTO fns_queue (fn, generation, fd, queued_at)
SELECT * FROM unnest($1::text[], $2::int[], $3::bigint[], $8::timestamptz[])
"""
_QUEUE_FOR_BUYERS: Final = """
INSERT INTO buyer_queue (fn, generation, fd, queued_at)
SELECT fn, generation, fd, received_at
FROM unnest($1::text[], $2::int[], $3::bigint[], $8::timestamptz[], $25::boolean[])
    AS r (fn, generation, fd, received_at, has_contact)
WHERE has_contact
"""
_ADD_QUARANTINED: Final = """
INSERT INTO quarantine (fn, fd, reason, detail, received_at, peer, connection_id, raw)
SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::text[],
                     $8::bytea[])
"""


def _after(count: int, statement: str) -> str:
    """The statement with its parameters numbered from beyond `count`."""
    return re.sub(r"\$(\d+)", lambda found: f"${int(found[1]) + count}", statement)


class Outboxes(NamedTuple):
    """What the transaction leaves for the outgoing legs: documents for the tax service, receipts for buyers."""

    fns: bool = False
    buyers: bool = False


NO_OUTBOXES: Final = Outboxes()


class _Statements:
    """The statements that write, for the legs that are on."""

    def __init__(self, outboxes: Outboxes) -> None:
        self.columns = _DOCUMENT_COLUMNS + outboxes.buyers
        queues = []
        if outboxes.fns:
            queues.append(f"for_fns AS ({_QUEUE_FOR_FNS})")
        if outboxes.buyers:
            queues.append(f"for_buyers AS ({_QUEUE_FOR_BUYERS})")
        self.add_documents = f"WITH {', '.join(queues)} {_ADD_DOCUMENTS}" if queues else _ADD_DOCUMENTS
        states = _after(self.columns, _WRITE_STATES)
        parts = [*queues, f"added AS ({_ADD_DOCUMENTS})", f"kept AS ({states})"]
        self.write_all = f"WITH {', '.join(parts)} {_after(self.columns + _STATE_COLUMNS, WRITE_WATCHES)}"
        """Documents, states and watches in one statement: each way to the server costs as much as a commit does."""


_QUARANTINE_TEXTS: Final = (0, 2, 3, 5, 6)
"""Columns of a quarantine row that are text: fn, reason, detail, peer, connection_id."""

_T = TypeVar("_T")

_documents_as_tuples = msgspec.structs.astuple


class Watching(NamedTuple):
    """The rules that look at each document, and who hears what they found once it is committed."""

    rules: RuleBook
    on_watched: OnWatched


class CommitConnection:
    """One connection that does nothing but the intake's transactions; it reconnects by itself.

    Without `watching` documents are stored and no rule looks at them. `outboxes` says which legs are on.
    """

    def __init__(
        self, dsn: str, *, timeout_s: float, watching: Watching | None = None, outboxes: Outboxes = NO_OUTBOXES
    ) -> None:
        self._dsn = dsn
        self._timeout_s = timeout_s
        self._watching = watching
        self._statements = _Statements(outboxes)
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._busy = asyncio.Lock()

    async def commit(self, arrivals: Sequence[Arrival], ledger: Ledger, now: datetime) -> BatchDecision:
        """Everything of one batch in one transaction; what it returns is committed.

        A cancelled caller does not cut the transaction: it runs to its end first.

        Raises:
            StoreFailed: see there what is known of the outcome.
        """
        return await _to_the_end(self._commit(arrivals, ledger, now))

    async def quarantine(self, rows: Sequence[QuarantineRow]) -> None:
        """Stores the rows in one transaction; raises `StoreFailed`."""
        await _to_the_end(self._quarantine(rows))

    async def close(self) -> None:
        """Closes the connection; a transaction in flight ends first."""
        async with self._busy:
            connection, self._connection = self._connection, None
            if connection is not None:
                with contextlib.suppress(*CONNECTION_ERRORS):
                    await connection.close(timeout=2.0)

    async def _commit(self, arrivals: Sequence[Arrival], ledger: Ledger, now: datetime) -> BatchDecision:
        async with self._busy:
            connection = await self._connected()
            sent = False
            try:
                async with asyncio.timeout(self._timeout_s):
                    await connection.execute("BEGIN")
                    watches = WatchTransaction(connection, self._watching.rules) if self._watching else None
                    states = await _lock_states(connection, arrivals, watches)
                    former = {fn: state.registration_number for fn, state in states.items()}
                    stored = await _find_stored(connection, ledger.lookups(arrivals, states), states)
                    decided = ledger.decide(arrivals, states, stored, now)
                    if watches is not None:
                        await observe(watches, decided, former, states)
                    outcome = await _write(connection, self._statements, decided, watches, now)
                    sent = True
                    answer = await connection.execute("COMMIT")
            except CONNECTION_ERRORS as error:
                await self._give_up(connection, error)
                raise _failure(error, sent=sent) from error
            except BaseException:
                self._drop(connection)
                raise
            if answer != "COMMIT":
                raise StoreFailed(f"the server answered COMMIT with {answer}", committed="no")
            if outcome and self._watching is not None:
                self._watching.on_watched(outcome)
            return decided

    async def _quarantine(self, rows: Sequence[QuarantineRow]) -> None:
        async with self._busy:
            connection = await self._connected()
            try:
                async with asyncio.timeout(self._timeout_s):
                    await _add_quarantined(connection, rows)
            except CONNECTION_ERRORS as error:
                await self._give_up(connection, error)
                raise _failure(error, sent=True) from error

    async def _connected(self) -> asyncpg.Connection[asyncpg.Record]:
        """The connection, made again after a loss; the server behind it may be another one by then."""
        if self._connection is None or self._connection.is_closed():
            connection: asyncpg.Connection[asyncpg.Record] | None = None
            try:
                async with asyncio.timeout(_CONNECT_TIMEOUT_S):
                    connection = await asyncpg.connect(
                        self._dsn, server_settings={"application_name": "ofd-gateway intake"}
                    )
                    await check_durability(connection)
            except (*CONNECTION_ERRORS, DatabaseUnsafe) as error:
                if connection is not None:
                    self._drop(connection)
                raise _failure(error, sent=False) from error
            self._connection = connection
        return self._connection

    async def _give_up(self, connection: asyncpg.Connection[asyncpg.Record], error: BaseException) -> None:
        """After an error of the server the connection is sound again once rolled back; any other one is dropped."""
        if isinstance(error, asyncpg.PostgresError) and not isinstance(error, asyncpg.PostgresConnectionError):
            try:
                async with asyncio.timeout(1.0):
                    await connection.execute("ROLLBACK")
            except CONNECTION_ERRORS:
                self._drop(connection)
            return
        self._drop(connection)

    def _drop(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        self._connection = None
        with contextlib.suppress(*CONNECTION_ERRORS):
            connection.terminate()


async def _lock_states(
    connection: asyncpg.Connection[asyncpg.Record], arrivals: Sequence[Arrival], watches: WatchTransaction | None
) -> dict[str, FnState]:
    fns = {arrival.container.fn for arrival in arrivals}
    if watches is None:
        states = _states(await connection.fetch(_LOCK_STATES, sorted(fns)))
    else:
        rows = await connection.fetch(_LOCK_ALL, sorted(fns), sorted(likely_keys(arrivals)))
        states = _states(row for row in rows if row[1] >= 0)
        watches.take([(row[0], row[3], row[6]) for row in rows if row[1] < 0])
    missing = fns - states.keys()
    if missing:
        await connection.execute(_ADD_STATES, sorted(missing))
        states.update(_states(await connection.fetch(_LOCK_STATES, sorted(missing))))
    return states


def _states(rows: Iterable[asyncpg.Record]) -> dict[str, FnState]:
    return {
        row[0]: FnState(
            fn=row[0],
            generation=row[1],
            max_fd=row[2],
            registration_number=row[3],
            user_inn=row[4],
            last_received_at=row[5],
            facts=row[6],
            watched_alone=row[7],
            pending_message=row[8],
        )
        for row in rows
    }


async def _find_stored(
    connection: asyncpg.Connection[asyncpg.Record], keys: list[DocumentKey], states: dict[str, FnState]
) -> dict[DocumentKey, list[StoredDocument]]:
    """What is stored under the keys in any generation; each is named, because the primary key has it in its middle."""
    found: dict[DocumentKey, list[StoredDocument]] = {}
    whole = [(fn, generation, fd) for fn, fd in keys for generation in range(states[fn].generation + 1)]
    if whole:
        for row in await connection.fetch(_FIND_STORED, *map(list, zip(*whole, strict=True))):
            found.setdefault((row["fn"], row["fd"]), []).append(StoredDocument(**dict(row)))
    return found


async def _write(
    connection: asyncpg.Connection[asyncpg.Record],
    statements: _Statements,
    decided: BatchDecision,
    watches: WatchTransaction | None,
    now: datetime,
) -> WatchOutcome | None:
    if decided.quarantined:
        await _add_quarantined(connection, decided.quarantined)
    documents = _columns(decided.documents)[: statements.columns] if decided.documents else None
    watched = watches.columns() if watches is not None else None
    if watches is not None and watched is not None and documents is not None:
        await connection.execute(statements.write_all, *documents, *_state_columns(decided.states), *watched)
        return watches.failures()
    if documents is not None:
        await connection.execute(statements.add_documents, *documents)
        await connection.execute(_WRITE_STATES, *_state_columns(decided.states))
    return await watches.write(now) if watches is not None else None


def _state_columns(states: Sequence[FnState]) -> tuple[list[Any], ...]:
    return (
        [state.fn for state in states],
        [state.generation for state in states],
        [state.max_fd for state in states],
        [state.registration_number for state in states],
        [state.user_inn for state in states],
        [state.last_received_at for state in states],
        [state.facts for state in states],
        [state.watched_alone for state in states],
        [state.pending_message for state in states],
    )


def _columns(rows: list[DocumentRow]) -> list[tuple[Any, ...]]:
    columns = list(zip(*map(_documents_as_tuples, rows), strict=True))
    columns[_VIOLATIONS] = tuple(None if value is None else value.decode() for value in columns[_VIOLATIONS])
    return columns


async def _add_quarantined(connection: asyncpg.Connection[asyncpg.Record], rows: Sequence[QuarantineRow]) -> None:
    columns = [list(column) for column in zip(*map(msgspec.structs.astuple, rows), strict=True)]
    for number in _QUARANTINE_TEXTS:
        columns[number] = [_storable(text) for text in columns[number]]
    await connection.execute(_ADD_QUARANTINED, *columns)


def _storable(text: str) -> str:
    """PostgreSQL text holds neither NUL nor half a surrogate pair; a hostile message may have brought them along."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def _failure(error: BaseException, *, sent: bool) -> StoreFailed:
    reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if sent and not _certainly_rolled_back(error):
        return StoreFailed(reason, committed="unknown")
    refused = isinstance(error, asyncpg.DataError | asyncpg.IntegrityConstraintViolationError)
    return StoreFailed(reason, committed="no", retryable=not refused)


def _certainly_rolled_back(error: BaseException) -> bool:
    """The server itself answered COMMIT with an error: nothing of the transaction exists."""
    return isinstance(error, asyncpg.PostgresError) and not isinstance(
        error, asyncpg.PostgresConnectionError | asyncpg.OperatorInterventionError
    )


async def _to_the_end(work: Coroutine[Any, Any, _T]) -> _T:
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        if not task.cancelled():
            task.exception()
        raise
