"""Messages that were not accepted, on their way into the quarantine."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from ofd_gateway.storage import StoreFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ofd_gateway.ledger import QuarantineRow
    from ofd_gateway.metrics import Metrics

__all__ = ["QuarantineStore", "QuarantineWriter"]

_MAX_BATCH: Final = 200
_MAX_WAITING: Final = 5_000


class QuarantineStore(Protocol):
    """What the writer needs of the storage room."""

    async def quarantine(self, rows: Sequence[QuarantineRow]) -> None:
        """Stores the rows in one transaction; raises `StoreFailed`."""
        ...


class QuarantineWriter:
    """Writes quarantine rows in batches, apart from the documents, so that garbage never delays a confirmation.

    At most `max_waiting` rows wait; what comes beyond is refused with a log line, which is all that remains of it.
    """

    def __init__(self, store: QuarantineStore, metrics: Metrics, *, max_waiting: int = _MAX_WAITING) -> None:
        self._store = store
        self._metrics = metrics
        self._max_waiting = max_waiting
        self._queue: deque[tuple[QuarantineRow, Callable[[bool], None]]] = deque()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._stopping = False
        self._log = structlog.get_logger()

    def submit(self, row: QuarantineRow, done: Callable[[bool], None]) -> None:
        """Queues one row; `done` hears whether it was stored."""
        if len(self._queue) >= self._max_waiting:
            self._lost(row, "the queue of the quarantine is full")
            done(False)
            return
        self._queue.append((row, done))
        self._idle.clear()
        self._wake.set()

    async def run(self) -> None:
        """Writes rows until `stop` was called and the queue is empty."""
        while True:
            if not self._queue:
                self._idle.set()
                if self._stopping:
                    return
                self._wake.clear()
                await self._wake.wait()
                continue
            count = min(len(self._queue), _MAX_BATCH)
            await self._write([self._queue.popleft() for _ in range(count)])

    def stop(self) -> None:
        """Lets `run` return once everything that waits was written or lost."""
        self._stopping = True
        self._wake.set()

    async def wait_idle(self) -> None:
        """Returns once everything that was submitted was written or lost."""
        await self._idle.wait()

    async def _write(self, batch: list[tuple[QuarantineRow, Callable[[bool], None]]]) -> None:
        try:
            await self._store.quarantine([row for row, _ in batch])
        except StoreFailed as error:
            for row, done in batch:
                self._lost(row, str(error))
                done(False)
            return
        for row, done in batch:
            self._metrics.quarantined.labels(row.reason).inc()
            done(True)

    def _lost(self, row: QuarantineRow, why: str) -> None:
        self._log.error(
            "quarantine.failed", fn=row.fn, fd=row.fd, reason=row.reason, peer=row.peer, bytes=len(row.raw), why=why
        )
