"""A database whose documents go on to a peer: registers, a clock that is set by hand, and exporters."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ofd_gateway.alerts import Parameters
from ofd_gateway.alerts.fns_delay import DelayParameters
from ofd_gateway.alerts.notices import NoticeParameters
from ofd_gateway.crypto import EmulatorCrypto
from ofd_gateway.dispatch import DispatchParameters
from ofd_gateway.fns.exporter import LONGEST_RETRY_AFTER, Exporter
from ofd_gateway.fns.http import HttpTransport
from ofd_gateway.fns.rendering import Renderer
from ofd_gateway.fns.reporter import FnsReporter
from ofd_gateway.metrics import Metrics
from ofd_gateway.storage import Database, Directory, FnsEndpoint, FnsOutbox, Outboxes, Watching
from ofd_gateway.storage.commit import CommitConnection
from tests.messages import tlv
from tests.storage.arrivals import arrival, ledger
from tests.storage.watched import body

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from ofd_gateway.ledger import BatchDecision
    from ofd_gateway.storage.watches import WatchOutcome
    from tests.fns.peer import Peer

NOON = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
PARAMETERS = DispatchParameters(batch=20, retry_min=SECOND, retry_max=MINUTE, tries=3, late_after=15 * MINUTE)
DEADLINE_S = 20.0


def fn(number: int) -> str:
    return str(8710000100000000 + number)


def register(number: int) -> str:
    return f"{number:016d}"


class SetClock:
    def __init__(self) -> None:
        self.at = NOON

    def now(self) -> datetime:
        return self.at


class Scene:
    """The leg of one database."""

    def __init__(self, database: Database, directory: Directory) -> None:
        self.database = database
        self.directory = directory
        self.clock = SetClock()
        self.metrics = Metrics()
        self.outcomes: list[WatchOutcome] = []
        watching = Watching(directory, self.outcomes.append)
        self.commits = CommitConnection(database.dsn, timeout_s=10, watching=watching, outboxes=Outboxes(fns=True))
        self._next: dict[str, int] = {}

    async def document(self, number: int = 1, *, count: int = 1, version: bytes = b"\x02", **kwargs: Any) -> Any:
        """The next documents of a register's FN, in one transaction."""
        arrivals = []
        for _ in range(count):
            fd = kwargs.get("fd") or self._next.get(fn(number), 0) + 1
            self._next[fn(number)] = fd
            whole = body(fn(number), fd, 3, register(number), self.clock.at)
            whole = whole.replace(tlv(1209, b"\x02"), tlv(1209, version))
            arrivals.append(arrival(fn(number), fd, body=tlv(3, whole[4:]), received_at=self.clock.at))
        decided: BatchDecision = await self.commits.commit(arrivals, ledger(), self.clock.at)
        return decided.decisions

    def outbox(self, parameters: DispatchParameters = PARAMETERS) -> FnsOutbox:
        return FnsOutbox(
            self.database,
            self.directory,
            self.outcomes.append,
            batch=parameters.batch,
            longest_pause=LONGEST_RETRY_AFTER,
        )

    def endpoint(self, delay: DelayParameters | None = None) -> FnsEndpoint:
        return FnsEndpoint(
            self.database,
            self.directory,
            self.outcomes.append,
            delay or DelayParameters(),
            longest_pause=LONGEST_RETRY_AFTER,
        )

    @contextlib.asynccontextmanager
    async def exporting(
        self,
        peer: Peer,
        *,
        parameters: DispatchParameters = PARAMETERS,
        parallel: int = 2,
        timeout_s: float = 10.0,
        token: str = "",
        path: str = "",
        draw: Callable[[], float] = lambda: 0.0,
    ) -> AsyncIterator[Exporter]:
        transport = HttpTransport(peer.url + path, self.clock, token=token, timeout_s=timeout_s, parallel=parallel)
        exporter = Exporter(
            self.outbox(parameters),
            self.endpoint(),
            transport,
            Renderer(EmulatorCrypto(b"k" * 32)),
            self.clock,
            FnsReporter(self.metrics),
            parameters=parameters,
            parallel=parallel,
            draw=draw,
        )
        task = asyncio.create_task(exporter.run())
        try:
            yield exporter
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await transport.close()

    async def fetch(self, statement: str, *arguments: Any) -> list[tuple[Any, ...]]:
        async with self.database.acquire() as connection:
            return [tuple(row) for row in await connection.fetch(statement, *arguments)]

    async def execute(self, statement: str, *arguments: Any) -> None:
        async with self.database.acquire() as connection:
            await connection.execute(statement, *arguments)

    async def queued(self) -> list[tuple[str, int]]:
        return await self.fetch("SELECT fn, fd FROM fns_queue ORDER BY fn, generation, fd")

    async def answers(self) -> list[tuple[str, int, str, int]]:
        return await self.fetch("SELECT fn, fd, status, code FROM fns_answers ORDER BY fn, generation, fd")

    async def lines(self) -> list[tuple[str, int, int, str]]:
        return await self.fetch("SELECT fn, fd, failures, trouble FROM fns_lines ORDER BY fn")

    async def is_down(self) -> bool:
        return (await self.fetch("SELECT failing_since IS NOT NULL FROM fns_endpoint"))[0][0]

    async def alerts(self, *rules: str) -> list[tuple[str, str, str, bool]]:
        """Rule, subject, code (or level) and whether it is open."""
        rows = await self.fetch(
            "SELECT rule, subject, coalesce(facts ->> 'code', level), resolved_at IS NULL FROM alerts ORDER BY id"
        )
        return [row for row in rows if not rules or row[0] in rules]

    async def until_empty(self, exporter: Exporter | None = None) -> None:
        async def empty() -> bool:
            return not await self.queued()

        await until(empty, exporter)


async def until(
    condition: Callable[[], bool] | Callable[[], Awaitable[bool]], exporter: Exporter | None = None
) -> None:
    """Waits for the condition; the exporter does not sleep meanwhile."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            found = condition()
            if (found if isinstance(found, bool) else await found) is True:
                return
            if exporter is not None:
                exporter.wake()
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def opened(dsn: str) -> AsyncIterator[Scene]:
    database = await Database.connect(dsn, pool_size=12)
    directory = Directory(Parameters(), NoticeParameters())
    async with database.acquire() as connection:
        await directory.take_over(connection, NOON)
        await directory.refresh(connection)
    scene = Scene(database, directory)
    try:
        yield scene
    finally:
        await scene.commits.close()
        await database.close()
