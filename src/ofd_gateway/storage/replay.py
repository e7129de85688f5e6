"""Stored documents under the rules of today: what they would have raised. Reads only, writes and tells nothing."""

from __future__ import annotations

from contextlib import aclosing
from datetime import datetime
from typing import TYPE_CHECKING, Final

import msgspec

from ofd_gateway.alerts import (
    ConflictSeen,
    DocumentAccepted,
    RegisterRemoved,
    RuleFailure,
    TransitionKind,
    adopt,
    customise,
    note,
)
from ofd_gateway.alerts.state import customer_of
from ofd_gateway.storage.alert_records import Finding
from ofd_gateway.storage.document_contents import document_in
from ofd_gateway.storage.documents import DocumentStore
from ofd_gateway.storage.observations import Homes, follow
from ofd_gateway.storage.registers import RegisterSettings, configured, paid
from ofd_gateway.storage.watches import first_state, key_of_register, step_by_owner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ofd_gateway.alerts import Event, Parameters, State
    from ofd_gateway.storage.database import Database
    from ofd_gateway.storage.directory import Directory
    from ofd_gateway.storage.documents import DocumentRecord
    from ofd_gateway.storage.migrations import Connection

__all__ = ["MemoryWatches", "Replayed", "news", "replay"]

_CONFLICTS: Final = """
SELECT fn, fd, received_at FROM quarantine
WHERE reason = 'fd_conflict' AND fd IS NOT NULL AND received_at >= $1 AND received_at < $2
  AND ($3::text IS NULL OR fn = $3)
ORDER BY received_at, id
"""
_REGISTERS: Final = """
SELECT registration_number, customer_inn, serial, name, place, timezone, service_until, calendar, watch_unsold,
       removed_at
FROM registers
WHERE $1::text IS NULL OR registration_number IN (SELECT registration_number FROM documents WHERE fn = $1)
ORDER BY registration_number
"""
_CUSTOMERS: Final = "SELECT inn FROM customers"


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """What would have been raised, in the order of time; `customers` are the INNs of those who could be told.

    `watches` counts registers, and FNs whose register is unknown. `failures` name the watch and the rule.
    """

    findings: tuple[Finding, ...]
    failures: tuple[tuple[str, RuleFailure], ...]
    customers: frozenset[str]
    documents: int
    watches: int


class MemoryWatches:
    """Watches that live as long as this object; what they find is kept in the order in which it was found."""

    def __init__(self, parameters_of: Callable[[str | None], Parameters]) -> None:
        self._parameters_of = parameters_of
        self._states: dict[str, State] = {}
        self.findings: list[Finding] = []
        self.failures: list[tuple[str, RuleFailure]] = []

    def __contains__(self, key: str) -> bool:
        return key in self._states

    def __len__(self) -> int:
        return len(self._states)

    async def lock(self, keys: set[str]) -> None:
        """Nobody else has these watches."""

    def state(self, key: str) -> State:
        """The state under that key as it is by now."""
        return self._state(key)

    def parameters(self, key: str) -> Parameters:
        """The thresholds that the watch is judged by."""
        return self._parameters_of(customer_of(self._state(key)))

    def step(self, key: str, event: Event | None, now: datetime) -> None:
        """Lets the event happen to the watch, or only the time pass."""
        result = step_by_owner(self._state(key), event, now, self._parameters_of)
        self._states[key] = result.state
        customer_inn = customer_of(result.state)
        self.findings += [Finding(watch=key, customer_inn=customer_inn, change=change) for change in result.changes]
        self.failures += [(key, failure) for failure in result.failures]

    def note(self, key: str, event: Event, now: datetime) -> None:
        """Lets the event happen to the watch; its next step judges it."""
        self._states[key] = note(self._state(key), event, now, self.parameters(key))

    def adopt(self, key: str, joining: str) -> None:
        """Joins the watch `joining` to that under `key`."""
        self._states[key] = adopt(self._state(key), self._states.pop(joining))

    def pass_time(self, until: datetime) -> None:
        """Steps every watch that is due by then."""
        for key, state in list(self._states.items()):
            if state.next_check_at is not None and state.next_check_at <= until:
                self.step(key, None, until)

    def _state(self, key: str) -> State:
        state = self._states.get(key)
        if state is None:
            state = self._states[key] = first_state(key)
        return state


async def replay(
    database: Database,
    directory: Directory,
    *,
    since: datetime,
    until: datetime,
    fn: str | None = None,
    overrides: Mapping[str, object] | None = None,
) -> Replayed:
    """Runs the documents that arrived since then through the rules, and lets time pass until `until`.

    Registers begin with the settings they have today and with nothing known of them. `overrides` replace thresholds,
    those of customers too (`parameters.customise`). Raises ParameterError.
    """
    watches = MemoryWatches(_customised(directory, overrides or {}))
    async with database.reading() as connection:
        customers = frozenset(row["inn"] for row in await connection.fetch(_CUSTOMERS))
        removals = _configure(watches, await _registers(connection, fn), since)
        conflicts = [
            ConflictSeen(at=row["received_at"], fn=row["fn"], fd=row["fd"])
            for row in await connection.fetch(_CONFLICTS, since, until, fn)
        ]
    others = sorted([*removals, *((None, conflict) for conflict in conflicts)], key=lambda other: other[1].at)
    homes = Homes()
    documents = at_other = 0
    async with aclosing(DocumentStore(database).list(fn=fn, since=since, limit=0)) as records:
        async for record in records:
            if record.received_at >= until:
                break
            while at_other < len(others) and others[at_other][1].at < record.received_at:
                await _happen(watches, homes, *others[at_other])
                at_other += 1
            await follow(watches, homes, record.fn, record.registration_number, _accepted(record))
            documents += 1
    for key, event in others[at_other:]:
        if event.at < until:
            await _happen(watches, homes, key, event)
    watches.pass_time(until)
    return Replayed(
        findings=tuple(news(watches.findings)),
        failures=tuple(watches.failures),
        customers=customers,
        documents=documents,
        watches=len(watches),
    )


def news(findings: Iterable[Finding]) -> list[Finding]:
    """The findings in the order of time, without those that `record_findings` would know already."""
    told: set[tuple[str, str, str, str]] = set()
    open_: set[tuple[str, str, str]] = set()
    fresh: list[Finding] = []
    for found in sorted(findings, key=lambda finding: finding.change.at):
        finding, change = found, found.change
        alert = (change.rule, change.subject.id, change.episode)
        identity = (*alert, change.level.name)
        if change.kind is TransitionKind.RESOLVED:
            if alert not in open_:
                continue
            open_.remove(alert)
        elif identity in told or (alert in open_ and change.kind is TransitionKind.OPENED):
            continue
        else:
            told.add(identity)
            if alert not in open_:
                finding = _opening(finding)
            open_.add(alert)
        fresh.append(finding)
    return fresh


def _opening(finding: Finding) -> Finding:
    """The finding as the beginning of an alert, also when it rose from a level that was known already."""
    change = finding.change
    if change.kind is TransitionKind.OPENED:
        return finding
    opened = msgspec.structs.replace(change, kind=TransitionKind.OPENED, opened_at=change.at)
    return msgspec.structs.replace(finding, change=opened)


def _customised(directory: Directory, overrides: Mapping[str, object]) -> Callable[[str | None], Parameters]:
    customise(directory.parameters_of(None), overrides)
    known: dict[str | None, Parameters] = {}

    def parameters_of(inn: str | None) -> Parameters:
        if inn not in known:
            known[inn] = customise(directory.parameters_of(inn), overrides)
        return known[inn]

    return parameters_of


async def _registers(connection: Connection, fn: str | None) -> list[RegisterSettings]:
    return [RegisterSettings(**dict(row)) for row in await connection.fetch(_REGISTERS, fn)]


def _configure(
    watches: MemoryWatches, registers: list[RegisterSettings], since: datetime
) -> list[tuple[str | None, ConflictSeen | RegisterRemoved]]:
    """Gives the registers their settings; those that were removed later on are still to be."""
    later: list[tuple[str | None, ConflictSeen | RegisterRemoved]] = []
    for settings in registers:
        key = key_of_register(settings.registration_number)
        present = msgspec.structs.replace(settings, removed_at=None)
        watches.note(key, configured(present, since), since)
        watches.note(key, paid(present, watches.parameters(key).timezone, since), since)
        if settings.removed_at is not None and settings.removed_at >= since:
            later.append((key, RegisterRemoved(at=settings.removed_at)))
        elif settings.removed_at is not None:
            watches.note(key, RegisterRemoved(at=since), since)
        watches.step(key, None, since)
    return later


async def _happen(watches: MemoryWatches, homes: Homes, key: str | None, event: ConflictSeen | RegisterRemoved) -> None:
    if isinstance(event, ConflictSeen):
        await follow(watches, homes, event.fn, None, event)
    elif key is not None:
        watches.step(key, event, event.at)


def _accepted(record: DocumentRecord) -> DocumentAccepted:
    return DocumentAccepted(
        at=record.received_at,
        fn=record.fn,
        fd=record.fd,
        document=document_in(record),
        generation=record.generation,
        response_code=record.response_code,
    )
