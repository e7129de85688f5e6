"""One delivery: lines that were taken, from the first request to the last record.

A request that fails although the endpoint is there has a culprit among its documents, or it has not. Two lines are
tried alone: if neither goes, it is the endpoint; if one does, the rest is halved until the culprits are alone, and only
their lines pause.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol

from ofd_gateway.dispatch import Settlement, Trouble, pause, settle
from ofd_gateway.fns.rendering import DocumentUnreadable
from ofd_gateway.fns.transport import EndpointUnavailable, RequestFailed, TransportFailure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from ofd_gateway.clock import Clock
    from ofd_gateway.dispatch import Answer, DispatchParameters, DocumentKey, Line, QueuedDocument
    from ofd_gateway.fns.rendering import Renderer
    from ofd_gateway.fns.transport import FnsTransport, Outgoing

__all__ = ["Delivery", "Observer", "Taken"]

_UNREADABLE: Final = "unreadable"
_AT_A_STRETCH: Final = 8
"""Documents rendered before the event loop, which serves registers too, gets its turn."""


class Taken(Protocol):
    """Lines that nobody else sends."""

    @property
    def lines(self) -> Sequence[Line]:
        """The lines."""
        ...

    async def record(self, settlement: Settlement, *, sent_at: datetime, now: datetime, is_noted: bool = False) -> None:
        """Writes what one exchange changed."""
        ...

    async def note_attempt(self, documents: Sequence[QueuedDocument], trouble: Trouble, sent_at: datetime) -> None:
        """Notes that these documents were sent and nobody knows whether they arrived."""
        ...


class Observer(Protocol):
    """Who hears what happens, for logs and metrics."""

    def requested(self, outcome: str, documents: int, duration_s: float) -> None:
        """A request ended: `answered`, or the word of its trouble."""
        ...

    def settled(self, settlement: Settlement) -> None:
        """What it changed is committed."""
        ...

    def unreadable(self, document: QueuedDocument, error: DocumentUnreadable) -> None:
        """A stored document cannot be made into JSON."""
        ...


class Delivery:
    """Delivers what was taken, once. `draw` gives numbers from 0 to 1."""

    def __init__(
        self,
        taken: Taken,
        transport: FnsTransport,
        renderer: Renderer,
        clock: Clock,
        parameters: DispatchParameters,
        observer: Observer,
        draw: Callable[[], float],
    ) -> None:
        self._taken = taken
        self._transport = transport
        self._renderer = renderer
        self._clock = clock
        self._parameters = parameters
        self._observer = observer
        self._draw = draw
        self._rendered: dict[DocumentKey, Outgoing] = {}
        self.is_answered = False
        """Whether the endpoint answered at least once."""

    async def run(self) -> None:
        """Sends everything and records every answer.

        Raises:
            EndpointUnavailable: nothing went, and no document is to blame.
        """
        lines = await self._render(self._taken.lines)
        if not lines:
            return
        result = await self._try(lines)
        if isinstance(result, Settlement):
            return
        if _documents_of(lines) == 1:
            await self._blame_or_raise(lines[0], result)
            return
        await self._halve(await self._find_witness(lines))

    async def _find_witness(self, lines: list[Line]) -> list[Line]:
        """Tries the first documents of two lines, each alone. What is left to be sent, now that the endpoint answered.

        Raises:
            EndpointUnavailable: neither went.
        """
        left = {line.fn: line for line in lines}
        culprits: list[tuple[Line, RequestFailed]] = []
        witnesses = self._two_of(lines)
        for line in witnesses:
            result = await self._try([line.only(line.documents[:1])])
            del left[line.fn]
            if isinstance(result, RequestFailed):
                culprits.append((line, result))
            elif not result.pauses and len(line.documents) > 1:
                left[line.fn] = line.only(line.documents[1:])
        if len(culprits) == len(witnesses) == 1:
            await self._blame_or_raise(*culprits[0])
        elif len(culprits) == len(witnesses):
            raise _unavailable(culprits[-1][1])
        else:
            for line, failure in culprits:
                await self._blame(line, failure.trouble, is_noted=failure.may_have_arrived)
        return list(left.values())

    async def _halve(self, lines: list[Line]) -> None:
        if not lines:
            return
        result = await self._try(lines)
        if isinstance(result, Settlement):
            return
        if len(lines) > 1:
            await self._halve(lines[: len(lines) // 2])
            await self._halve(lines[len(lines) // 2 :])
        elif len(lines[0].documents) == 1:
            await self._blame(lines[0], result.trouble, is_noted=result.may_have_arrived)
        else:
            await self._one_by_one(lines[0])

    async def _one_by_one(self, line: Line) -> None:
        """Up to the first document without a decision."""
        for document in line.documents:
            head = line.only((document,))
            result = await self._try([head])
            if isinstance(result, RequestFailed):
                await self._blame(head, result.trouble, is_noted=result.may_have_arrived)
                return
            if result.pauses:
                return

    async def _try(self, lines: Sequence[Line]) -> Settlement | RequestFailed:
        """One request: what its answers changed, which is recorded, or its failure."""
        documents = [document for line in lines for document in line.documents]
        outgoing = [self._rendered[document.key] for document in documents]
        loop = asyncio.get_running_loop()
        sent_at, began_s = self._clock.now(), loop.time()
        try:
            answers = await self._send(outgoing)
        except TransportFailure as failure:
            self._observer.requested(failure.trouble.word, len(documents), loop.time() - began_s)
            if failure.may_have_arrived:
                await self._taken.note_attempt(documents, failure.trouble, sent_at)
            if isinstance(failure, RequestFailed):
                return failure
            raise
        self.is_answered = True
        self._observer.requested("answered", len(documents), loop.time() - began_s)
        settlement = settle(lines, answers, self._clock.now(), self._parameters, self._draw())
        await self._record(settlement, sent_at)
        return settlement

    async def _send(self, outgoing: list[Outgoing]) -> Mapping[DocumentKey, Answer]:
        try:
            return await self._transport.send(outgoing)
        except TransportFailure:
            raise
        except Exception as error:
            raise EndpointUnavailable(Trouble("transport", repr(error)), may_have_arrived=True) from error

    async def _record(self, settlement: Settlement, sent_at: datetime, *, is_noted: bool = False) -> None:
        await self._taken.record(settlement, sent_at=sent_at, now=self._clock.now(), is_noted=is_noted)
        self._observer.settled(settlement)

    async def _blame(self, line: Line, trouble: Trouble, *, is_noted: bool) -> None:
        now = self._clock.now()
        paused = pause(line, trouble, now, self._parameters, self._draw())
        await self._record(Settlement(pauses=(paused,)), now, is_noted=is_noted)

    async def _blame_or_raise(self, line: Line, failure: RequestFailed) -> None:
        """With nothing to compare, a document is to blame that was before or is suspect, or if the endpoint says so."""
        if not (line.failures or line.documents[0].is_suspect or failure.blames_request):
            raise _unavailable(failure)
        await self._blame(line, failure.trouble, is_noted=failure.may_have_arrived)

    async def _render(self, lines: Sequence[Line]) -> list[Line]:
        """The lines up to their first document that cannot be read; they pause there."""
        readable: list[Line] = []
        done = 0
        for line in lines:
            good = 0
            for document in line.documents:
                try:
                    self._rendered[document.key] = self._renderer.render(document)
                except DocumentUnreadable as error:
                    self._observer.unreadable(document, error)
                    if good == 0:
                        await self._blame(line, Trouble(_UNREADABLE, str(error)), is_noted=True)
                    break
                good += 1
                done += 1
                if done % _AT_A_STRETCH == 0:
                    await asyncio.sleep(0)
            if good:
                readable.append(line.only(line.documents[:good]))
        return readable

    def _two_of(self, lines: list[Line]) -> list[Line]:
        """Two lines by chance, so that two culprits side by side are not taken for a dead endpoint every time."""
        first = min(int(self._draw() * len(lines)), len(lines) - 1)
        chosen = [lines[first]]
        others = lines[:first] + lines[first + 1 :]
        if others:
            chosen.append(others[min(int(self._draw() * len(others)), len(others) - 1)])
        return chosen


def _documents_of(lines: Sequence[Line]) -> int:
    return sum(len(line.documents) for line in lines)


def _unavailable(failure: RequestFailed) -> EndpointUnavailable:
    return EndpointUnavailable(failure.trouble, may_have_arrived=failure.may_have_arrived)
