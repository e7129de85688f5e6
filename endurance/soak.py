"""One soak from start to end: rounds with faults, calm rounds, and the judgement after each and over all."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Final

import asyncpg
from tests.letters.peer import Peer, serving

from endurance.children import NotReady, gateway_processes
from endurance.evidence import Confirmed, Evidence, add_customers, clean_run, connected
from endurance.judge import alert_findings, document_findings, is_premature, letter_findings
from endurance.links import NoSocket
from endurance.load import Load
from endurance.logs import EXPECTED_ERRORS, LogReader
from endurance.measures import descriptors, growth_findings, median_mb, memory_mb, sockets
from endurance.order import FAULT_KINDS, RoundFigures
from endurance.scene import Scene

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from endurance.order import FaultKind, SoakOrder

__all__ = ["SoakReport", "soak"]

_RECOVERY_S: Final = 60.0
_ENDING_S: Final = 120.0
_POLL_S: Final = 0.2
_SAMPLE_S: Final = 1.0
_QUIET: Final = timedelta(seconds=10)
"""How long nothing may fall due while the end is judged: rows are read one table after the other."""
_SHORT: Final = timedelta(seconds=30)
"""An alert that was over so soon may have been over before the letters went on after a fault."""
_KEPT_OPEN: Final = 12
"""So many sockets more than before the load may stay open: connections to the tax service are kept for a while."""
_PROCESSES: Final = 3
_DATABASE_AWAY: Final = (OSError, TimeoutError, NoSocket, asyncpg.PostgresError, asyncpg.InterfaceError)


@dataclass(frozen=True, slots=True, kw_only=True)
class SoakReport:
    """How it went; `findings` are what was wrong, the rounds' own included."""

    order: SoakOrder
    rounds: tuple[RoundFigures, ...]
    findings: tuple[str, ...]
    seconds: float = 0.0
    documents: int = 0
    alerts: int = 0
    resolved: int = 0
    premature: int = 0
    """Alerts that time opened while the document that ended them was on its way to the database."""
    letters: int = 0
    copies: int = 0
    """Letters that arrived once more."""
    faults: tuple[tuple[FaultKind, int], ...] = ()
    first_memory_mb: float = 0.0
    last_memory_mb: float = 0.0
    idle_sockets: int = 0
    last_sockets: int = 0
    """When the load was over, without those to the database; `idle_sockets` before it began."""

    @property
    def clean(self) -> bool:
        """Nothing was lost, doubled or changed, and nothing grew."""
        return not self.findings


async def soak(order: SoakOrder, home: Path, on_round: Callable[[RoundFigures], None]) -> SoakReport:
    """Runs the order in `home`, an empty directory; each round is shown when it is over."""
    async with serving(Peer()) as mail:
        scene = Scene(order, home, mail, Random(f"{order.seed} faults"))
        try:
            await scene.start()
            return await _Soak(order, home, scene, on_round).run()
        finally:
            await asyncio.gather(scene.gateway.stop(), scene.emulator.stop())


class _Soak:
    def __init__(self, order: SoakOrder, home: Path, scene: Scene, on_round: Callable[[RoundFigures], None]) -> None:
        self._order = order
        self._scene = scene
        self._on_round = on_round
        self._dice = Random(f"{order.seed} rounds")
        self._deck: list[FaultKind] = []
        record = home / "confirmed.jsonl"
        self._load = Load(order, scene.address, record, Random(f"{order.seed} load"))
        self._confirmed = Confirmed(record)
        self._log = LogReader(scene.gateway.log_file, scene.gateway.error_file)
        self._rounds: list[RoundFigures] = []
        self._findings: list[str] = []
        self._counted = 0
        self._expected = EXPECTED_ERRORS

    async def run(self) -> SoakReport:
        order, scene, started_s = self._order, self._scene, time.monotonic()
        idle = await self._sockets()
        await add_customers(scene.dsn, self._load.inns, datetime.now(UTC))
        self._load.start()
        try:
            for number in range(1, order.rounds + 1):
                await self._round(number, calm=False)
            for number in range(order.rounds + 1, order.rounds + order.calm_rounds + 1):
                await self._round(number, calm=True)
        except NotReady as error:
            self._findings.append(str(error))
        calm_mb = [figures.memory_mb for figures in self._rounds if figures.calm]
        self._findings += growth_findings(calm_mb, share=order.growth_share, more_mb=order.growth_mb)
        self._findings += await self._load.stop(_ENDING_S)
        last = await self._sockets_settled(idle)
        figures = await self._judge_all()
        self._findings += await scene.stop()
        self._findings += self._log.read(expected=self._expected)
        return SoakReport(
            order=order,
            rounds=tuple(self._rounds),
            findings=tuple(self._findings),
            seconds=time.monotonic() - started_s,
            faults=tuple(Counter(kind for one in self._rounds for kind in one.faults).items()),
            first_memory_mb=calm_mb[min(1, len(calm_mb) - 1)] if calm_mb else 0.0,
            last_memory_mb=calm_mb[-1] if calm_mb else 0.0,
            idle_sockets=idle,
            last_sockets=last,
            **figures,
        )

    async def _round(self, number: int, *, calm: bool) -> None:
        started_s = time.monotonic()
        self._load.pass_by(number)
        faults: tuple[FaultKind, ...] = ()
        samples: list[float] = []
        if calm:
            samples = await self._sample(started_s + self._order.calm_round_s)
        else:
            faults = await self._play(started_s + self._order.round_s)
            await self._recovered()
        seconds = time.monotonic() - started_s
        if number > self._order.rounds + 1:
            self._expected = frozenset()
        findings, confirmed, stored = await self._judge_round()
        figures = RoundFigures(
            number=number,
            calm=calm,
            seconds=seconds,
            confirmed=confirmed,
            stored=stored,
            faults=faults,
            memory_mb=median_mb(samples) if samples else memory_mb(self._scene.gateway.pid),
            descriptors=descriptors(self._scene.gateway.pid),
            findings=tuple(findings),
        )
        self._rounds.append(figures)
        self._findings += [f"round {number}: {finding}" for finding in findings]
        self._on_round(figures)

    async def _play(self, ends_at_s: float) -> tuple[FaultKind, ...]:
        """Fault after fault, every kind as often as any other, until the time is over and enough were played."""
        played: list[FaultKind] = []
        while True:
            await asyncio.sleep(self._dice.uniform(*self._order.pause_s))
            if time.monotonic() >= ends_at_s and len(played) >= self._order.least_faults:
                return tuple(played)
            if not self._deck:
                self._deck = self._dice.sample(FAULT_KINDS, len(FAULT_KINDS))
            kind = self._deck.pop()
            await self._scene.play(kind)
            played.append(kind)

    async def _sample(self, ends_at_s: float) -> list[float]:
        samples = []
        while time.monotonic() < ends_at_s:
            await asyncio.sleep(min(_SAMPLE_S, max(0.0, ends_at_s - time.monotonic())))
            samples.append(memory_mb(self._scene.gateway.pid))
        return samples

    async def _recovered(self) -> None:
        """Returns once documents are confirmed again. Raises NotReady."""
        await self._scene.gateway.ready()
        before = len(self._confirmed.digests) + self._confirmed.read()
        deadline_s = time.monotonic() + _RECOVERY_S
        while len(self._confirmed.digests) == before:
            if time.monotonic() > deadline_s:
                raise NotReady(f"nothing is confirmed for {_RECOVERY_S:.0f} s after the last fault")
            await asyncio.sleep(_POLL_S)
            self._confirmed.read()

    async def _judge_round(self) -> tuple[list[str], int, int]:
        """Findings, documents confirmed since the last time, documents stored."""
        before, self._counted = self._counted, len(self._confirmed.digests) + self._confirmed.read()
        async with self._evidence() as evidence:
            stored = await evidence.documents()
        findings = await asyncio.to_thread(document_findings, self._confirmed.digests, stored)
        return [*findings, *self._log.read(expected=self._expected)], self._counted - before, len(stored)

    async def _judge_all(self) -> dict[str, int]:
        """Everything once more, when nothing is under way: documents, alerts, letters, the tax service's side."""
        until = await self._nothing_left()
        findings, _, documents = await self._judge_round()
        expected, failures = await clean_run(self._scene.dsn, until)
        async with self._evidence() as evidence:
            alerts = await evidence.alerts()
            letters = await evidence.letters()
            told = await evidence.told()
            unaccepted = await evidence.unaccepted()
        received = Counter(str(message["Message-ID"]) for message in self._scene.mail.messages)
        findings += failures
        findings += alert_findings(expected, alerts)
        findings += letter_findings(
            letters,
            received,
            told,
            crashes=self._scene.crashes,
            in_hand=self._scene.letters_in_hand,
            short=_SHORT,
        )
        findings += [f"the tax service's side has not accepted {key}" for key in unaccepted]
        self._findings += [*self._confirmed.findings, *findings]
        return {
            "documents": documents,
            "alerts": len(alerts),
            "premature": sum(is_premature(row) for row in alerts),
            "resolved": sum(row[6] is not None for row in alerts),
            "letters": len(letters),
            "copies": received.total() - len(received),
        }

    async def _nothing_left(self) -> datetime:
        """Waits until nothing is due for a while, and gives its end; what is not done in time is a finding."""
        deadline_s = time.monotonic() + _ENDING_S
        while True:
            until = datetime.now(UTC) + _QUIET
            async with self._evidence() as evidence:
                left = await evidence.work_left(until)
            if not left:
                return until
            if time.monotonic() > deadline_s:
                self._findings.append(f"not done within {_ENDING_S:.0f} s: {left}")
                return until
            await asyncio.sleep(_POLL_S)

    @contextlib.asynccontextmanager
    async def _evidence(self) -> AsyncIterator[Evidence]:
        """A connection to the database as soon as there is one."""
        deadline_s = time.monotonic() + _RECOVERY_S
        while True:
            try:
                evidence = await connected(self._scene.dsn)
                break
            except _DATABASE_AWAY:
                if time.monotonic() > deadline_s:
                    raise
                await asyncio.sleep(_POLL_S)
        try:
            yield evidence
        finally:
            await evidence.close()

    async def _sockets(self) -> int:
        """Sockets but those of connections to the database, which pools keep as long as they like."""
        deadline_s = time.monotonic() + _RECOVERY_S
        while time.monotonic() < deadline_s:
            if len(gateway_processes(self._scene.gateway.pid)) == _PROCESSES:
                break
            await asyncio.sleep(_POLL_S)
        async with self._evidence() as evidence:
            return sockets(self._scene.gateway.pid) - await evidence.connections()

    async def _sockets_settled(self, idle: int) -> int:
        """How many are open when the load is gone; too many are a finding."""
        deadline_s = time.monotonic() + _RECOVERY_S
        while (last := await self._sockets()) > idle + _KEPT_OPEN:
            if time.monotonic() > deadline_s:
                self._findings.append(f"{last} sockets stay open, {idle} were before the load")
                break
            await asyncio.sleep(_POLL_S)
        return last
