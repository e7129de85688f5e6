"""Watches: the states of the rules, locked, stepped and written inside somebody's transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from ofd_gateway.alerts import (
    RuleFailure,
    State,
    adopt,
    customer_state,
    decode_state,
    encode_state,
    note,
    register_state,
    step,
)
from ofd_gateway.alerts.engine import RETRY_AFTER
from ofd_gateway.alerts.notices import Urgency
from ofd_gateway.alerts.state import StateUnreadable, customer_of
from ofd_gateway.storage.alert_records import Finding, groups_of, note_news, write_findings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from ofd_gateway.alerts import Event, Parameters, StepResult
    from ofd_gateway.alerts.notices import NoticeParameters
    from ofd_gateway.storage.migrations import Connection

__all__ = [
    "WRITE_WATCHES",
    "OnWatched",
    "RuleBook",
    "WatchColumns",
    "WatchOutcome",
    "WatchTransaction",
    "first_state",
    "key_of_customer",
    "key_of_fn",
    "key_of_register",
    "step_by_owner",
]

_STORAGE: Final = "storage"
"""The name under which a failure to read or write is reported."""

_LOCK: Final = """
SELECT subject, customer_inn, state FROM watches WHERE subject = ANY($1::text[]) ORDER BY subject FOR UPDATE
"""
_LOCK_DUE: Final = """
SELECT subject, customer_inn, state FROM watches WHERE next_check_at <= $1
ORDER BY next_check_at LIMIT $2 FOR UPDATE SKIP LOCKED
"""
_ADD: Final = """
INSERT INTO watches (subject, state) SELECT subject, ''::bytea FROM unnest($1::text[]) AS missing (subject)
ORDER BY subject ON CONFLICT DO NOTHING
"""
WRITE_WATCHES: Final = """
UPDATE watches SET customer_inn = w.customer_inn, state = w.state, next_check_at = w.next_check_at
FROM unnest($1::text[], $2::text[], $3::bytea[], $4::timestamptz[], $5::xid[])
    AS w (subject, customer_inn, state, next_check_at, written_by)
WHERE watches.subject = w.subject AND watches.subject = ANY($1) AND watches.xmin = coalesce(w.written_by, watches.xmin)
"""
"""Writes watches; one with `written_by` only if the transaction of that number has written it last."""
_POSTPONE: Final = "UPDATE watches SET next_check_at = $2 WHERE subject = ANY($1::text[])"
_REMOVE: Final = "DELETE FROM watches WHERE subject = ANY($1::text[])"
_MOVE_ALERTS: Final = "UPDATE alerts SET watch = $2 WHERE watch = $1"
_GIVE_ALERTS: Final = """
UPDATE alerts SET customer_inn = o.customer_inn
FROM unnest($1::text[], $2::text[]) AS o (watch, customer_inn)
WHERE alerts.watch = o.watch AND alerts.watch = ANY($1) AND resolved_at IS NULL
  AND alerts.customer_inn IS DISTINCT FROM o.customer_inn
RETURNING alerts.customer_inn
"""


WatchColumns = tuple[list[str], list[str | None], list[bytes], list["datetime | None"], list[int | None]]
"""The arguments of WRITE_WATCHES."""


class RuleBook(Protocol):
    """Thresholds for every customer, and how letters are grouped."""

    @property
    def notices(self) -> NoticeParameters:
        """How letters are grouped and repeated."""
        ...

    def parameters_of(self, inn: str | None) -> Parameters:
        """The thresholds for registers of that customer; None: of nobody."""
        ...


class WatchOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a transaction found, to be told once it has committed. `failures` name a rule, or `facts`, or `storage`."""

    findings: tuple[Finding, ...]
    failures: tuple[tuple[str, RuleFailure], ...]

    def __bool__(self) -> bool:
        return bool(self.findings or self.failures)


class OnWatched(Protocol):
    """Who hears of an outcome that is committed."""

    def __call__(self, outcome: WatchOutcome) -> None:
        """Never raises and never waits."""
        ...


class _Watch:
    __slots__ = ("customer_inn", "state", "stepped")

    def __init__(self, state: State, customer_inn: str | None) -> None:
        self.state = state
        self.customer_inn = customer_inn
        self.stepped = False


def key_of_register(registration_number: str) -> str:
    """The key of the watch of a register."""
    return f"rnm:{registration_number}"


def key_of_fn(fn: str) -> str:
    """The key of the watch of an FN whose register is not known."""
    return f"fn:{fn}"


def key_of_customer(inn: str) -> str:
    """The key of the watch of a customer's package."""
    return f"inn:{inn}"


def first_state(key: str) -> State:
    """The state of a watch of which nothing is known but its key."""
    kind, _, name = key.partition(":")
    if kind == "inn":
        return customer_state(name)
    return register_state(name if kind == "rnm" else None)


def step_by_owner(
    state: State, event: Event | None, now: datetime, parameters_of: Callable[[str | None], Parameters]
) -> StepResult:
    """One step by the thresholds of whoever owns the state after it: a first document may name its owner."""
    parameters = parameters_of(customer_of(state))
    result = step(state, event, now, parameters)
    by_owner = parameters_of(customer_of(result.state))
    return result if by_owner.mark == parameters.mark else step(state, event, now, by_owner)


class WatchTransaction:
    """The watches one transaction holds: `lock`, then any number of `step`s, then `write`, then COMMIT by the caller.

    Locks are taken in the order of the keys. What goes wrong here is reported in the outcome and never ends the
    caller's transaction, except for a connection that is lost.
    """

    def __init__(self, connection: Connection, rules: RuleBook) -> None:
        self._connection = connection
        self._rules = rules
        self._watches: dict[str, _Watch] = {}
        self._writers: dict[str, int] = {}
        self._removed: list[str] = []
        self._moved: list[tuple[str, str]] = []
        self._findings: list[Finding] = []
        self._failures: list[tuple[str, RuleFailure]] = []

    async def lock(self, keys: set[str], *, if_there: set[str] | None = None) -> None:
        """Locks the watches under these keys, which are made when they do not exist, and those of `if_there`."""
        wanted = sorted((keys | (if_there or set())) - self._watches.keys())
        if wanted:
            self.take(await self._connection.fetch(_LOCK, wanted))
        missing = sorted(keys - self._watches.keys())
        if missing:
            await self._connection.execute(_ADD, missing)
            self.take(await self._connection.fetch(_LOCK, missing))

    def hold(self, key: str, state: State, customer_inn: str | None, written_by: int) -> None:
        """Takes over a watch that is not locked, as the transaction of that number left it."""
        self._watches[key] = _Watch(state, customer_inn)
        self._writers[key] = written_by

    def keys(self) -> set[str]:
        """The keys of all watches that are held."""
        return set(self._watches)

    def written(self) -> list[tuple[str, State, str | None]]:
        """What was stepped: key, state and customer's INN as `columns` has them."""
        return [(key, watch.state, customer_of(watch.state)) for key, watch in self._stepped().items()]

    def take(self, rows: Iterable[Any]) -> None:
        """Takes over rows that the caller has locked: subject, customer's INN, state."""
        for key, customer_inn, stored in rows:
            try:
                state = decode_state(stored) if stored else first_state(key)
            except StateUnreadable as error:
                self._failures.append((key, RuleFailure(_STORAGE, error)))
                state = first_state(key)
            self._watches[key] = _Watch(state, customer_inn)

    async def lock_due(self, now: datetime, limit: int) -> list[str]:
        """Locks the watches whose moment has come, earliest first, without those another transaction holds."""
        rows = await self._connection.fetch(_LOCK_DUE, now, limit)
        self.take(rows)
        return [row[0] for row in rows]

    def __contains__(self, key: str) -> bool:
        return key in self._watches

    def state(self, key: str) -> State:
        """The state under that key as it is by now."""
        return self._watches[key].state

    def parameters(self, key: str) -> Parameters:
        """The thresholds that the watch is judged by."""
        return self._rules.parameters_of(customer_of(self._watches[key].state))

    def step(self, key: str, event: Event | None, now: datetime) -> None:
        """Lets the event happen to the watch, or only the time pass; the watch is locked."""
        watch = self._watches[key]
        result = step_by_owner(watch.state, event, now, self._rules.parameters_of)
        watch.state = result.state
        watch.stepped = True
        if result.changes:
            customer_inn = customer_of(result.state)
            self._findings += [
                Finding(watch=key, customer_inn=customer_inn, change=change) for change in result.changes
            ]
        self._failures += [(key, failure) for failure in result.failures]

    def note(self, key: str, event: Event, now: datetime) -> None:
        """Lets the event happen to the watch and leaves the judging to the gateway, which looks at it at once."""
        watch = self._watches[key]
        watch.state = note(watch.state, event, now, self.parameters(key))
        watch.stepped = True

    def adopt(self, key: str, joining: str) -> None:
        """Joins the watch `joining` to that under `key`, which is judged anew with its next step."""
        self._watches[key].state = adopt(self._watches[key].state, self._watches.pop(joining).state)
        self._removed.append(joining)
        self._moved.append((joining, key))

    def columns(self) -> WatchColumns | None:
        """The rows to write when there is nothing else to do, for a caller that writes them along with its own.

        None: there is; call `write`.
        """
        stepped = self._stepped()
        if self._findings or self._removed or any(map(_has_another_owner, stepped.values())):
            return None
        return self._columns(stepped)

    def failures(self) -> WatchOutcome:
        """The outcome when `columns` are written: nothing was found, but something may have failed."""
        return WatchOutcome(findings=(), failures=tuple(self._failures))

    async def write(self, now: datetime) -> WatchOutcome:
        """Writes what was stepped. The outcome is true once the caller's COMMIT has returned."""
        columns = self.columns()
        if columns is not None:
            await self._write_states(columns)
            return self.failures()
        stepped = self._stepped()
        await self._connection.execute("SAVEPOINT watches")
        try:
            await self._write_states(self._columns(stepped))
            await self._write_findings(stepped, now)
        except Exception as error:  # noqa: BLE001  reported; on a lost connection the next statement raises too
            await self._connection.execute("ROLLBACK TO SAVEPOINT watches")
            await self._connection.execute(_POSTPONE, list(stepped), now + RETRY_AFTER)
            failures = [(key, RuleFailure(_STORAGE, error)) for key in stepped]
            return WatchOutcome(findings=(), failures=(*self._failures, *failures))
        await self._connection.execute("RELEASE SAVEPOINT watches")
        return WatchOutcome(findings=tuple(self._findings), failures=tuple(self._failures))

    def _stepped(self) -> dict[str, _Watch]:
        return {key: watch for key, watch in self._watches.items() if watch.stepped}

    def _columns(self, stepped: dict[str, _Watch]) -> WatchColumns:
        """In the order of the keys, which is that of the locks."""
        keys = sorted(stepped)
        states = [stepped[key].state for key in keys]
        return (
            keys,
            [customer_of(state) for state in states],
            [encode_state(state) for state in states],
            [state.next_check_at for state in states],
            [self._writers.get(key) for key in keys],
        )

    async def _write_findings(self, stepped: dict[str, _Watch], now: datetime) -> None:
        """Alerts move after they are written: what was found before a watch was joined moves along."""
        if self._removed:
            await self._connection.execute(_REMOVE, self._removed)
        await write_findings(self._connection, self._findings)
        for former, key in self._moved:
            await self._connection.execute(_MOVE_ALERTS, former, key)
        owners = {(owner, Urgency.PROMPT) for owner in await self._give_alerts(stepped)}
        await note_news(self._connection, groups_of(self._findings) | owners, now, self._rules.notices)

    async def _write_states(self, columns: WatchColumns) -> None:
        if columns[0]:
            await self._connection.execute(WRITE_WATCHES, *columns)

    async def _give_alerts(self, stepped: dict[str, _Watch]) -> set[str]:
        """Gives open alerts to the customers that their registers have by now; those who got any."""
        joined = {key for _, key in self._moved}
        given = {
            key: customer_of(watch.state)
            for key, watch in stepped.items()
            if key in joined or _has_another_owner(watch)
        }
        if not given:
            return set()
        rows = await self._connection.fetch(_GIVE_ALERTS, list(given), list(given.values()))
        return {row[0] for row in rows if row[0] is not None}


def _has_another_owner(watch: _Watch) -> bool:
    return customer_of(watch.state) != watch.customer_inn
