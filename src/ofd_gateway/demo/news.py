"""What the gateway has found and told, read from its database like any command reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ofd_gateway.alerts.facts import RegisterFacts
from ofd_gateway.alerts.overview import overview
from ofd_gateway.demo.scene import Countdown, NewsItem, SentLetter
from ofd_gateway.storage import PackageBook, RegisterBook
from ofd_gateway.storage.alerts import AlertBook
from ofd_gateway.storage.letter_archive import LetterArchive

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from ofd_gateway.storage import Database, Directory
    from ofd_gateway.storage.alerts import AlertRecord

__all__ = ["Newsroom"]

_SENT = "sent"


class Newsroom:
    """Looks at alerts, letters and the package; `refresh` adds what has changed since the last look to `items`.

    `names` are those of the registers by registration number.
    """

    def __init__(self, database: Database, directory: Directory, inn: str, names: Mapping[str, str]) -> None:
        self.items: list[NewsItem] = []
        self.letters = 0
        self.messages_left = 0
        self.types: set[str] = set()
        self.open: dict[str, list[AlertRecord]] = {}
        self._database = database
        self._directory = directory
        self._inn = inn
        self._names = names
        self._known: dict[int, tuple[str, bool]] = {}

    async def refresh(self) -> None:
        """Looks again (DatabaseError)."""
        records = await AlertBook(self._database).list(limit=0)
        found = [item for record in records for item in self._changes(record)]
        self.items += sorted(found, key=lambda item: item.at)
        self.types = {record.type for record in records}
        self.open = {}
        for record in records:
            if record.resolved_at is None:
                self.open.setdefault(record.watch.partition(":")[2], []).append(record)
        self.letters = len(await LetterArchive(self._database).list_letters(state=_SENT, limit=0))
        self.messages_left = (await PackageBook(self._database).get(self._inn, limit=1)).balance

    async def sent_letters(self) -> tuple[SentLetter, ...]:
        """Every letter that was sent, in order."""
        letters = await LetterArchive(self._database).list_letters(state=_SENT, limit=0)
        return tuple(
            SentLetter(number=one.id, at=one.sent_at or one.created_at, address=one.address, subject=one.subject)
            for one in letters
        )

    async def waiting_letters(self) -> int:
        """How many letters are on their way."""
        return len(await LetterArchive(self._database).list_letters(state="queued", limit=0))

    async def countdowns(self, now: datetime) -> tuple[Countdown, ...]:
        """What stops each register next, the soonest first."""
        found = []
        async with self._database.reading() as connection:
            await self._directory.refresh(connection)
        async for record in RegisterBook(self._database).list(customer_inn=self._inn):
            facts = None if record.state is None else record.state.facts
            if record.state is None or not isinstance(facts, RegisterFacts):
                continue
            seen = overview(record.state, facts, now, self._directory.parameters_of(self._inn))
            stop = seen.next_stop
            found.append(
                Countdown(
                    name=self._names.get(record.watch.partition(":")[2], record.watch),
                    at=None if stop is None else stop.at,
                    days_left=None if stop is None else stop.days_left,
                    cause=None if stop is None else stop.cause,
                )
            )
        return tuple(sorted(found, key=lambda one: (one.at is None, one.at or now, one.name)))

    def _changes(self, record: AlertRecord) -> list[NewsItem]:
        before = self._known.get(record.id)
        resolved = record.resolved_at is not None
        self._known[record.id] = (record.level, resolved)
        changes = []
        if before is None:
            changes.append(self._item(record, "opened", record.opened_at))
        elif before[0] != record.level:
            changes.append(self._item(record, "raised", record.raised_at))
        if record.resolved_at is not None and (before is None or not before[1]):
            changes.append(self._item(record, "resolved", record.resolved_at))
        return changes

    def _item(self, record: AlertRecord, kind: str, at: datetime) -> NewsItem:
        key = record.watch.partition(":")[2]
        about = self._names.get(key, "пакет сообщений / package" if key == self._inn else record.subject)
        return NewsItem(at=at, kind=kind, rule=record.rule, level=record.level, critical=record.critical, about=about)
