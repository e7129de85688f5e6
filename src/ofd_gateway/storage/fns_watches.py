"""What answers of the tax service (ФНС) mean for the watches of registers, inside the transaction that records them.

Ordinary answers touch no watch: the intake needs those rows for every document. A watch is stepped when a document of
its register is refused, or is late for the first time, and when a register that heard of a refusal has nothing left to
wait for and its last document was accepted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ofd_gateway.alerts import FnsQueueMoved, FnsRefused
from ofd_gateway.ledger import OPERATOR_MESSAGE_SEE_CABINET
from ofd_gateway.storage.observations import Homes
from ofd_gateway.storage.watches import WatchTransaction, key_of_fn

if TYPE_CHECKING:
    from datetime import datetime

    from ofd_gateway.dispatch import Settlement
    from ofd_gateway.storage.migrations import Connection
    from ofd_gateway.storage.watches import RuleBook, WatchOutcome

__all__ = ["Told", "tell_watches"]

# The order of locks is that of the intake: states of FNs, then watches, both sorted.
_LOCK_STATES: Final = """
SELECT fn, registration_number, watched_alone FROM fn_states WHERE fn = ANY($1::text[]) ORDER BY fn FOR UPDATE
"""
_REFUSED_BEFORE: Final = """
SELECT s.fn, s.registration_number, s.watched_alone FROM unnest($1::text[]) AS f (fn)
CROSS JOIN LATERAL (
    SELECT fn, registration_number, watched_alone FROM fn_states WHERE fn_states.fn = f.fn LIMIT 1
) AS s
WHERE EXISTS (
    SELECT 1 FROM fns_refused_watches AS w WHERE w.watch IN ('fn:' || s.fn, 'rnm:' || s.registration_number)
)
"""
_ANY_REFUSED: Final = "SELECT EXISTS (SELECT 1 FROM fns_refused_watches)"
_LEAVE_MESSAGE: Final = """
UPDATE fn_states SET pending_message = pending_message | $2::smallint WHERE fn = ANY($1::text[])
"""
_NOTE_REFUSED: Final = """
INSERT INTO fns_refused_watches (watch, since) SELECT watch, $2 FROM unnest($1::text[]) AS w (watch) ORDER BY watch
ON CONFLICT DO NOTHING
"""
_FORGET_REFUSED: Final = "DELETE FROM fns_refused_watches WHERE watch = ANY($1::text[])"
_QUEUED_OF_FN: Final = "SELECT count(*) AS queued, min(queued_at) AS oldest FROM fns_queue WHERE fn = $1"
_QUEUED_OF_REGISTER: Final = """
SELECT count(*) AS queued, min(queued_at) AS oldest FROM fns_queue
WHERE fn IN (SELECT fn FROM fn_states WHERE registration_number = $1 AND NOT watched_alone)
"""


class _Refusal(NamedTuple):
    fn: str
    fd: int
    code: str
    text: str


class Told:
    """The watches that one settlement concerns: made by `tell_watches`, to be finished before COMMIT."""

    def __init__(
        self, watches: WatchTransaction, homes: Homes, refusals: list[_Refusal], is_accepted: dict[str, bool]
    ) -> None:
        self._watches = watches
        self._homes = homes
        self._refusals = refusals
        self._is_accepted = is_accepted

    async def finish(self, connection: Connection, now: datetime) -> WatchOutcome | None:
        """Steps the watches by what is left in the queue, and writes them. None when none is concerned."""
        if not self._homes.registers:
            return None
        refused = {self._homes.key(refusal.fn) for refusal in self._refusals}
        for refusal in self._refusals:
            event = FnsRefused(at=now, fn=refusal.fn, fd=refusal.fd, code=refusal.code, text=refusal.text)
            self._watches.step(self._homes.key(refusal.fn), event, now)
        over: set[str] = set()
        for key, fn in {self._homes.key(fn): fn for fn in self._homes.registers}.items():
            queued, oldest = await self._queued(connection, key, fn)
            accepted = self._accepted(key)
            is_over = queued == 0 and accepted
            if key in refused or is_over:
                event_ = FnsQueueMoved(at=now, queued=queued, oldest_queued_at=oldest, accepted=accepted)
                self._watches.step(key, event_, now)
            if is_over:
                over |= {key} | {key_of_fn(one) for one in self._homes.registers if self._homes.key(one) == key}
        if refused - over:
            await connection.execute(_NOTE_REFUSED, sorted(refused - over), now)
        if over:
            await connection.execute(_FORGET_REFUSED, sorted(over))
        return await self._watches.write(now)

    def _accepted(self, key: str) -> bool:
        """Whether the last document of the register that was decided on was accepted; False when none was."""
        last = [accepted for fn, accepted in self._is_accepted.items() if self._homes.key(fn) == key]
        return bool(last) and all(last)

    async def _queued(self, connection: Connection, key: str, fn: str) -> tuple[int, datetime | None]:
        register = self._homes.registers[fn]
        if key == key_of_fn(fn) or register is None:
            row: Any = await connection.fetchrow(_QUEUED_OF_FN, fn)
        else:
            row = await connection.fetchrow(_QUEUED_OF_REGISTER, register)
        return row["queued"], row["oldest"]


async def tell_watches(connection: Connection, rules: RuleBook, settlement: Settlement, now: datetime) -> Told:
    """Locks what the settlement concerns and leaves a word for the registers that were refused (1206, bit 0x04).

    The caller writes the settlement next, then lets `Told.finish` look at what is left.
    """
    refusals = _refusals(settlement)
    is_accepted = {decision.document.fn: not decision.answer.status.is_refusal for decision in settlement.decisions}
    fns = {refusal.fn for refusal in refusals}
    if await connection.fetchval(_ANY_REFUSED):
        fns |= {row["fn"] for row in await connection.fetch(_REFUSED_BEFORE, sorted(is_accepted))}
    watches = WatchTransaction(connection, rules)
    homes = Homes()
    if fns:
        states = await connection.fetch(_LOCK_STATES, sorted(fns))
        homes = Homes(
            {row["fn"]: row["registration_number"] for row in states},
            {row["fn"] for row in states if row["watched_alone"]},
        )
        await watches.lock({homes.key(fn) for fn in homes.registers})
        cabinet = _see_cabinet(settlement)
        if cabinet:
            await connection.execute(_LEAVE_MESSAGE, cabinet, OPERATOR_MESSAGE_SEE_CABINET)
    known = [refusal for refusal in refusals if refusal.fn in homes.registers]
    return Told(watches, homes, known, is_accepted)


def _refusals(settlement: Settlement) -> list[_Refusal]:
    found = [
        _Refusal(decision.document.fn, decision.document.fd, str(decision.answer.code), decision.answer.text)
        for decision in settlement.decisions
        if decision.answer.status.is_refusal
    ]
    late = [
        _Refusal(pause.document.fn, pause.document.fd, pause.trouble.word, pause.trouble.text)
        for pause in settlement.pauses
        if pause.is_news
    ]
    return found + late


def _see_cabinet(settlement: Settlement) -> list[str]:
    return sorted({d.document.fn for d in settlement.decisions if d.answer.status.is_refusal})
