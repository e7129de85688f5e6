"""A database with receipts for buyers, a clock that is set by hand, and the tasks that plan and send."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ofd_gateway.alerts import Parameters
from ofd_gateway.alerts.letters import RetryParameters
from ofd_gateway.alerts.notices import NoticeParameters
from ofd_gateway.alerts.reporting import AlertReporter
from ofd_gateway.buyers.loop import Pace
from ofd_gateway.buyers.mailing import ReceiptMailer
from ofd_gateway.buyers.plan import PlanParameters
from ofd_gateway.buyers.planner import ReceiptPlanner
from ofd_gateway.buyers.smpp.pdu import Bind
from ofd_gateway.buyers.smpp.session import SmppSession
from ofd_gateway.buyers.submission import SmsParameters
from ofd_gateway.buyers.texting import Texter
from ofd_gateway.buyers.writer import ReceiptWriter
from ofd_gateway.mail import SmtpServer
from ofd_gateway.metrics import Metrics
from ofd_gateway.storage import (
    BuyerArchive,
    BuyerErasure,
    BuyerMailStore,
    BuyerQueue,
    Customer,
    CustomerBook,
    Database,
    Directory,
    Outboxes,
    PackageBook,
    SmsStore,
    Watching,
)
from ofd_gateway.storage.commit import CommitConnection
from tests.messages import PLAIN_FN, document_body
from tests.storage.arrivals import arrival, ledger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from ofd_gateway.storage import BuyerMessage
    from tests.buyers.sending.smsc import Smsc
    from tests.letters.peer import Peer

INN = "7802781104"
"""The taxpayer in the documents of `tests.messages`."""
OTHER_INN = "7736050003"
RNM = "0000000000024136"
NOON = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
RETRY = RetryParameters(first=timedelta(seconds=30), longest=timedelta(hours=1), attempts=3)
SECOND = timedelta(seconds=1)
PHONE, EMAIL = "+79991234567", "i@example.com"
BASE = "https://check.example"
SELLER = b"Romashka"


class SetClock:
    def __init__(self) -> None:
        self.at = NOON

    def now(self) -> datetime:
        return self.at


class Scene:
    """The buyers' side of one database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = SetClock()
        self.metrics = Metrics()
        self.directory = Directory(Parameters(), NoticeParameters())
        self.reporter = AlertReporter(self.metrics)
        self.archive = BuyerArchive(database)
        self.packages = PackageBook(database)
        self.queue = BuyerQueue(database, self.directory, self.reporter)
        self.sms_store = SmsStore(database, self.directory, self.reporter)
        self.mail_store = BuyerMailStore(database)
        self.erasure = BuyerErasure(database, self.directory, self.reporter)
        self.writer = ReceiptWriter(sender="ofd@gateway.test", sender_name="ОФД", base_url=BASE)
        self._commits = CommitConnection(
            database.dsn,
            timeout_s=10,
            watching=Watching(self.directory, self.reporter),
            outboxes=Outboxes(buyers=True),
        )

    async def close(self) -> None:
        await self._commits.close()

    async def execute(self, statement: str, *arguments: Any) -> None:
        async with self.database.acquire() as connection:
            await connection.execute(statement, *arguments)

    async def fetch(self, statement: str, *arguments: Any) -> list[tuple[Any, ...]]:
        async with self.database.acquire() as connection:
            return [tuple(row) for row in await connection.fetch(statement, *arguments)]

    async def customer(self, inn: str = INN, messages: int = 0, **changes: Any) -> None:
        known = {
            "name": "Ромашка",
            "emails": ("shop@example.org",),
            "notify": ("service", "messages", "silence", "fault"),
            "locale": "ru",
            "timezone": None,
            "parameters": {},
            "tell_resolved": True,
            "quiet_hours": None,
            "created_at": self.clock.at,
            "changed_at": self.clock.at,
            **changes,
        }
        await CustomerBook(self.database).add(Customer(inn=inn, **known), self.directory)
        if messages:
            await self.packages.top_up(inn, messages, "", self.directory, self.clock.at)

    async def receipts(self, *contacts: str, first_fd: int = 1, fn: str = PLAIN_FN, **tags: bytes) -> None:
        """Receipts with these contacts, one FD number after another, stored as the intake stores them."""
        given = {"t1048": SELLER, "t1054": b"\x01", **tags}
        batch = [
            arrival(
                fn,
                fd,
                body=document_body(fn, fd, t1008=contact.encode("cp866"), **given),
                received_at=self.clock.at,
            )
            for fd, contact in enumerate(contacts, first_fd)
        ]
        await self._commits.commit(batch, ledger(), self.clock.at)

    def planner(self, *, by_email: bool = True, by_sms: bool = True, charge_by: Any = "message") -> ReceiptPlanner:
        parameters = PlanParameters(by_email=by_email, by_sms=by_sms, charge_by=charge_by)
        return ReceiptPlanner(self.queue, self.archive, self.writer, parameters, self.clock, self.metrics)

    async def plan(self, **options: Any) -> None:
        """Plans everything that waits."""
        planner = self.planner(**options)
        while await planner.step():
            pass

    async def queued(self, *contacts: str, messages: int = 100, **tags: bytes) -> None:
        """Planned messages of a customer with a package."""
        await self.customer(messages=messages)
        await self.receipts(*contacts, **tags)
        await self.plan()

    def mailer(self, peer: Peer) -> ReceiptMailer:
        server = SmtpServer("127.0.0.1", peer.port, timeout_s=10.0)
        return ReceiptMailer(
            self.mail_store, server, self.writer, self.clock, self.metrics, retry=RETRY, draw=lambda: 0.0
        )

    def texter(self, smsc: Smsc, *, timeout_s: float = 10.0, enquire_s: float = 30.0, **options: Any) -> Texting:
        given = {"sender": "OFD", "retry": RETRY, "rate": 1000.0, **options}

        async def connect(on_message: Any) -> SmppSession:
            bind = Bind(system_id="gateway", password="secret08")
            return await SmppSession.open(
                "127.0.0.1", smsc.port, bind, on_message, timeout_s=timeout_s, enquire_s=enquire_s
            )

        pace = Pace(self.clock)
        texter = Texter(
            self.sms_store, connect, self.writer, pace, self.metrics, SmsParameters(**given), draw=lambda: 0.0
        )
        return Texting(texter, pace)

    async def messages(self, **conditions: Any) -> list[BuyerMessage]:
        return await self.archive.list_messages(limit=0, **conditions)

    async def states(self) -> list[tuple[int, str, str]]:
        rows = await self.fetch("SELECT fd, channel, state FROM buyer_messages ORDER BY fd, channel")
        return [(fd, channel, state) for fd, channel, state in rows]

    async def balance(self, inn: str = INN) -> int:
        return (await self.packages.get(inn)).balance

    async def attempts(self) -> list[tuple[str, int | None]]:
        rows = await self.fetch("SELECT outcome, code FROM buyer_attempts ORDER BY id")
        return [(outcome, code) for outcome, code in rows]

    def all_in(self, state: str, count: int = 1) -> Callable[[], Awaitable[bool]]:
        async def condition() -> bool:
            return len(await self.messages(state=state)) == count

        return condition

    def counted(self, channel: str, outcome: str) -> float:
        return float(self.metrics.buyer_messages.labels(channel, outcome)._value.get())


class Texting:
    """A texter that runs for the length of an `async with`."""

    def __init__(self, texter: Texter, pace: Pace) -> None:
        self.texter = texter
        self.pace = pace

    async def __aenter__(self) -> Texting:
        self._task = asyncio.create_task(self.texter.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.pace.stop()
        async with asyncio.timeout(20):
            await self._task

    async def die(self) -> None:
        """As a killed process: nothing is noted any more."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task


async def until(condition: Callable[[], Awaitable[bool] | bool], *texting: Texting, deadline_s: float = 30.0) -> None:
    """Returns once the condition holds; tasks are woken meanwhile, because the clock is set by hand."""
    async with asyncio.timeout(deadline_s):
        while True:
            held = condition()
            if held if isinstance(held, bool) else await held:
                return
            for one in texting:
                one.pace.wake()
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def opened(dsn: str) -> AsyncIterator[Scene]:
    database = await Database.connect(dsn, pool_size=16)
    scene = Scene(database)
    try:
        yield scene
    finally:
        await scene.close()
        await database.close()
