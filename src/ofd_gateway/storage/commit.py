"""The transaction of the intake: lock, look up, decide, insert, commit. The hot path of the whole service."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import asyncpg
import msgspec

from ofd_gateway.ledger import DocumentRow, FnState, StoredDocument
from ofd_gateway.storage.database import CONNECTION_ERRORS, check_durability, limit_statements
from ofd_gateway.storage.errors import DatabaseUnsafe, StoreFailed
from ofd_gateway.storage.hosts import connect
from ofd_gateway.storage.intake_statements import (
    ADD_QUARANTINED,
    ADD_STATES,
    CHANGED_STATES,
    FIND_STORED,
    LOCK_ALL,
    LOCK_STATES,
    NO_OUTBOXES,
    QUARANTINE_TEXTS,
    VIOLATIONS,
    WRITE_STATES,
    Outboxes,
    Statements,
)
from ofd_gateway.storage.memory import Memory, RememberedWatches, WatchNotRemembered
from ofd_gateway.storage.observations import likely_keys, observe
from ofd_gateway.storage.trial import try_to_store
from ofd_gateway.storage.watches import WatchTransaction

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable, Sequence
    from datetime import datetime

    from ofd_gateway.ledger import Arrival, BatchDecision, DocumentKey, Ledger, QuarantineRow
    from ofd_gateway.storage.migrations import Connection
    from ofd_gateway.storage.watches import OnWatched, RuleBook, WatchColumns, WatchOutcome

    _Done = tuple[BatchDecision, WatchOutcome | None]

__all__ = ["NO_OUTBOXES", "CommitConnection", "Outboxes", "Watching"]

_CONNECT_TIMEOUT_S: Final = 3.0
_ENDS_THE_CONNECTION: Final = (asyncpg.PostgresConnectionError, asyncpg.ReadOnlySQLTransactionError)

_T = TypeVar("_T")

StateColumns = tuple["Sequence[Any]", ...]
"""The arguments of WRITE_STATES."""

_documents_as_tuples = msgspec.structs.astuple


class _Work:
    """One batch on its way. `sent`: the statement that commits has been sent, so the outcome may be unknown."""

    def __init__(self, arrivals: Sequence[Arrival], ledger: Ledger, now: datetime) -> None:
        self.arrivals = arrivals
        self.ledger = ledger
        self.now = now
        self.fns = {arrival.container.fn for arrival in arrivals}
        self.sent = False


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
        self._statements = Statements(outboxes)
        self._memory = Memory()
        self._connection: Connection | None = None
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

    async def probe(self) -> None:
        """Returns when documents could be stored now; raises `StoreFailed`, and nothing is stored."""
        await _to_the_end(self._probe())

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
            work = _Work(arrivals, ledger, now)
            try:
                async with asyncio.timeout(self._timeout_s):
                    done = await self._from_memory(connection, work)
                    decided, outcome = done if done is not None else await self._from_rows(connection, work)
            except CONNECTION_ERRORS as error:
                await self._give_up(connection, error)
                raise _failure(error, sent=work.sent) from error
            except StoreFailed:
                raise
            except BaseException:
                self._drop(connection)
                raise
            if outcome and self._watching is not None:
                self._watching.on_watched(outcome)
            return decided

    async def _from_memory(self, connection: Connection, work: _Work) -> _Done | None:
        """The whole transaction as one statement, for ordinary documents of FNs that this connection wrote last.

        None: that cannot be, or somebody else has written one of them since; nothing was stored.
        """
        known = self._memory.take_states(work.fns) if self._watching is not None else None
        if known is None or self._watching is None:
            return None
        states = {fn: one.state for fn, one in known.items()}
        if work.ledger.lookups(work.arrivals, states):
            return None
        former = {fn: state.registration_number for fn, state in states.items()}
        decided = work.ledger.decide(work.arrivals, states, {}, work.now)
        watches = RememberedWatches(connection, self._watching.rules, self._memory)
        try:
            await observe(watches, decided, former, states)
        except WatchNotRemembered:
            return None
        watched = watches.columns()
        if watched is None or decided.quarantined:
            return None
        changed = sorted(decided.states, key=lambda state: state.fn)
        states_now = _state_columns(changed, [known[state.fn].written_by for state in changed])
        work.sent = True
        try:
            written_by = await _write_all(connection, self._statements, decided.documents, states_now, watched)
        except (asyncpg.DivisionByZeroError, asyncpg.UniqueViolationError):
            work.sent = False
            fns = list(known)
            others = await connection.fetch(CHANGED_STATES, fns, [known[fn].written_by for fn in fns])
            self._memory.mistrust(row[0] for row in others)
            return None
        self._memory.keep(decided.states, watches.written(), written_by)
        return decided, watches.failures()

    async def _from_rows(self, connection: Connection, work: _Work) -> _Done:
        """The transaction that reads and locks what it changes."""
        arrivals, ledger, now = work.arrivals, work.ledger, work.now
        await connection.execute("BEGIN")
        watches = WatchTransaction(connection, self._watching.rules) if self._watching else None
        states = await _lock_states(connection, arrivals, watches)
        former = {fn: state.registration_number for fn, state in states.items()}
        stored = await _find_stored(connection, ledger.lookups(arrivals, states), states)
        decided = ledger.decide(arrivals, states, stored, now)
        if watches is not None:
            await observe(watches, decided, former, states)
        outcome, written_by = await _write(connection, self._statements, decided, watches, now)
        work.sent = True
        answer = await connection.execute("COMMIT")
        self._memory.forget(work.fns, watches.keys() if watches is not None else ())
        if answer != "COMMIT":
            raise StoreFailed(f"the server answered COMMIT with {answer}", committed="no")
        if watches is not None and written_by is not None:
            self._memory.keep(decided.states, watches.written(), written_by)
        return decided, outcome

    async def _quarantine(self, rows: Sequence[QuarantineRow]) -> None:
        async with self._busy:
            connection = await self._connected()
            try:
                async with asyncio.timeout(self._timeout_s):
                    await _add_quarantined(connection, rows)
            except CONNECTION_ERRORS as error:
                await self._give_up(connection, error)
                raise _failure(error, sent=True) from error

    async def _probe(self) -> None:
        async with self._busy:
            connection = await self._connected()
            try:
                async with asyncio.timeout(self._timeout_s):
                    await try_to_store(connection)
            except CONNECTION_ERRORS as error:
                await self._give_up(connection, error)
                raise _failure(error, sent=False) from error

    async def _connected(self) -> Connection:
        """The connection, made again after a loss; the server behind it may be another one by then."""
        if self._connection is None or self._connection.is_closed():
            connection: Connection | None = None
            try:
                async with asyncio.timeout(_CONNECT_TIMEOUT_S):
                    connection = await connect(
                        self._dsn,
                        timeout=_CONNECT_TIMEOUT_S,
                        server_settings={"application_name": "ofd-gateway intake"},
                    )
                    await check_durability(connection)
                    await limit_statements(connection, self._timeout_s)
            except (*CONNECTION_ERRORS, DatabaseUnsafe) as error:
                if connection is not None:
                    self._drop(connection)
                raise _failure(error, sent=False) from error
            self._memory.clear()
            self._connection = connection
        return self._connection

    async def _give_up(self, connection: Connection, error: BaseException) -> None:
        """After an error of the server the connection is sound again once rolled back; any other one is dropped.

        So is one to a server that takes no writes: a session keeps the setting that it began with.
        """
        if isinstance(error, asyncpg.PostgresError) and not isinstance(error, _ENDS_THE_CONNECTION):
            try:
                async with asyncio.timeout(1.0):
                    await connection.execute("ROLLBACK")
            except CONNECTION_ERRORS:
                self._drop(connection)
            return
        self._drop(connection)

    def _drop(self, connection: Connection) -> None:
        self._connection = None
        with contextlib.suppress(*CONNECTION_ERRORS):
            connection.terminate()


async def _lock_states(
    connection: Connection, arrivals: Sequence[Arrival], watches: WatchTransaction | None
) -> dict[str, FnState]:
    fns = {arrival.container.fn for arrival in arrivals}
    if watches is None:
        states = _states(await connection.fetch(LOCK_STATES, sorted(fns)))
    else:
        rows = await connection.fetch(LOCK_ALL, sorted(fns), sorted(likely_keys(arrivals)))
        states = _states(row for row in rows if row[1] >= 0)
        watches.take([(row[0], row[3], row[6]) for row in rows if row[1] < 0])
    missing = fns - states.keys()
    if missing:
        await connection.execute(ADD_STATES, sorted(missing))
        states.update(_states(await connection.fetch(LOCK_STATES, sorted(missing))))
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
    connection: Connection, keys: list[DocumentKey], states: dict[str, FnState]
) -> dict[DocumentKey, list[StoredDocument]]:
    """What is stored under the keys in any generation; each is named, because the primary key has it in its middle."""
    found: dict[DocumentKey, list[StoredDocument]] = {}
    whole = [(fn, generation, fd) for fn, fd in keys for generation in range(states[fn].generation + 1)]
    if whole:
        for row in await connection.fetch(FIND_STORED, *map(list, zip(*whole, strict=True))):
            found.setdefault((row["fn"], row["fd"]), []).append(StoredDocument(**dict(row)))
    return found


async def _write(
    connection: Connection,
    statements: Statements,
    decided: BatchDecision,
    watches: WatchTransaction | None,
    now: datetime,
) -> tuple[WatchOutcome | None, int | None]:
    """What the rules found, and the number of the transaction if all states and watches were written in it."""
    if decided.quarantined:
        await _add_quarantined(connection, decided.quarantined)
    watched = watches.columns() if watches is not None else None
    if watches is not None and watched is not None and decided.documents:
        written_by = await _write_all(
            connection, statements, decided.documents, _state_columns(decided.states), watched
        )
        return watches.failures(), written_by
    if decided.documents:
        await connection.execute(statements.add_documents, *_columns(decided.documents)[: statements.columns])
        await connection.execute(WRITE_STATES, *_state_columns(decided.states))
    return (await watches.write(now) if watches is not None else None), None


async def _write_all(
    connection: Connection,
    statements: Statements,
    documents: list[DocumentRow],
    states: StateColumns,
    watched: WatchColumns,
) -> int:
    """The number of the transaction; DivisionByZeroError: somebody else has written a state or a watch since."""
    columns = _columns(documents)[: statements.columns]
    rows = await connection.fetch(statements.write_all, *columns, *states, *watched, len(states[0]), len(watched[0]))
    return int(rows[0][0])


def _state_columns(states: Sequence[FnState], written_by: Sequence[int] | None = None) -> StateColumns:
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
        [None] * len(states) if written_by is None else written_by,
    )


def _columns(rows: list[DocumentRow]) -> list[tuple[Any, ...]]:
    columns = list(zip(*map(_documents_as_tuples, rows), strict=True))
    columns[VIOLATIONS] = tuple(None if value is None else value.decode() for value in columns[VIOLATIONS])
    return columns


async def _add_quarantined(connection: Connection, rows: Sequence[QuarantineRow]) -> None:
    columns = [list(column) for column in zip(*map(msgspec.structs.astuple, rows), strict=True)]
    for number in QUARANTINE_TEXTS:
        columns[number] = [_storable(text) for text in columns[number]]
    await connection.execute(ADD_QUARANTINED, *columns)


def _storable(text: str) -> str:
    """PostgreSQL text holds neither NUL nor half a surrogate pair; a hostile message may have brought them along."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def _failure(error: BaseException, *, sent: bool) -> StoreFailed:
    reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    sqlstate = getattr(error, "sqlstate", None)
    if sent and not _certainly_rolled_back(error):
        return StoreFailed(reason, committed="unknown", sqlstate=sqlstate)
    refused = isinstance(error, asyncpg.DataError | asyncpg.IntegrityConstraintViolationError)
    return StoreFailed(reason, committed="no", retryable=not refused, sqlstate=sqlstate)


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
