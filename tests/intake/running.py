"""The registers' side in this process, on a free port, over a real database or a store that fails on purpose."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ofd_gateway.crypto import EmulatorCrypto
from ofd_gateway.ffd.checks import CheckPolicy
from ofd_gateway.intake import Batcher, IntakeServer, Limits, QuarantineWriter, Reader
from ofd_gateway.ledger import Ledger
from ofd_gateway.metrics import Metrics
from ofd_gateway.sockets import bind_socket

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from ofd_gateway.ledger import Arrival, BatchDecision, FnState, QuarantineRow, StoredDocument

OPERATOR_INN = "7704211201"


class FixedClock:
    def __init__(self) -> None:
        self.time = datetime(2025, 11, 25, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time


class MemoryStore:
    """Keeps rows in memory; the next calls fail as `failures` says, and `gate` holds them back."""

    def __init__(self) -> None:
        self.states: dict[str, FnState] = {}
        self.rows: dict[tuple[str, int], list[StoredDocument]] = {}
        self.quarantined: list[QuarantineRow] = []
        self.batches: list[int] = []
        self.failures: deque[Exception | None] = deque()
        self.gate = asyncio.Event()
        self.gate.set()
        self.known: set[str] = set()

    async def commit(self, arrivals: Sequence[Arrival], ledger: Ledger, now: datetime) -> BatchDecision:
        from ofd_gateway.ledger import FnState, StoredDocument

        await self.gate.wait()
        if self.failures and (failure := self.failures.popleft()) is not None:
            raise failure
        for one in arrivals:
            self.states.setdefault(one.container.fn, FnState(fn=one.container.fn))
        keys = ledger.lookups(arrivals, self.states)
        batch = ledger.decide(arrivals, self.states, {key: self.rows.get(key, []) for key in keys}, now)
        for row in batch.documents:
            names = StoredDocument.__struct_fields__
            stored = StoredDocument(**{name: getattr(row, name) for name in names})
            self.rows.setdefault((row.fn, row.fd), []).append(stored)
        self.quarantined.extend(batch.quarantined)
        self.batches.append(len(arrivals))
        return batch

    async def probe(self) -> None:
        if self.failures and (failure := self.failures.popleft()) is not None:
            raise failure

    async def quarantine(self, rows: Sequence[QuarantineRow]) -> None:
        if self.failures and (failure := self.failures.popleft()) is not None:
            raise failure
        self.quarantined.extend(rows)

    async def is_known(self, fn: str, registration_number: str | None) -> bool:
        if self.failures and (failure := self.failures.popleft()) is not None:
            raise failure
        return fn in self.known or registration_number in self.known


class RunningIntake:
    def __init__(self, server: IntakeServer, store: Any, metrics: Metrics, port: int, clock: FixedClock) -> None:
        self.server = server
        self.store = store
        self.metrics = metrics
        self.port = port
        self.clock = clock

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def exchange(self, data: bytes, *, eof: bool = False) -> bytes:
        reader, writer = await self.connect()
        try:
            writer.write(data)
            if eof:
                writer.write_eof()
            return await read_answer(reader)
        finally:
            writer.close()

    def metric(self, name: str) -> float:
        for line in self.metrics.render().decode().splitlines():
            if line.startswith(f"ofd_gateway_{name} "):
                return float(line.rpartition(" ")[2])
        return 0.0


async def read_answer(reader: asyncio.StreamReader) -> bytes:
    """One whole answer, or nothing when the gateway closed without a byte."""
    async with asyncio.timeout(10):
        try:
            header = await reader.readexactly(30)
            return header + await reader.readexactly(int.from_bytes(header[24:26], "little"))
        except asyncio.IncompleteReadError as cut:
            return cut.partial
        except ConnectionResetError:
            return b""


async def until(condition: Callable[[], bool], deadline_s: float = 10.0) -> None:
    deadline = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come"
        await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def running_intake(
    store: Any = None, *, limits: Limits | None = None, answer_unreadable: bool = False, only_known: bool = False
) -> AsyncIterator[RunningIntake]:
    store = MemoryStore() if store is None else store
    limits = limits or Limits()
    metrics = Metrics()
    crypto = EmulatorCrypto(b"k" * 32)
    clock = FixedClock()
    policy = CheckPolicy(mode="observe")
    batcher = Batcher(store, Ledger(crypto, policy), clock, metrics, store_timeout_s=limits.store_timeout_s)
    quarantine = QuarantineWriter(store, metrics)
    server = IntakeServer(
        batcher=batcher,
        quarantine=quarantine,
        reader=Reader(crypto, policy),
        crypto=crypto,
        clock=clock,
        metrics=metrics,
        limits=limits,
        operator_inn=OPERATOR_INN,
        answer_unreadable=answer_unreadable,
        inventory=store if only_known else None,
    )
    sock: socket.socket = bind_socket("127.0.0.1", 0)
    port = sock.getsockname()[1]
    tasks = [asyncio.create_task(batcher.run()), asyncio.create_task(quarantine.run())]
    await server.start(sock)
    try:
        yield RunningIntake(server, store, metrics, port, clock)
    finally:
        await server.stop()
        batcher.stop()
        quarantine.stop()
        await asyncio.wait(tasks, timeout=5)
        for task in tasks:
            task.result()
