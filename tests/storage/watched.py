"""A database that rules look at: documents come in, time passes, and what was found is kept."""

from __future__ import annotations

import struct
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ofd_gateway.alerts import Parameters
from ofd_gateway.alerts.incident import IncidentParameters
from ofd_gateway.alerts.notices import NoticeParameters
from ofd_gateway.storage import Database, DeadlineStore, Directory, Watching
from ofd_gateway.storage.commit import CommitConnection
from tests.messages import PLAIN_FN, document_body, tlv
from tests.storage.arrivals import arrival, ledger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import asyncpg

    from ofd_gateway.ledger import BatchDecision
    from ofd_gateway.storage.watches import WatchOutcome

REGISTER = "0000000000024136"
"""The one that the documents of `tests.messages` name."""
TAXPAYER = "7802781104"
START = datetime(2026, 1, 31, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def body(fn: str, fd: int, code: int, register: str | None, at: datetime) -> bytes:
    """A document of that register, dated as it arrives (Moscow)."""
    plain = document_body(fn, fd, code=code)[4:]
    inner, at_byte = b"", 0
    while at_byte < len(plain):
        tag, length = struct.unpack_from("<HH", plain, at_byte)
        value = plain[at_byte + 4 : at_byte + 4 + length]
        at_byte += 4 + length
        if tag == 1037:
            if register is not None:
                inner += tlv(1037, register.encode().ljust(20))
        elif tag == 1012:
            inner += tlv(1012, struct.pack("<I", int((at + 3 * HOUR).timestamp())))
        else:
            inner += tlv(tag, value)
    return tlv(code, inner)


class Watched:
    """One database, one gateway's connections to it, and a clock."""

    def __init__(self, database: Database, directory: Directory, incidents: IncidentParameters) -> None:
        self.database = database
        self.directory = directory
        self.now = START
        self.outcomes: list[WatchOutcome] = []
        self.commits = CommitConnection(database.dsn, timeout_s=10, watching=Watching(directory, self.outcomes.append))
        self.deadlines = DeadlineStore(database, directory, incidents, self.outcomes.append)
        self._next: dict[str, int] = {}

    async def document(
        self,
        fn: str = PLAIN_FN,
        *,
        fd: int | None = None,
        code: int = 3,
        register: str | None = REGISTER,
        extra: bytes = b"",
    ) -> BatchDecision:
        number = self._next.get(fn, 0) + 1 if fd is None else fd
        self._next[fn] = max(number, self._next.get(fn, 0))
        whole = body(fn, number, code, register, self.now)
        inner = whole[4:] + extra
        one = arrival(fn, number, code=code, body=tlv(code, inner), received_at=self.now)
        return await self.commits.commit([one], ledger(), self.now)

    async def pass_time(self, duration: timedelta) -> None:
        """Looks at each deadline on the way at its own time, as a gateway that runs does."""
        until = self.now + duration
        while (at := await self.deadlines.next_at()) is not None and at <= until:
            self.now = max(at, self.now)
            await self.deadlines.look(self.now)
        self.now = until
        await self.deadlines.look(until)

    async def alerts(self, *rules: str) -> list[tuple[str, str, str, bool]]:
        """Rule, subject, level and whether it is open; of these rules or of all."""
        rows = await self.fetch("SELECT rule, subject, level, resolved_at IS NULL AS open FROM alerts ORDER BY id")
        return [tuple(row) for row in rows if not rules or row["rule"] in rules]

    async def fetch(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        async with self.database.acquire() as connection:
            found: list[asyncpg.Record] = await connection.fetch(query, *arguments)
            return found


@asynccontextmanager
async def watched(
    dsn: str,
    *,
    parameters: Parameters | None = None,
    incidents: IncidentParameters | None = None,
    notices: NoticeParameters | None = None,
) -> AsyncIterator[Watched]:
    database = await Database.connect(dsn)
    directory = Directory(parameters or Parameters(), notices or NoticeParameters())
    async with database.acquire() as connection:
        await directory.take_over(connection, START)
        await directory.refresh(connection)
    scene = Watched(database, directory, incidents or IncidentParameters())
    try:
        yield scene
    finally:
        await scene.commits.close()
        await database.close()
