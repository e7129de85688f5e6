"""A database with customers and alerts, a clock that is set by hand, and mailers."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ofd_gateway.alerts.letters import Composer, RetryParameters
from ofd_gateway.alerts.mailer import Mailer
from ofd_gateway.alerts.model import AlertType, EndReason, Level, Subject, SubjectKind, Transition, TransitionKind
from ofd_gateway.alerts.notices import NoticeParameters
from ofd_gateway.mail import SmtpServer, Transport
from ofd_gateway.metrics import Metrics
from ofd_gateway.storage import Database
from ofd_gateway.storage.alert_records import Finding, record_findings
from ofd_gateway.storage.letter_archive import LetterArchive, LetterRecord
from ofd_gateway.storage.letter_groups import LetterPlanner, OperatorRecipient
from ofd_gateway.storage.letters import LetterStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from ofd_gateway.alerts.letters.delivery import Planned
    from tests.letters.peer import Peer

INN = "7707083893"
OTHER_INN = "7736050003"
NOON = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
"""Noon in Moscow."""
NOTICES = NoticeParameters()
RETRY = RetryParameters(first=timedelta(seconds=30), longest=timedelta(hours=1), attempts=5)
SENDER = "ofd@gateway.test"
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
WAIT = NOTICES.group_wait
FACTS: dict[str, dict[str, Any]] = {
    "service_ending": {"paid_until": "2026-11-30T21:00:00+00:00", "days_left": 7},
    "register_silent": {
        "variant": "no_contact",
        "silent_since": "2026-11-23T09:00:00+00:00",
        "last_document_at": "2026-11-23T09:00:00+00:00",
        "silent_hours": 24.0,
        "shift_open": False,
    },
    "documents_unsent": {
        "unsent": 3,
        "first_unsent_fd": 17,
        "first_unsent_date": "2026-11-04",
        "blocks_at": "2026-12-03T21:00:00+00:00",
        "days_to_block": 10,
    },
    "fns_rejected": {"source": "fns", "code": "7", "documents": 1, "day": "2026-11-24", "fd": 5},
    "fd_gap": {"first_fd": 3, "last_fd": 4, "missing": 2},
    "many_registers": {"rule": "register_silent", "recent": 25, "watched": 100},
}
TYPES = {
    "service_ending": AlertType.SERVICE,
    "register_silent": AlertType.SILENCE,
    "documents_unsent": AlertType.FAULT,
    "fns_rejected": AlertType.FAULT,
    "fd_gap": AlertType.OPERATOR,
    "many_registers": AlertType.OPERATOR,
}


class SetClock:
    def __init__(self) -> None:
        self.at = NOON

    def now(self) -> datetime:
        return self.at


class Scene:
    """The letters' side of one database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = SetClock()
        self.metrics = Metrics()
        self.archive = LetterArchive(database)
        self.store = LetterStore(database, NOTICES)
        self.planner = self.new_planner()
        self._ids = itertools.count(1)

    def new_planner(self, *, composer: Any = None, emails: tuple[str, ...] = ("operator@test.ru",)) -> LetterPlanner:
        return LetterPlanner(
            self.database,
            composer or Composer(operator_name="ОФД", register_timezone="Europe/Moscow"),
            sender=SENDER,
            operator=OperatorRecipient(emails=emails, name="ОФД", timezone="Europe/Moscow"),
            notices=NOTICES,
        )

    def mailer(self, transport: Transport, **options: Any) -> Mailer:
        given = {"sender": SENDER, "retry": RETRY, "draw": lambda: 0.0, **options}
        return Mailer(self.planner, self.store, transport, self.clock, self.metrics, **given)

    async def execute(self, statement: str, *arguments: Any) -> None:
        async with self.database.acquire() as connection:
            await connection.execute(statement, *arguments)

    async def fetch(self, statement: str, *arguments: Any) -> list[tuple[Any, ...]]:
        async with self.database.acquire() as connection:
            return [tuple(row) for row in await connection.fetch(statement, *arguments)]

    async def customer(self, inn: str = INN, emails: tuple[str, ...] = ("shop@test.ru",), **columns: Any) -> None:
        values = {
            "inn": inn,
            "name": "ООО «Ромашка»",
            "emails": list(emails),
            "notify": ["service", "messages", "silence", "fault"],
            "locale": "ru",
            "timezone": None,
            "parameters": "{}",
            "tell_resolved": True,
            "quiet_hours": None,
            "created_at": NOON,
            "changed_at": NOON,
            **columns,
        }
        places = ", ".join(f"${number}" for number in range(1, len(values) + 1))
        await self.execute(f"INSERT INTO customers ({', '.join(values)}) VALUES ({places})", *values.values())

    async def alert(
        self,
        rule: str = "service_ending",
        register: int = 1,
        *,
        kind: TransitionKind = TransitionKind.OPENED,
        weight: float = 1.0,
        critical: bool = False,
        inn: str | None = INN,
        episode: str = "one",
        end_reason: EndReason | None = None,
        **facts: Any,
    ) -> None:
        """One finding, written as the engine writes it, at the present moment of the clock."""
        number = f"{register:016d}"
        change = Transition(
            kind=kind,
            rule=rule,
            type=TYPES[rule],
            subject=Subject(SubjectKind.REGISTER, number),
            episode=episode,
            level=Level(f"{weight:g}", weight, critical),
            at=self.clock.at,
            opened_at=self.clock.at,
            facts={"registration_number": number, "fn": "9999078900001234", "place": "Касса", **FACTS[rule], **facts},
            end_reason=end_reason or (EndReason.OVER if kind is TransitionKind.RESOLVED else None),
        )
        async with self.database.acquire() as connection, connection.transaction():
            await record_findings(
                connection, [Finding(watch=f"rnm:{number}", customer_inn=inn, change=change)], NOTICES, self.clock.at
            )

    async def resolve(self, rule: str = "service_ending", register: int = 1, **others: Any) -> None:
        await self.alert(rule, register, kind=TransitionKind.RESOLVED, **others)

    async def plan(self, planner: LetterPlanner | None = None) -> list[Planned]:
        """Plans everything that is due at this moment."""
        done = []
        while (planned := await (planner or self.planner).plan_due(self.clock.at)) is not None:
            done.append(planned)
        return done

    async def letters(self, **conditions: Any) -> list[LetterRecord]:
        return await self.archive.list_letters(limit=0, **conditions)

    async def subjects(self, recipient: str = INN) -> list[str]:
        return [letter.subject for letter in await self.letters(recipient=recipient)]

    async def text(self, letter: LetterRecord) -> str:
        from email import message_from_bytes, policy

        found = await self.archive.letter(letter.id)
        assert found is not None
        body = message_from_bytes(found[1], policy=policy.default).get_body(("plain",))
        assert body is not None
        return str(body.get_content())


def server_of(peer: Peer, **options: Any) -> SmtpServer:
    return SmtpServer("127.0.0.1", peer.port, timeout_s=10.0, **options)


@contextlib.asynccontextmanager
async def running(*mailers: Mailer) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(mailer.run()) for mailer in mailers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled():
                task.result()


async def until(condition: Callable[[], Awaitable[bool] | bool], *mailers: Mailer) -> None:
    """Returns once the condition holds; the mailers are woken meanwhile, because the clock is set by hand."""
    async with asyncio.timeout(30):
        while True:
            held = condition()
            if held if isinstance(held, bool) else await held:
                return
            for mailer in mailers:
                mailer.wake()
            await asyncio.sleep(0.01)
