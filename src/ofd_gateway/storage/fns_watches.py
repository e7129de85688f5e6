"""What answers of the tax service (ФНС) mean for the watches of registers, inside the transaction that records them.

Ordinary answers touch no watch: the intake needs those rows for every document. A watch is stepped when a document of
its register is refused, or is late for the first time, and when a register that heard of a refusal has nothing left to
wait for and its last document was accepted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ofd_gateway.alerts import FnsQueueMoved, FnsRefused
from ofd_gateway.ledger import OPERATOR_MESSAGE_SEE_CABINET
from ofd_gateway.storage.observations import Homes
from ofd_gateway.storage.watches import WatchTransaction, key_of_fn

if TYPE_CHECKING:
    from datetime import datetime

    from ofd_gateway.dispatch import Settlement
    from ofd_gateway.storage.migrations import Connection
    from ofd_gateway.storage.watches import RuleBook, WatchOutcome

__all__ = ["HeldWatch", "concerned_fns", "hold_watch"]

_ANY_REFUSED: Final = "SELECT EXISTS (SELECT 1 FROM fns_refused_watches)"
_REFUSED_BEFORE: Final = """
SELECT s.fn FROM unnest($1::text[]) AS f (fn)
CROSS JOIN LATERAL (SELECT fn, registration_number FROM fn_states WHERE fn_states.fn = f.fn LIMIT 1) AS s
WHERE EXISTS (
    SELECT 1 FROM fns_refused_watches AS w WHERE w.watch IN ('fn:' || s.fn, 'rnm:' || s.registration_number)
)
"""
# The order of locks is that of the intake: the state of the FN, then the watch.
_LOCK_STATE: Final = "SELECT registration_number, watched_alone FROM fn_states WHERE fn = $1 FOR UPDATE"
_LEAVE_MESSAGE: Final = "UPDATE fn_states SET pending_message = pending_message | $2::smallint WHERE fn = $1"
_NOTE_REFUSED: Final = "INSERT INTO fns_refused_watches (watch, since) VALUES ($1, $2) ON CONFLICT DO NOTHING"
_FORGET_REFUSED: Final = "DELETE FROM fns_refused_watches WHERE watch = ANY($1::text[])"
_QUEUED_OF_FN: Final = "SELECT count(*) AS queued, min(queued_at) AS oldest FROM fns_queue WHERE fn = $1"
_QUEUED_OF_REGISTER: Final = """
SELECT count(*) AS queued, min(queued_at) AS oldest FROM fns_queue
WHERE fn IN (SELECT fn FROM fn_states WHERE registration_number = $1 AND NOT watched_alone)
"""


async def concerned_fns(connection: Connection, settlement: Settlement) -> list[str]:
    """FNs whose watches have to hear of the settlement."""
    fns = {decision.document.fn for decision in settlement.decisions if decision.answer.status.is_refusal}
    fns |= {pause.document.fn for pause in settlement.pauses if pause.is_news}
    others = sorted({decision.document.fn for decision in settlement.decisions} - fns)
    if others and await connection.fetchval(_ANY_REFUSED):
        fns |= {row[0] for row in await connection.fetch(_REFUSED_BEFORE, others)}
    return sorted(fns)


async def hold_watch(connection: Connection, rules: RuleBook, fn: str) -> HeldWatch:
    """Locks the FN and the watch that its documents are for, inside the caller's transaction."""
    row = await connection.fetchrow(_LOCK_STATE, fn)
    register, is_alone = (None, False) if row is None else (row["registration_number"], row["watched_alone"])
    key = Homes({fn: register}, {fn} if is_alone else set()).key(fn)
    watches = WatchTransaction(connection, rules)
    await watches.lock({key})
    return HeldWatch(connection, watches, fn, key, None if key == key_of_fn(fn) else register)


class HeldWatch:
    """The watch of one FN, locked until the transaction ends. `register` None: the FN is watched alone."""

    def __init__(
        self, connection: Connection, watches: WatchTransaction, fn: str, key: str, register: str | None
    ) -> None:
        self._connection = connection
        self._watches = watches
        self._fn = fn
        self._key = key
        self._register = register

    async def finish(self, settlement: Settlement, now: datetime) -> WatchOutcome:
        """Steps the watch by the settlement of its FN, which is written already, and by what is left in the queue.

        A register that was refused is left a word for its next confirmation (1206, bit 0x04).
        """
        refusals = self._refusals(settlement, now)
        for refusal in refusals:
            self._watches.step(self._key, refusal, now)
        queued, oldest = await self._queued()
        decisions = settlement.decisions
        is_accepted = bool(decisions) and not decisions[-1].answer.status.is_refusal
        is_over = queued == 0 and is_accepted
        if refusals or is_over:
            moved = FnsQueueMoved(at=now, queued=queued, oldest_queued_at=oldest, accepted=is_accepted)
            self._watches.step(self._key, moved, now)
        if is_over:
            await self._connection.execute(_FORGET_REFUSED, sorted({self._key, key_of_fn(self._fn)}))
        elif refusals:
            await self._connection.execute(_NOTE_REFUSED, self._key, now)
        if any(decision.answer.status.is_refusal for decision in decisions):
            await self._connection.execute(_LEAVE_MESSAGE, self._fn, OPERATOR_MESSAGE_SEE_CABINET)
        return await self._watches.write(now)

    def _refusals(self, settlement: Settlement, now: datetime) -> list[FnsRefused]:
        refused = [
            FnsRefused(
                at=now,
                fn=self._fn,
                fd=decision.document.fd,
                code=str(decision.answer.code),
                text=decision.answer.text,
            )
            for decision in settlement.decisions
            if decision.answer.status.is_refusal
        ]
        late = [
            FnsRefused(at=now, fn=self._fn, fd=pause.document.fd, code=pause.trouble.word, text=pause.trouble.text)
            for pause in settlement.pauses
            if pause.is_news
        ]
        return refused + late

    async def _queued(self) -> tuple[int, datetime | None]:
        if self._register is None:
            row: Any = await self._connection.fetchrow(_QUEUED_OF_FN, self._fn)
        else:
            row = await self._connection.fetchrow(_QUEUED_OF_REGISTER, self._register)
        return row["queued"], row["oldest"]
