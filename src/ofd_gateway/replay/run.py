"""Sends a plan to an operator and checks every answer.

The documents of one FN go one at a time and in recorded order, as a drive gives them; drives do not wait for each
other. An answer is checked field by field with the rules of the simulator.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING, Final

from ofd_gateway.protocol import SESSION_HEADER_BYTES, ProtocolError, parse_session_header
from ofd_gateway.replay.line import ExchangeFailed, Line
from ofd_gateway.simulator.verify import Expectation, verify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ofd_gateway.captures.piece import Address
    from ofd_gateway.clock import Clock
    from ofd_gateway.replay.plan import Planned
    from ofd_gateway.simulator.verify import Confirmed

__all__ = ["Connections", "Outcome", "Pace", "ReplayOrder", "run_replay"]

_MAX_EXCHANGES: Final = 100
_FAILED_CONNECTIONS_LIMIT: Final = 3


class Connections(Enum):
    """Which messages share a connection."""

    AS_RECORDED = "as-recorded"
    PER_DOCUMENT = "per-document"
    ONE = "one"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """When messages are due: as recorded, so many in a second, or (neither) as soon as the one before is answered."""

    original: bool = False
    per_second: float | None = None

    def due_s(self, messages: Sequence[Planned]) -> list[float]:
        """Seconds from the start for each message; one without a time is due with the one before."""
        if self.per_second is not None:
            return [index / self.per_second for index in range(len(messages))]
        due = [0.0] * len(messages)
        if not self.original:
            return due
        first = next((message.at for message in messages if message.at is not None), None)
        for index, message in enumerate(messages):
            elapsed = (message.at - first).total_seconds() if message.at is not None and first is not None else 0.0
            due[index] = max(elapsed, due[index - 1] if index else 0.0)
        return due


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayOrder:
    """Where to, how fast, over which connections, and what counts as a right answer."""

    to: Address
    pace: Pace = Pace()
    connections: Connections = Connections.AS_RECORDED
    answer_timeout_s: float = 30.0
    connect_timeout_s: float = 10.0
    response_codes: frozenset[int] | None = None
    clock_tolerance: timedelta = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one message: `error` when no answer came, `mismatches` where the answer is not as it must be."""

    message: Planned
    latency_s: float | None = None
    response_code: int | None = None
    mismatches: tuple[str, ...] = ()
    error: str | None = None

    @property
    def is_right(self) -> bool:
        """It was answered as it should be, or sent where no answer was expected."""
        return self.error is None and not self.mismatches


async def run_replay(
    messages: Sequence[Planned], order: ReplayOrder, *, clock: Clock, on_outcome: Callable[[Outcome], None]
) -> None:
    """Sends every message and tells what became of it, as it becomes known; ends when all are told."""
    lanes: defaultdict[str, list[tuple[float, Planned]]] = defaultdict(list)
    for due_s, message in zip(order.pace.due_s(messages), messages, strict=True):
        lanes["" if order.connections is Connections.ONE else message.fn].append((due_s, message))
    exchanges = asyncio.Semaphore(_MAX_EXCHANGES)
    start_s = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for lane in lanes.values():
            group.create_task(_Lane(order, clock, exchanges, on_outcome).run(lane, start_s))


@dataclass(slots=True)
class _Lane:
    """Messages that go one after another."""

    order: ReplayOrder
    clock: Clock
    exchanges: asyncio.Semaphore
    on_outcome: Callable[[Outcome], None]
    lines: dict[int, Line] = field(default_factory=dict)
    previous: Confirmed | None = None
    failed_connections: int = 0

    async def run(self, messages: Sequence[tuple[float, Planned]], start_s: float) -> None:
        last = {self._key(message): index for index, (_, message) in enumerate(messages)}
        try:
            for index, (due_s, message) in enumerate(messages):
                await asyncio.sleep(max(start_s + due_s - time.monotonic(), 0.0))
                async with self.exchanges:
                    self.on_outcome(await self._deliver(message))
                if last[self._key(message)] == index:
                    await self._close([self._key(message)])
        finally:
            await self._close(list(self.lines))

    def _key(self, message: Planned) -> int:
        """Which connection a message goes over."""
        mode = self.order.connections
        return (
            0 if mode is Connections.ONE else message.number if mode is Connections.PER_DOCUMENT else message.connection
        )

    async def _deliver(self, message: Planned) -> Outcome:
        if self.failed_connections >= _FAILED_CONNECTIONS_LIMIT:
            return Outcome(message=message, error="не отправлено: нет соединений / not sent: no connections")
        try:
            line = await self._line(self._key(message))
            sent_at_s = time.monotonic()
            if not message.expects_answer:
                await line.send(message.raw)
                return Outcome(message=message)
            answer = await line.exchange(message.raw, self.order.answer_timeout_s)
        except ExchangeFailed as error:
            await self._close([self._key(message)])
            return Outcome(message=message, error=str(error))
        return self._checked(message, answer, time.monotonic() - sent_at_s)

    async def _line(self, key: int) -> Line:
        line = self.lines.get(key)
        if line is not None and line.usable:
            return line
        await self._close([key])
        try:
            self.lines[key] = line = await Line.open(self.order.to, self.order.connect_timeout_s)
        except ExchangeFailed:
            self.failed_connections += 1
            raise
        self.failed_connections = 0
        return line

    def _checked(self, message: Planned, answer: bytes, latency_s: float) -> Outcome:
        if message.fd is None:
            return Outcome(message=message, latency_s=latency_s, mismatches=tuple(_check_service(message, answer)))
        due = Expectation(
            request_header=message.raw[:SESSION_HEADER_BYTES],
            fn=message.fn,
            fd=message.fd,
            bits_1206_allowed=message.bits_1206_allowed,
            response_codes=self.order.response_codes,
            clock_tolerance=self.order.clock_tolerance,
            previous=self.previous if self.previous is not None and self.previous.fd != message.fd else None,
        )
        confirmed, mismatches = verify(answer, due, now=self.clock.now())
        self.previous = confirmed or self.previous
        return Outcome(
            message=message,
            latency_s=latency_s,
            response_code=None if confirmed is None else confirmed.response_code,
            mismatches=tuple(map(str, mismatches)),
        )

    async def _close(self, keys: Iterable[int]) -> None:
        for key in keys:
            line = self.lines.pop(key, None)
            if line is not None:
                with contextlib.suppress(OSError):
                    await line.close()


def _check_service(message: Planned, answer: bytes) -> Iterable[str]:
    """What is wrong with the answer to a service message (служебный режим), which is a header alone."""
    try:
        header = parse_session_header(answer)
    except ProtocolError as error:
        yield f"{error.reason}: {error}"
        return
    if header.body_length:
        yield f"служебный ответ с телом / a service answer with a body of {header.body_length} bytes"
    if header.fn != message.fn:
        yield f"номер ФН / FN number {header.fn}"
