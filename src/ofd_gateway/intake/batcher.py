"""Group commit: whatever waits when one transaction ends goes into the next one."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from typing import TYPE_CHECKING, Final, Literal, Protocol

import structlog

from ofd_gateway.storage import StoreFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from ofd_gateway.clock import Clock
    from ofd_gateway.ledger import Arrival, BatchDecision, Decision, Ledger
    from ofd_gateway.metrics import Metrics

__all__ = ["Batcher", "Store", "Waiter"]

_RETRY_PAUSE_S: Final = 0.1
_PROBE_PAUSE_S: Final = 1.0


class Store(Protocol):
    """What the batcher needs of the storage room."""

    async def commit(self, arrivals: Sequence[Arrival], ledger: Ledger, now: datetime) -> BatchDecision:
        """Everything of one batch in one transaction; raises `StoreFailed`."""
        ...

    async def probe(self) -> None:
        """Returns when documents could be stored now; raises `StoreFailed`."""
        ...


class Waiter(Protocol):
    """Who waits for the outcome of one arrival."""

    def stored(self, decision: Decision, commit_s: float) -> None:
        """The transaction has committed: the answer may be sent."""
        ...

    def unstorable(self, detail: str) -> None:
        """The database refuses this very document: it goes into quarantine and is not answered."""
        ...

    def unstored(self, reason: Literal["not_committed", "unknown"]) -> None:
        """No answer may be sent; the register keeps the document and sends it again."""
        ...


class _Waiting:
    __slots__ = ("arrival", "since", "waiter")

    def __init__(self, arrival: Arrival, waiter: Waiter, since: float) -> None:
        self.arrival = arrival
        self.waiter = waiter
        self.since = since


class Batcher:
    """Brings arrivals to the store, one transaction at a time, in the order in which they came.

    One document alone does not wait for company. A transaction that certainly did not commit is tried again until its
    documents have waited `store_timeout_s`; one whose outcome is unknown is not: its connections are closed and the
    registers send again, which the key of a document makes harmless. After a failure the store is tried every second
    while nothing waits, so that its recovery is known before a register finds out.
    """

    def __init__(
        self,
        store: Store,
        ledger: Ledger,
        clock: Clock,
        metrics: Metrics,
        *,
        max_batch: int = 500,
        store_timeout_s: float = 5.0,
        on_committed: Callable[[], None] | None = None,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._clock = clock
        self._metrics = metrics
        self._max_batch = max_batch
        self._store_timeout_s = store_timeout_s
        self._on_committed = on_committed
        self._queue: deque[_Waiting] = deque()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._stopping = False
        self._log = structlog.get_logger()
        self._told: set[str] = set()

    @property
    def healthy(self) -> bool:
        """No transaction has failed since the last one that worked."""
        return not self._told

    def submit(self, arrival: Arrival, waiter: Waiter) -> None:
        """Queues one arrival; the waiter hears of its outcome exactly once."""
        self._queue.append(_Waiting(arrival, waiter, time.monotonic()))
        self._idle.clear()
        self._wake.set()

    async def run(self) -> None:
        """Commits batches until `stop` was called and the queue is empty."""
        while True:
            if not self._queue:
                self._idle.set()
                if self._stopping:
                    return
                self._wake.clear()
                await self._wait_for_work()
                continue
            count = min(len(self._queue), self._max_batch)
            await self._commit([self._queue.popleft() for _ in range(count)])

    def stop(self) -> None:
        """Lets `run` return once everything that waits has its outcome."""
        self._stopping = True
        self._wake.set()

    async def wait_idle(self) -> None:
        """Returns once everything that was submitted has its outcome."""
        await self._idle.wait()

    async def _wait_for_work(self) -> None:
        while not self._wake.is_set():
            try:
                async with asyncio.timeout(None if self.healthy else _PROBE_PAUSE_S):
                    await self._wake.wait()
            except TimeoutError:
                with contextlib.suppress(StoreFailed):
                    await self._store.probe()
                    self._goes_on()

    async def _commit(self, batch: list[_Waiting]) -> None:
        while batch:
            started = time.monotonic()
            try:
                outcome = await self._store.commit([w.arrival for w in batch], self._ledger, self._clock.now())
            except StoreFailed as error:
                if not error.retryable and error.committed == "no":
                    await self._refused(batch, error)
                    return
                self._failed(error)
                batch = await self._keep_for_retry(batch, error)
                continue
            self._succeeded(batch, outcome, time.monotonic() - started)
            return

    async def _refused(self, batch: list[_Waiting], error: StoreFailed) -> None:
        """The database refuses something in the batch and always would: the batch is halved until that stands alone."""
        if len(batch) == 1:
            self._metrics.store_failures.labels(error.committed).inc()
            self._log.error("document.unstorable", fn=batch[0].arrival.container.fn, reason=str(error))
            batch[0].waiter.unstorable(str(error))
            return
        middle = len(batch) // 2
        await self._commit(batch[:middle])
        await self._commit(batch[middle:])

    def _succeeded(self, batch: list[_Waiting], outcome: BatchDecision, commit_s: float) -> None:
        self._goes_on()
        self._metrics.batch_documents.observe(len(batch))
        self._metrics.commit_seconds.observe(commit_s)
        for waiting, decision in zip(batch, outcome.decisions, strict=True):
            try:
                waiting.waiter.stored(decision, commit_s)
            except Exception:  # noqa: BLE001  one connection's failure must not cost the others their answers
                self._log.exception("confirmation.failed", fn=decision.arrival.container.fn)
        if self._on_committed is not None:
            self._on_committed()

    def _goes_on(self) -> None:
        if not self.healthy:
            self._told.clear()
            self._log.info("store.recovered")
        self._metrics.database_up.set(1)

    def _failed(self, error: StoreFailed) -> None:
        self._metrics.store_failures.labels(error.committed).inc()
        self._metrics.database_up.set(0)
        reason = str(error)
        cause = error.sqlstate or reason.partition(":")[0]
        if cause not in self._told:
            self._told.add(cause)
            sqlstate = {} if error.sqlstate is None else {"sqlstate": error.sqlstate}
            self._log.error("store.failed", committed=error.committed, reason=reason, **sqlstate)

    async def _keep_for_retry(self, batch: list[_Waiting], error: StoreFailed) -> list[_Waiting]:
        if error.committed == "unknown":
            for waiting in batch:
                waiting.waiter.unstored("unknown")
            return []
        oldest_kept = time.monotonic() - self._store_timeout_s
        kept = [w for w in batch if w.since > oldest_kept]
        for waiting in batch:
            if waiting.since <= oldest_kept:
                waiting.waiter.unstored("not_committed")
        self._drop_overdue(oldest_kept)
        if kept:
            await asyncio.sleep(_RETRY_PAUSE_S)
        return kept

    def _drop_overdue(self, oldest_kept: float) -> None:
        while self._queue and self._queue[0].since <= oldest_kept:
            self._queue.popleft().waiter.unstored("not_committed")
