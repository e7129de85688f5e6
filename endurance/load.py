"""The load: virtual registers that sell until they are told to stop, and peers that do not behave.

What the registers were told is in the record file; the judge believes nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from benchmarks import frames

from ofd_gateway.clock import SystemClock
from ofd_gateway.simulator.fleet import deal_tills, run_fleet
from ofd_gateway.simulator.formats import Ffd
from ofd_gateway.simulator.habit import HABITS
from ofd_gateway.simulator.identity import identity_of
from ofd_gateway.simulator.order import FleetOrder
from ofd_gateway.simulator.record import Recorder
from ofd_gateway.simulator.register import Endpoint, Register
from ofd_gateway.simulator.tally import Tally
from ofd_gateway.simulator.till import Plan

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

    from endurance.order import SoakOrder
    from ofd_gateway.simulator.order import FleetReport

__all__ = ["Load"]

_FOR_EVER_S: Final = 1e6
_KEY_DAYS: Final = 20
_LOST_ANSWERS: Final = 0.01
_ANSWER_S: Final = 90.0
"""Connections wait in the queue of their socket while a killed worker is replaced, which a busy machine does slowly."""
_SEEDS: Final = 1000
"""Seeds of one soak: fleet 0 sells, 1 skips, the others pass by, one a round."""
_PAUSE_OF_BAD_PEERS_S: Final = (0.2, 1.0)
_SLOW_PIECE_S: Final = 0.4
_SLOW_PIECES: Final = 12


class Load:
    """Every peer of the gateway at once."""

    def __init__(self, order: SoakOrder, address: str, record: Path, dice: Random) -> None:
        self._order = order
        self._host, _, port = address.rpartition(":")
        self._port = int(port)
        self._endpoint = Endpoint(
            host=self._host,
            port=self._port,
            connect_timeout_s=5.0,
            answer_timeout_s=_ANSWER_S,
            reconnect_max_s=1.0,
        )
        self._dice = dice
        self._recorder = Recorder(record)
        self._stop = asyncio.Event()
        self._runs: list[asyncio.Task[FleetReport]] = []
        self._skippers: list[asyncio.Task[None]] = []
        self._bad: list[asyncio.Task[None]] = []
        self._skipped = Tally()

    @property
    def inns(self) -> list[str]:
        """The owners of the registers that stay, each one a customer."""
        return [identity_of(self._seed(0), index).user_inn for index in range(self._order.registers)]

    def start(self) -> None:
        """All peers but those that pass by."""
        order = self._order
        selling = FleetOrder(
            name="selling",
            endpoint=self._endpoint,
            registers=order.registers,
            plan=Plan(receipts=None, receipts_per_shift=order.receipts_per_shift, reregister_every_shifts=3),
            duration_s=_FOR_EVER_S,
            rate_per_s=order.rate_per_s,
            ffd_mix=tuple(Ffd),
            habits=tuple(HABITS.values()),
            key_days=_KEY_DAYS,
            seed=self._seed(0),
            lose_probability=_LOST_ANSWERS,
            patience_s=_FOR_EVER_S,
        )
        self._runs.append(asyncio.create_task(self._run(selling)))
        skipping = FleetOrder(
            endpoint=self._endpoint,
            registers=order.skipping_registers,
            plan=Plan(receipts=None),
            duration_s=_FOR_EVER_S,
            seed=self._seed(1),
        )
        connecting, online = asyncio.Semaphore(order.skipping_registers), asyncio.Event()
        online.set()
        clock = SystemClock()
        for till in deal_tills(skipping, clock):
            register = Register(
                till,
                endpoint=self._endpoint,
                habit=HABITS["keep-alive"],
                tally=self._skipped,
                clock=clock,
                connecting=connecting,
                online=online,
                recorder=self._recorder,
            )
            self._skippers.append(asyncio.create_task(self._skip(register)))
        self._bad = [asyncio.create_task(self._drop_half_way()), asyncio.create_task(self._send_slowly())]

    def pass_by(self, round_number: int) -> None:
        """Some registers that sell a little, close their FN, and are never seen again."""
        order = self._order
        passing = FleetOrder(
            name=f"passing {round_number}",
            endpoint=self._endpoint,
            registers=order.passing_registers,
            plan=Plan(receipts=order.passing_receipts, receipts_per_shift=order.passing_receipts, closes_archive=True),
            rate_per_s=2.0 * order.passing_registers,
            ffd_mix=tuple(Ffd),
            key_days=_KEY_DAYS,
            seed=self._seed(1 + round_number),
            patience_s=_FOR_EVER_S,
        )
        self._runs.append(asyncio.create_task(self._run(passing)))

    async def stop(self, deadline_s: float) -> list[str]:
        """Shifts are closed and queues sent; what the registers found wrong. Those that do not end are found too."""
        self._stop.set()
        for task in self._bad:
            task.cancel()
        await asyncio.gather(*self._bad, return_exceptions=True)
        tasks = [*self._runs, *self._skippers]
        _, pending = await asyncio.wait(tasks, timeout=deadline_s)
        for late in pending:
            late.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        self._recorder.close()
        findings = [f"{len(pending)} fleets did not end within {deadline_s:.0f} s"] if pending else []
        findings += [
            f"a register failed: {outcome!r}"
            for outcome in outcomes
            if isinstance(outcome, BaseException) and not isinstance(outcome, asyncio.CancelledError)
        ]
        findings += [f"a skipping register was answered wrongly: {one}" for one in self._skipped.mismatches]
        for run in self._runs:
            if not run.cancelled() and run.exception() is None:
                report = run.result()
                findings += [f"{report.name}: answered wrongly: {one}" for one in report.tally.mismatches]
                if report.unconfirmed:
                    findings.append(f"{report.name}: {report.unconfirmed} documents were never confirmed")
        return findings

    def _seed(self, fleet: int) -> int:
        return self._order.seed % _SEEDS * _SEEDS + fleet

    async def _run(self, order: FleetOrder) -> FleetReport:
        return await run_fleet(order, recorder=self._recorder, stop=self._stop)

    async def _skip(self, register: Register) -> None:
        """Now and then a document overtakes the one before it, which comes when its absence has long been noticed."""
        till, clock = register.till, SystemClock()
        try:
            while not self._stop.is_set():
                for _ in range(self._dice.randint(2, 6)):
                    till.issue_next(clock.now())
                    await register.send_oldest()
                till.issue_next(clock.now())
                till.issue_next(clock.now())
                await register.send_newest()
                await self._pause(self._dice.uniform(0.3, 2.0) * self._order.gap_after.total_seconds())
                while till.fn.oldest is not None:
                    await register.send_oldest()
            while till.issue_next(clock.now(), closing=True) is not None:
                await register.send_oldest()
        finally:
            register.close()

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop.wait()

    async def _drop_half_way(self) -> None:
        """Registers whose network goes away in the middle of a document."""
        while True:
            await asyncio.sleep(self._dice.uniform(*_PAUSE_OF_BAD_PEERS_S))
            message = frames.message(frames.fn_number(self._dice.randrange(1000)), 1)
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection(self._host, self._port)
                try:
                    writer.write(message[: self._dice.randrange(1, len(message))])
                    await writer.drain()
                    await asyncio.sleep(self._dice.uniform(0.0, 0.1))
                finally:
                    writer.transport.abort()

    async def _send_slowly(self) -> None:
        """Registers that send a few bytes now and then, and give up before the document is whole."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                await asyncio.sleep(self._dice.uniform(*_PAUSE_OF_BAD_PEERS_S))
                tasks.create_task(self._drip(frames.message(frames.fn_number(1000), 1)))

    async def _drip(self, message: bytes) -> None:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection(self._host, self._port)
            try:
                for start in range(_SLOW_PIECES):
                    writer.write(message[start * 8 : start * 8 + 8])
                    await writer.drain()
                    await asyncio.sleep(_SLOW_PIECE_S)
            finally:
                writer.close()
