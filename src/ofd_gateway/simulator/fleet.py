"""A fleet of virtual registers against one endpoint: load, outages, and a report at the end."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import TYPE_CHECKING

from ofd_gateway.clock import Clock, SystemClock
from ofd_gateway.simulator.dice import Dice
from ofd_gateway.simulator.identity import identity_of
from ofd_gateway.simulator.order import DEFAULT_OPERATOR, DEFAULT_PLAN, FleetOrder, FleetReport, Progress
from ofd_gateway.simulator.register import CutOff, QueueHeld, Register, RegisterStuck
from ofd_gateway.simulator.schedule import cut_off_until
from ofd_gateway.simulator.shop import Shop
from ofd_gateway.simulator.tally import Tally
from ofd_gateway.simulator.till import Till
from ofd_gateway.simulator.virtual_fn import VirtualFn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ofd_gateway.simulator.record import Recorder

__all__ = ["DEFAULT_OPERATOR", "DEFAULT_PLAN", "FleetOrder", "FleetReport", "Progress", "deal_tills", "run_fleet"]

CONNECTING_AT_ONCE = 200
OFFLINE_PAUSE_S = 0.2
"""Between two documents of a register that is cut off and has no rate to keep."""


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
        self.schedule = order.schedule
        self.started_s = time.monotonic()
        self.online = asyncio.Event()
        self.online.set()
        connecting = asyncio.Semaphore(CONNECTING_AT_ONCE)
        self.held: set[Register] = set()
        self.registers = [
            Register(
                till,
                endpoint=order.endpoint,
                habit=order.habits[index % len(order.habits)],
                tally=self.tally,
                clock=clock,
                connecting=connecting,
                online=self.online,
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
        watches = [
            asyncio.create_task(self._watch(runs, on_progress, every_s)),
            asyncio.create_task(self._cut_off()),
        ]
        try:
            await asyncio.wait(runs, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for task in (*watches, *runs):
                task.cancel()
            await asyncio.gather(*watches, *runs, return_exceptions=True)
            for register in self.registers:
                register.close()
        _raise_failures((*watches, *runs))
        return FleetReport(
            name=self.order.name,
            tally=self.tally,
            registers=len(self.registers),
            seed=self.order.seed,
            unconfirmed=self._unconfirmed(),
            duration_s=time.monotonic() - self.started_s,
            given_up=self.given_up,
            open_loop=self.schedule is not None,
            refusals=sum((register.till.refusals for register in self.registers), Counter()),
        )

    async def _run(self, index: int, register: Register) -> None:
        """One register's life: a document at a time, issued when it is due, sent until it is confirmed."""
        order, till = self.order, register.till
        count = 0
        closing = False
        while True:
            try:
                if not self.online.is_set():
                    count = await self._sell_offline(index, count, register)
                due_at_s = None
                if self.schedule is not None and not self._over():
                    due_at_s = self._due_at_s(index, count)
                    await self._until(due_at_s)
                if order.prebuilt and self.stop.is_set():
                    return
                if not closing and self._over():
                    closing = True
                    self._count_missed(index, count)
                if till.fn.oldest is None and till.issue_next(self.clock.now(), closing=closing) is None:
                    return
                count += 1
                await register.send_oldest(due_at_s=None if closing else due_at_s)
            except CutOff:
                continue
            except RegisterStuck:
                self.tally.stuck_registers += 1
                return
            except QueueHeld:
                self.tally.held_registers += 1
                self.held.add(register)
                return

    async def _sell_offline(self, index: int, count: int, register: Register) -> int:
        """Sells until the network is back, then sends the queue; how many documents that makes by now."""
        till = register.till
        register.close()
        while not self.online.is_set():
            pause_s = OFFLINE_PAUSE_S
            if self.schedule is not None:
                pause_s = self._due_at_s(index, count) - time.monotonic()
            if pause_s > 0:
                try:
                    async with asyncio.timeout(pause_s):
                        await self.online.wait()
                    break
                except TimeoutError:
                    pass
            if till.issue_next(self.clock.now(), closing=self._over()) is None:
                await self.online.wait()
                break
            count += 1
        back_at_s = time.monotonic()
        while till.fn.oldest is not None:
            await register.send_oldest(due_at_s=back_at_s)
        return count

    def _due_at_s(self, index: int, count: int) -> float:
        assert self.schedule is not None  # noqa: S101  callers ask only when there is one
        return self.started_s + self.schedule.due_s(index + count * self.order.registers)

    def _count_missed(self, index: int, count: int) -> None:
        """What was due and could not be sent, because its register waited for an answer, waited at least until now."""
        if self.schedule is None or self.order.plan.receipts is not None:
            return
        now_s = time.monotonic()
        until_s = min(now_s - self.started_s, self.order.ends_s or now_s)
        for number in range(
            index + count * self.order.registers, self.schedule.due_until(until_s), self.order.registers
        ):
            self.tally.missed += 1
            self.tally.latency.add(now_s - self.started_s - self.schedule.due_s(number))

    async def _cut_off(self) -> None:
        """Takes the network away and gives it back, as the order says."""
        for outage in sorted(self.order.outages, key=lambda outage: outage.after_s):
            await asyncio.sleep(self.started_s + outage.after_s - time.monotonic())
            self.online.clear()
            for register in self.registers:
                register.close()
            ends_s: float | None = outage.ends_s
            while ends_s is not None:
                await asyncio.sleep(self.started_s + ends_s - time.monotonic())
                ends_s = cut_off_until(self.order.outages, time.monotonic() - self.started_s)
            self.online.set()

    async def _until(self, due_at_s: float) -> None:
        """Waits until a document is due, or until the run is over."""
        ends_s = self.order.ends_s
        if ends_s is not None:
            due_at_s = min(due_at_s, self.started_s + ends_s)
        wait_s = due_at_s - time.monotonic()
        if wait_s > 0 and not self.stop.is_set():
            try:
                async with asyncio.timeout(wait_s):
                    await self.stop.wait()
            except TimeoutError:
                return

    def _over(self) -> bool:
        ends_s = self.order.ends_s
        return self.stop.is_set() or (ends_s is not None and time.monotonic() >= self.started_s + ends_s)

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
                elapsed_s = now_s - self.started_s
                on_progress(
                    Progress(tally=self.tally, elapsed_s=elapsed_s, unconfirmed=waiting, done=self._done(elapsed_s))
                )

    def _done(self, elapsed_s: float) -> float | None:
        ends_s, receipts = self.order.ends_s, self.order.plan.receipts
        if ends_s is not None:
            return min(1.0, elapsed_s / ends_s)
        return min(1.0, self.tally.receipt_count / (receipts * self.order.registers)) if receipts else None

    def _unconfirmed(self) -> int:
        return sum(register.till.fn.unconfirmed_count for register in self.registers if register not in self.held)


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
                fn=VirtualFn(
                    number=identity.fn,
                    key=key,
                    ffd=ffd,
                    key_days=order.key_days,
                    capacity_documents=order.capacity_documents,
                ),
                shop=Shop(identity, ffd=ffd, operator=order.operator, seed=order.seed, index=index),
                plan=order.plan,
                clock_error=order.clock_error,
            )
        )
    return tills


def _raise_failures(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error
