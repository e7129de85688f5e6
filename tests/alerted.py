"""A database in which rules have found something, through the intake's own transaction."""

from __future__ import annotations

from calendar import timegm
from datetime import UTC, datetime, timedelta
from struct import pack
from typing import TYPE_CHECKING, Any

import asyncpg

from ofd_gateway.alerts import Parameters
from ofd_gateway.alerts.incident import IncidentParameters
from ofd_gateway.alerts.notices import NoticeParameters
from ofd_gateway.storage import Customer, CustomerBook, Database, DeadlineStore, Directory, Watching
from ofd_gateway.storage.commit import CommitConnection
from tests.messages import PLAIN_FN, tlv
from tests.storage.arrivals import arrival, ledger

if TYPE_CHECKING:
    from types import TracebackType

INN = "7707083893"
REGISTER = "0000000000024136"
START = datetime(2026, 3, 1, 9, tzinfo=UTC)
MOSCOW = timedelta(hours=3)
HOUR = timedelta(hours=1)
FULL_FD = 200_000
"""From here on an FN is taken to be 80 % full."""


class Gateway:
    """What a gateway does on a database, by a clock that the test moves."""

    def __init__(self, dsn: str, parameters: Parameters | None = None) -> None:
        self._dsn = dsn
        self._parameters = parameters or Parameters()
        self.now = START

    async def __aenter__(self) -> Gateway:
        self.database = await Database.connect(self._dsn)
        self.directory = Directory(self._parameters, NoticeParameters())
        async with self.database.acquire() as connection:
            await self.directory.take_over(connection, self.now)
            await self.directory.refresh(connection)
        watching = Watching(self.directory, lambda outcome: None)
        self._commits = CommitConnection(self._dsn, timeout_s=10, watching=watching)
        self._deadlines = DeadlineStore(self.database, self.directory, IncidentParameters(), lambda outcome: None)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._commits.close()
        await self.database.close()

    async def customer(self, inn: str = INN, **changes: Any) -> None:
        """Adds a customer who wants to hear of everything."""
        known = {
            "name": "Ромашка",
            "emails": ("shop@example.org",),
            "notify": ("service", "messages", "silence", "fault"),
            "locale": "ru",
            "timezone": None,
            "parameters": {},
            "tell_resolved": True,
            "quiet_hours": None,
            "created_at": self.now,
            "changed_at": self.now,
            **changes,
        }
        await CustomerBook(self.database).add(Customer(inn=inn, **known), self.directory)
        async with self.database.acquire() as connection:
            await self.directory.refresh(connection)

    async def document(
        self,
        fd: int,
        code: int = 3,
        *,
        fn: str = PLAIN_FN,
        register: str | None = REGISTER,
        inn: str | None = INN,
        sign: bytes | None = None,
        **extra: bytes,
    ) -> None:
        """A document dated as it arrives."""
        body = document(fn, fd, code, self.now, register=register, inn=inn, **extra)
        one = arrival(fn, fd, code=code, sign=sign, body=body, received_at=self.now)
        await self._commits.commit([one], ledger(), self.now)

    async def documents(self, *receipts: tuple[int, str | None]) -> None:
        """Receipts in one transaction, each with its number and the register it names."""
        batch = [
            arrival(PLAIN_FN, fd, body=document(PLAIN_FN, fd, 3, self.now, register=register), received_at=self.now)
            for fd, register in receipts
        ]
        await self._commits.commit(batch, ledger(), self.now)

    async def batch(self, *documents: tuple[int, int, datetime]) -> None:
        """Documents in one transaction, each with its number, its code and the moment of its arrival."""
        arrivals = [
            arrival(PLAIN_FN, fd, code=code, body=document(PLAIN_FN, fd, code, at), received_at=at)
            for fd, code, at in documents
        ]
        await self._commits.commit(arrivals, ledger(), self.now)

    async def wait(self, span: timedelta) -> None:
        """Time passes, and the gateway looks once."""
        self.now += span
        await self._deadlines.look(self.now)


def document(
    fn: str, fd: int, code: int, at: datetime, *, register: str | None = REGISTER, inn: str | None = INN, **extra: bytes
) -> bytes:
    """A small document of FFD 1.05; `extra` are further values by tag (`t1097=b"..."`)."""
    records = [
        tlv(1209, b"\x02"),
        tlv(1041, fn.encode().ljust(16)),
        tlv(1040, pack("<I", fd)),
        tlv(1012, pack("<I", timegm((at + MOSCOW).timetuple()))),
        tlv(1077, b"\x21\x04" + pack(">I", fd)),
    ]
    if register is not None:
        records.append(tlv(1037, register.encode().ljust(20)))
    if inn is not None:
        records.append(tlv(1018, inn.encode().ljust(12)))
    if "t1038" not in extra:
        records.append(tlv(1038, pack("<I", 1)))
    records += [tlv(int(name[1:]), value) for name, value in extra.items()]
    return tlv(code, b"".join(records))


async def rows(dsn: str, query: str, *arguments: object) -> list[tuple[Any, ...]]:
    """What a query gives, as plain tuples."""
    connection = await asyncpg.connect(dsn)
    try:
        return [tuple(row) for row in await connection.fetch(query, *arguments)]
    finally:
        await connection.close()
