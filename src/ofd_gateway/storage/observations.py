"""What the documents of one batch mean for the watches of their registers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ofd_gateway.alerts import ConflictSeen, DocumentAccepted, FnDetached
from ofd_gateway.alerts.facts import RegisterFacts
from ofd_gateway.ledger import REGISTRATION_CODES, Verdict
from ofd_gateway.storage.watches import key_of_fn, key_of_register

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from ofd_gateway.alerts import Event, State
    from ofd_gateway.ledger import Arrival, BatchDecision, FnState
    from ofd_gateway.storage.watches import WatchTransaction

__all__ = ["Homes", "Steps", "follow", "likely_keys", "observe"]


class Steps(Protocol):
    """Watches that can be stepped: those of a transaction, or those of a replay."""

    def __contains__(self, key: str) -> bool: ...

    async def lock(self, keys: set[str]) -> None:
        """Sees to it that the watches are there, and nobody else's."""
        ...

    def state(self, key: str) -> State:
        """The state under that key as it is by now."""
        ...

    def step(self, key: str, event: Event | None, now: datetime) -> None:
        """Lets the event happen to the watch."""
        ...

    def adopt(self, key: str, joining: str) -> None:
        """Joins the watch `joining` to that under `key`."""
        ...


class Homes:
    """Where each FN is watched: the register it named last, or alone."""

    def __init__(self, registers: dict[str, str | None] | None = None, alone: set[str] | None = None) -> None:
        self.registers = registers if registers is not None else {}
        self.alone = alone if alone is not None else set()

    def key(self, fn: str) -> str:
        """The key of the watch that the FN's documents are for."""
        register = self.registers.get(fn)
        return key_of_fn(fn) if register is None or fn in self.alone else key_of_register(register)


def likely_keys(arrivals: Iterable[Arrival]) -> set[str]:
    """The keys of the watches that these documents are about, as far as they tell themselves."""
    keys = set()
    for arrival in arrivals:
        keys.add(key_of_fn(arrival.container.fn))
        if arrival.document.registration_number:
            keys.add(key_of_register(arrival.document.registration_number.replace("\0", "")))
    return keys


async def observe(
    watches: WatchTransaction,
    decided: BatchDecision,
    former: Mapping[str, str | None],
    states: Mapping[str, FnState],
) -> None:
    """Locks the watches of the batch and steps them, document by document.

    `former` holds the registration number that each FN was known under before the batch. An FN that names its register
    for the first time brings along what was kept of it; one that names another register leaves the former. One that
    goes on after another FN took its place shares its number with another register, as test registers do, and is
    watched alone from then on; `states` is told so.
    """
    items = _items(decided)
    if not items:
        return
    registers = {fn: former[fn] for fn in {fn for fn, _, _ in items}}
    first_told = {fn: told for fn, told, _ in reversed(items)}
    alone = {fn for fn in registers if states[fn].watched_alone}
    unnamed = {fn for fn, known in registers.items() if known is None} - alone
    named = {told for fn, told, _ in items if told and (fn not in alone or told != registers[fn])}
    named |= {known for fn, known in registers.items() if known and fn not in alone}
    await watches.lock(
        {key_of_register(number) for number in named}
        | {key_of_fn(fn) for fn in alone | {fn for fn in unnamed if not first_told[fn]}},
        if_there={key_of_fn(fn) for fn in unnamed if first_told[fn]},
    )
    homes = Homes(registers, alone)
    for fn, told, event in items:
        await follow(watches, homes, fn, told, event)
    for fn in registers:
        states[fn].watched_alone = fn in homes.alone


async def follow(
    watches: Steps, homes: Homes, fn: str, told: str | None, event: DocumentAccepted | ConflictSeen
) -> None:
    """Steps the watch that the FN's document is for, which is the register `told` if the document names one.

    Time passes up to the event and no further: the next document of a batch that had to wait for the database arrived
    soon afterwards, whatever the time is by now. `homes` is changed in place.
    """
    known = homes.registers.get(fn)
    if told and told != known:
        _move(watches, fn, None if fn in homes.alone else known, told, event.at)
        homes.registers[fn] = told
        homes.alone.discard(fn)
    elif known and fn not in homes.alone and _goes_on_beside(watches.state(key_of_register(known)), event):
        watches.step(key_of_register(known), FnDetached(at=event.at, fn=fn), event.at)
        await watches.lock({key_of_fn(fn)})
        homes.alone.add(fn)
    watches.step(homes.key(fn), event, event.at)


def _items(decided: BatchDecision) -> list[tuple[str, str | None, DocumentAccepted | ConflictSeen]]:
    """FN, the registration number its document tells, and what happened; repeats are nothing new."""
    rows = iter(decided.documents)
    items: list[tuple[str, str | None, DocumentAccepted | ConflictSeen]] = []
    for decision in decided.decisions:
        arrival = decision.arrival
        at, fn, fd = arrival.received_at, arrival.container.fn, arrival.container.fd
        if decision.verdict is Verdict.ACCEPTED:
            event = DocumentAccepted(
                at=at,
                fn=fn,
                fd=fd,
                document=arrival.document,
                generation=decision.generation,
                response_code=decision.response_code,
            )
            items.append((fn, next(rows).registration_number, event))
        elif decision.verdict is Verdict.CONFLICT:
            items.append((fn, None, ConflictSeen(at=at, fn=fn, fd=fd)))
    return items


def _move(watches: Steps, fn: str, known: str | None, told: str, at: datetime) -> None:
    """The FN belongs to the register `told` from now on. What fell due before is judged before watches are joined."""
    if known is not None:
        watches.step(key_of_register(known), FnDetached(at=at, fn=fn), at)
    elif key_of_fn(fn) in watches:
        for key in (key_of_fn(fn), key_of_register(told)):
            watches.step(key, None, at)
        watches.adopt(key_of_register(told), key_of_fn(fn))


def _goes_on_beside(state: State, event: DocumentAccepted | ConflictSeen) -> bool:
    """Whether another FN has taken the place of this one, which speaks nevertheless; a registration report may."""
    facts = state.facts
    if not isinstance(event, DocumentAccepted) or not isinstance(facts, RegisterFacts) or not facts.fns:
        return False
    if facts.fns[-1].number == event.fn or event.document.code in REGISTRATION_CODES:
        return False
    return all(fn.number != event.fn or event.fd > fn.max_fd for fn in facts.fns)
