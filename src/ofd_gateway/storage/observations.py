"""What the documents of one batch mean for the watches of their registers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ofd_gateway.alerts import ConflictSeen, DocumentAccepted, FnDetached
from ofd_gateway.ledger import Verdict
from ofd_gateway.storage.watches import key_of_fn, key_of_register

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from ofd_gateway.alerts import Event
    from ofd_gateway.ledger import BatchDecision
    from ofd_gateway.storage.watches import WatchTransaction

__all__ = ["Steps", "follow", "observe"]


class Steps(Protocol):
    """Watches that can be stepped: those of a transaction, or those of a replay."""

    def __contains__(self, key: str) -> bool: ...

    def step(self, key: str, event: Event | None, now: datetime) -> None:
        """Lets the event happen to the watch."""
        ...

    def adopt(self, key: str, joining: str) -> None:
        """Joins the watch `joining` to that under `key`."""
        ...


async def observe(watches: WatchTransaction, decided: BatchDecision, former: Mapping[str, str | None]) -> None:
    """Locks the watches of the batch and steps them, document by document.

    `former` holds the registration number that each FN was known under before the batch. An FN that names its register
    for the first time brings along what was kept of it; one that names another register leaves the former.
    """
    items = _items(decided)
    if not items:
        return
    registers = {fn: former[fn] for fn in {fn for fn, _, _ in items}}
    first_told = {fn: told for fn, told, _ in reversed(items)}
    unnamed = {fn for fn, known in registers.items() if known is None}
    await watches.lock(
        {key_of_register(number) for number in [*registers.values(), *(told for _, told, _ in items)] if number}
        | {key_of_fn(fn) for fn in unnamed if not first_told[fn]},
        if_there={key_of_fn(fn) for fn in unnamed if first_told[fn]},
    )
    for fn, told, event in items:
        follow(watches, registers, fn, told, event)


def follow(
    watches: Steps,
    registers: dict[str, str | None],
    fn: str,
    told: str | None,
    event: DocumentAccepted | ConflictSeen,
) -> None:
    """Steps the watch of the register that the FN belongs to, which is `told` from now on if the document names one.

    Time passes up to the event and no further: the next document of a batch that had to wait for the database arrived
    soon afterwards, whatever the time is by now. `registers` holds the register of each FN and is changed in place.
    """
    known = registers.get(fn)
    if told and told != known:
        _move(watches, fn, known, told, event.at)
        registers[fn] = known = told
    watches.step(key_of_register(known) if known else key_of_fn(fn), event, event.at)


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
