"""A fleet of virtual registers against one endpoint: load, outages, and a report at the end."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ofd_gateway.clock import Clock, SystemClock
from ofd_gateway.simulator.dice import Dice
from ofd_gateway.simulator.formats import Ffd
from ofd_gateway.simulator.habit import HABITS, Habit
from ofd_gateway.simulator.identity import identity_of
from ofd_gateway.simulator.register import Endpoint, Register, RegisterStuck
from ofd_gateway.simulator.shop import Operator, Shop
from ofd_gateway.simulator.tally import Tally
from ofd_gateway.simulator.till import Plan, Till
from ofd_gateway.simulator.virtual_fn import VirtualFn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ofd_gateway.simulator.record import Recorder

DEFAULT_OPERATOR = Operator(inn="7704211201", name="ofd-gateway")
DEFAULT_PLAN = Plan(receipts=10)
CONNECTING_AT_ONCE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetOrder:
    """What the fleet is to do.

    A run ends when every register has done `plan` (its receipts are given), or after `duration_s`, when shifts
    are closed and queues are sent. Without any confirmation for `patience_s` it is given up.
    """

    endpoint: Endpoint
    registers: int = 1
    plan: Plan = DEFAULT_PLAN
    duration_s: float | None = None
    rate_per_s: float | None = None
    """Documents per second of the whole fleet, sent when they are due and not when the last one was answered."""
    ffd_mix: Sequence[Ffd] = (Ffd.V1_05,)
    """Formats, dealt to the registers in turn."""
    habits: Sequence[Habit] = (HABITS["keep-alive"],)
    """Habits, dealt to the registers in turn."""
    seed: int = 1
    operator: Operator = DEFAULT_OPERATOR
    prebuilt: bool = False
    """Builds every document before the clock starts; needs a number of receipts."""
    lose_probability: float = 0.0
    """Share of confirmations thrown away on arrival so that the document is sent again."""
    patience_s: float = 120.0

    def __post_init__(self) -> None:
        """Refuses orders that cannot end or contradict themselves (ValueError)."""
        if self.registers < 1:
            raise ValueError("a fleet has at least one register")
        if self.plan.receipts is None and self.duration_s is None:
            raise ValueError("a run needs a number of receipts or a duration")
        if self.prebuilt and self.plan.receipts is None:
            raise ValueError("documents can be built in advance only when their number is known")
        if self.prebuilt and self.duration_s is not None:
            raise ValueError("documents built in advance are all sent: a duration does not end such a run")
        if self.rate_per_s is not None and self.rate_per_s <= 0:
            raise ValueError("a rate is above zero")
        if not self.ffd_mix or not self.habits:
            raise ValueError("a fleet needs at least one format and one habit")


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetReport:
    """How the run went."""

    tally: Tally
    registers: int
    seed: int
    unconfirmed: int
    """Documents still in the drives' queues."""
    duration_s: float
    given_up: bool
    """Nothing was confirmed for too long."""

    @property
    def clean(self) -> bool:
        """Every document was confirmed and every confirmation was right."""
        return not self.tally.mismatch_count and not self.unconfirmed


@dataclass(slots=True, kw_only=True)
class Progress:
    """A look at a running fleet."""

    tally: Tally
    elapsed_s: float
    unconfirmed: int = field(default=0)


async def run_fleet(
    order: FleetOrder,
    *,
    recorder: Recorder | None = None,
    clock: Clock | None = None,
    stop: asyncio.Event | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    progress_every_s: float = 1.0,
) -> FleetReport:
    """Runs the fleet and reports. `stop` ends it early: shifts are closed, queues are sent, then it is over.

    Failures of the endpoint are part of the report, never exceptions; an error of the record file (OSError) is raised.
    """
    return await _Fleet(order, recorder, clock or SystemClock(), stop or asyncio.Event()).run(
        on_progress, progress_every_s
    )


class _Fleet:
    def __init__(self, order: FleetOrder, recorder: Recorder | None, clock: Clock, stop: asyncio.Event) -> None:
        self.order = order
        self.clock = clock
        self.stop = stop
        self.tally = Tally()
        self.given_up = False
        self.started_s = time.monotonic()
        connecting = asyncio.Semaphore(CONNECTING_AT_ONCE)
        self.registers = [
            Register(
                till,
                endpoint=order.endpoint,
                habit=order.habits[index % len(order.habits)],
                tally=self.tally,
                clock=clock,
                connecting=connecting,
                recorder=recorder,
                lose_probability=order.lose_probability,
            )
            for index, till in enumerate(deal_tills(order, clock))
        ]

    async def run(self, on_progress: Callable[[Progress], None] | None, every_s: float) -> FleetReport:
        if self.order.prebuilt:
            for register in self.registers:
                while register.till.issue_next(self.clock.now()) is not None:
                    pass
        self.started_s = time.monotonic()
        runs = [asyncio.create_task(self._run(index, register)) for index, register in enumerate(self.registers)]
        watch = asyncio.create_task(self._watch(runs, on_progress, every_s))
        try:
            await asyncio.wait(runs, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for task in (watch, *runs):
                task.cancel()
            await asyncio.gather(watch, *runs, return_exceptions=True)
            for register in self.registers:
                register.close()
        _raise_failures((watch, *runs))
        unconfirmed = self._unconfirmed()
        return FleetReport(
            tally=self.tally,
            registers=len(self.registers),
            seed=self.order.seed,
            unconfirmed=unconfirmed,
            duration_s=time.monotonic() - self.started_s,
            given_up=self.given_up,
        )

    async def _run(self, index: int, register: Register) -> None:
        """One register's life: a document at a time, issued when it is due, sent until it is confirmed."""
        order, till = self.order, register.till
        count = 0
        while True:
            due_at_s = None
            if order.rate_per_s is not None and not self._over():
                due_at_s = self.started_s + (index + count * order.registers) / order.rate_per_s
                await self._until(due_at_s)
            if order.prebuilt and self.stop.is_set():
                return
            closing = self._over()
            if till.fn.oldest is None and till.issue_next(self.clock.now(), closing=closing) is None:
                return
            count += 1
            try:
                await register.send_oldest(due_at_s=None if closing else due_at_s)
            except RegisterStuck:
                self.tally.stuck_registers += 1
                return

    async def _until(self, due_at_s: float) -> None:
        """Waits until a document is due, or until the run is over."""
        if self.order.duration_s is not None:
            due_at_s = min(due_at_s, self.started_s + self.order.duration_s)
        wait_s = due_at_s - time.monotonic()
        if wait_s > 0 and not self.stop.is_set():
            try:
                async with asyncio.timeout(wait_s):
                    await self.stop.wait()
            except TimeoutError:
                return

    def _over(self) -> bool:
        duration_s = self.order.duration_s
        return self.stop.is_set() or (duration_s is not None and time.monotonic() >= self.started_s + duration_s)

    async def _watch(
        self, runs: Sequence[asyncio.Task[None]], on_progress: Callable[[Progress], None] | None, every_s: float
    ) -> None:
        """Shows progress, and ends a run in which nothing has been confirmed for too long."""
        confirmed, confirmed_at_s = 0, time.monotonic()
        while True:
            await asyncio.sleep(min(every_s, self.order.patience_s / 4))
            now_s = time.monotonic()
            waiting = self._unconfirmed()
            if self.tally.confirmed_count != confirmed or not waiting:
                confirmed, confirmed_at_s = self.tally.confirmed_count, now_s
            if now_s - confirmed_at_s >= self.order.patience_s:
                self.given_up = True
                for run in runs:
                    run.cancel()
                return
            if on_progress is not None:
                on_progress(Progress(tally=self.tally, elapsed_s=now_s - self.started_s, unconfirmed=waiting))

    def _unconfirmed(self) -> int:
        return sum(register.till.fn.unconfirmed_count for register in self.registers)


def deal_tills(order: FleetOrder, clock: Clock) -> list[Till]:
    """The tills of a fleet: same seed, same shops and receipts; the drives' keys differ from run to run.

    So a second run with the same seed is a fleet whose debug drives were wiped: it starts again with FD 1, and its
    documents carry other signs.
    """
    born = clock.now().isoformat()
    tills = []
    for index in range(order.registers):
        identity = identity_of(order.seed, index)
        ffd = order.ffd_mix[index % len(order.ffd_mix)]
        key = bytes(Dice("key", order.seed, index, born).below(256) for _ in range(32))
        tills.append(
            Till(
                identity=identity,
                fn=VirtualFn(number=identity.fn, key=key, ffd=ffd),
                shop=Shop(identity, ffd=ffd, operator=order.operator, seed=order.seed, index=index),
                plan=order.plan,
            )
        )
    return tills


def _raise_failures(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error
