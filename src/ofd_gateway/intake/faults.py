"""Faults on demand at work: which of them an answer meets, and what then goes over the wire.

The document is committed before anything here is asked, and nothing here writes to it: a fault is about one answer on
one connection, and the honest answer stays the stored one.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import structlog

from ofd_gateway.errors import OfdGatewayError
from ofd_gateway.faults import Claim, Ending, Fault, Subject, What, matches, perform
from ofd_gateway.ledger import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ofd_gateway.clock import Clock
    from ofd_gateway.crypto import CryptoModule
    from ofd_gateway.faults import Honest, Script
    from ofd_gateway.ledger import Decision
    from ofd_gateway.metrics import Metrics

__all__ = ["Answering", "FaultStore", "Faults"]

_POLL_S: Final = 0.5
_ANSWERS_KEPT: Final = 10_000


class _Answers(NamedTuple):
    """The FN's last answer, and the one before it, about another document."""

    fd: int
    wire: bytes
    before: bytes | None


class FaultStore(Protocol):
    """What is needed of the storage room; everything raises an `OfdGatewayError` when the database does not answer."""

    async def version(self) -> int:
        """A number that grows when rules come or go."""
        ...

    async def active(self) -> Sequence[tuple[int, Fault]]:
        """Number and rule of those that are not spent, in the order in which they are tried."""
        ...

    async def claim(self, id_: int, fault: Fault, now: datetime) -> Claim:
        """Counts one answer that the conditions let through, and says whether the fault is applied to it."""
        ...


class Answering(Protocol):
    """A connection that is about to answer a stored document."""

    def answer_honestly(self, decision: Decision, commit_s: float) -> bytes:
        """Sends the answer as if there were no faults and gives its bytes, none if it could not be sent."""
        ...

    def honest_answer(self, decision: Decision, previous: bytes | None) -> Honest | None:
        """The answer that would have gone out, without sending it; None when the peer has gone."""
        ...

    def put(self, data: bytes) -> bool:
        """Writes; False when the peer has gone."""
        ...

    def note_fault(self, decision: Decision, commit_s: float, *, fault: int, sent: bool) -> None:
        """Counts and logs the document, whose answer is about to be spoilt; `sent`: some of it goes out."""
        ...

    def end_fault(self, ending: Ending) -> None:
        """Goes on with the connection, or ends it."""
        ...


class Faults:
    """The rules as this process knows them, and the answers that are being spoilt."""

    def __init__(self, store: FaultStore, crypto: CryptoModule, clock: Clock, metrics: Metrics) -> None:
        self._store = store
        self._crypto = crypto
        self._clock = clock
        self._metrics = metrics
        self._rules: list[tuple[int, Fault]] = []
        self._version = -1
        self._keeps_answers = False
        self._answers: OrderedDict[str, _Answers] = OrderedDict()
        self._playing: set[asyncio.Task[None]] = set()
        self._log = structlog.get_logger()

    async def refresh(self) -> None:
        """Reads the rules again if any came or went."""
        version = await self._store.version()
        if version == self._version:
            return
        self._rules = list(await self._store.active())
        self._version = version
        self._keeps_answers = any(fault.what is What.PREVIOUS_ANSWER for _, fault in self._rules)
        if not self._keeps_answers:
            self._answers.clear()

    async def keep_fresh(self) -> None:
        """Refreshes twice a second until cancelled; while the database does not answer all stays as it was."""
        while True:
            await asyncio.sleep(_POLL_S)
            try:
                await self.refresh()
            except OfdGatewayError:
                continue

    def take(self, connection: Answering, decision: Decision, commit_s: float, version: bytes) -> bool:
        """Takes the answer to a stored document over, if any rule may be about it; False: it is for the caller."""
        if not self._rules:
            return False
        arrival = decision.arrival
        subject = Subject(
            fn=arrival.container.fn,
            fd=arrival.container.fd,
            kind=arrival.document.kind,
            rnm=arrival.document.registration_number,
            version=version,
            repeated=decision.verdict is Verdict.REPEATED,
        )
        found = [(id_, fault) for id_, fault in self._rules if matches(fault, subject)]
        if not found and not self._keeps_answers:
            return False
        task = asyncio.get_running_loop().create_task(self._play(connection, decision, commit_s, found))
        self._playing.add(task)
        task.add_done_callback(self._playing.discard)
        return True

    async def stop(self) -> None:
        """Gives up what is still being played."""
        for task in list(self._playing):
            task.cancel()
        if self._playing:
            await asyncio.wait(self._playing)

    async def _play(
        self, connection: Answering, decision: Decision, commit_s: float, found: Sequence[tuple[int, Fault]]
    ) -> None:
        fn, fd = decision.arrival.key
        claimed = await self._claim(found, fn)
        if claimed is None:
            self._remember(fn, fd, connection.answer_honestly(decision, commit_s))
            return
        id_, fault = claimed
        honest = connection.honest_answer(decision, self._answer_before(fn, fd))
        if honest is None:
            connection.answer_honestly(decision, commit_s)
            return
        self._remember(fn, fd, honest.wire)
        script = perform(fault, honest, self._crypto)
        self._applied(id_, fault, decision)
        connection.note_fault(decision, commit_s, fault=id_, sent=bool(script.steps))
        await self._perform(connection, script)
        connection.end_fault(script.ending)

    async def _claim(self, found: Sequence[tuple[int, Fault]], fn: str) -> tuple[int, Fault] | None:
        """The first rule that is applied; none when the database does not answer, for honesty is the rule."""
        for id_, fault in found:
            try:
                claim = await self._store.claim(id_, fault, self._clock.now())
            except OfdGatewayError as error:
                self._log.warning("fault.unclaimed", fault=id_, fn=fn, reason=str(error))
                return None
            if claim.spent:
                self._rules = [rule for rule in self._rules if rule[0] != id_]
            if claim.applied:
                return id_, fault
        return None

    async def _perform(self, connection: Answering, script: Script) -> None:
        for pause_s, data in script.steps:
            if pause_s:
                await asyncio.sleep(pause_s)
            if not connection.put(data):
                return
        if script.pause_s:
            await asyncio.sleep(script.pause_s)

    def _applied(self, id_: int, fault: Fault, decision: Decision) -> None:
        container = decision.arrival.container
        self._metrics.faults_applied.labels(fault.what.value).inc()
        self._log.info(
            "fault.applied",
            fault=id_,
            what=fault.what.value,
            fn=container.fn,
            generation=decision.generation,
            fd=container.fd,
            deliberate=True,
        )

    def _answer_before(self, fn: str, fd: int) -> bytes | None:
        known = self._answers.get(fn)
        if known is None:
            return None
        return known.before if known.fd == fd else known.wire

    def _remember(self, fn: str, fd: int, wire: bytes) -> None:
        if not self._keeps_answers or not wire:
            return
        self._answers[fn] = _Answers(fd, wire, self._answer_before(fn, fd))
        self._answers.move_to_end(fn)
        if len(self._answers) > _ANSWERS_KEPT:
            self._answers.popitem(last=False)
