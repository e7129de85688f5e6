"""What the judge needs to know: the registers' record, and what lies in the database."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import asyncpg
import msgspec

from endurance.judge import AlertRow, LetterRow, StoredRow, ToldRow, alert_rows, digest
from ofd_gateway.alerts import Parameters
from ofd_gateway.alerts.notices import NoticeParameters
from ofd_gateway.alerts.rules import RULES
from ofd_gateway.simulator.record import ConfirmedDocument
from ofd_gateway.storage import Customer, CustomerBook, Database, Directory
from ofd_gateway.storage.replay import replay

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from endurance.judge import Key

__all__ = ["Confirmed", "Evidence", "add_customers", "clean_run", "connected"]

_CONNECT_S: Final = 5.0
_COMMAND_S: Final = 300.0
_DOCUMENTS: Final = "SELECT fn, generation, fd, sha256(container) AS digest FROM documents"
_ALERTS: Final = """
SELECT rule, subject, episode, level, opened_at, raised_at, resolved_at, coalesce(end_reason, '') AS why
FROM alerts WHERE rule = ANY($1)
"""
_LETTERS: Final = "SELECT message_id, state FROM letters"
_TOLD: Final = """
SELECT a.rule || ' ' || a.subject || ' ' || a.episode AS alert, a.resolved_at - a.opened_at AS lasted,
       array_remove(array_agg(l.level ORDER BY l.letter_id), NULL) AS levels,
       array_remove(array_agg(l.reason ORDER BY l.letter_id), NULL) AS reasons
FROM alerts a JOIN customers c ON c.inn = a.customer_inn AND a.type = ANY(c.notify)
LEFT JOIN letter_alerts l ON l.alert_id = a.id
GROUP BY a.id
"""
_UNSENT: Final = "SELECT count(*) FROM letters WHERE state = 'queued'"
_QUEUED: Final = "SELECT count(*) FROM fns_queue"
_UNACCEPTED: Final = """
SELECT d.fn, d.fd FROM documents d LEFT JOIN fns_answers a USING (fn, generation, fd)
WHERE a.status IS DISTINCT FROM 'accepted' ORDER BY d.fn, d.fd LIMIT 10
"""
_DUE: Final = "SELECT count(*) FROM watches WHERE next_check_at <= $1"
_WANTING: Final = "SELECT count(*) FROM letter_groups WHERE due_at <= $1"
_CONNECTIONS: Final = """
SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
"""
_FIRST: Final = "SELECT min(received_at) FROM documents"
_TYPES: Final = ("service", "messages", "silence", "fault")


class Confirmed:
    """The documents of the record file so far; `read` takes what was added since."""

    def __init__(self, record: Path) -> None:
        self._record = record
        self._offset = 0
        self._decoder = msgspec.json.Decoder(ConfirmedDocument)
        self.digests: dict[Key, bytes] = {}
        self.findings: list[str] = []

    def read(self) -> int:
        """Reads on; how many documents were confirmed since the last time."""
        before = len(self.digests)
        with self._record.open("rb") as lines:
            lines.seek(self._offset)
            for line in lines:
                self._take(self._decoder.decode(line))
                self._offset += len(line)
        return len(self.digests) - before

    def _take(self, one: ConfirmedDocument) -> None:
        own = digest(bytes.fromhex(one.container))
        if self.digests.setdefault((one.fn, one.fd), own) != own:
            self.findings.append(f"confirmed twice with other bytes: {(one.fn, one.fd)}")


class Evidence:
    """One connection to the database of the gateway."""

    def __init__(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        self._connection = connection

    async def documents(self) -> list[StoredRow]:
        """Every stored document."""
        return [StoredRow(**dict(row)) for row in await self._connection.fetch(_DOCUMENTS)]

    async def alerts(self) -> list[AlertRow]:
        """Every alert that documents and time bring about; what the gateway finds of itself is left out."""
        rows = await self._connection.fetch(_ALERTS, [rule.name for rule in RULES])
        return [tuple(row) for row in rows]

    async def letters(self) -> list[LetterRow]:
        """Every letter."""
        return [LetterRow(**dict(row)) for row in await self._connection.fetch(_LETTERS)]

    async def told(self) -> list[ToldRow]:
        """Every alert that a customer wants to know of, and what it was told."""
        return [
            ToldRow(row["alert"], row["lasted"], tuple(zip(row["levels"], row["reasons"], strict=True)))
            for row in await self._connection.fetch(_TOLD)
        ]

    async def unaccepted(self) -> list[tuple[str, int]]:
        """Some of the documents that the tax service's side has not accepted."""
        return [(row["fn"], row["fd"]) for row in await self._connection.fetch(_UNACCEPTED)]

    async def connections(self) -> int:
        """Connections that others have to the database."""
        return int(await self._connection.fetchval(_CONNECTIONS))

    async def work_left(self, until: datetime) -> dict[str, int]:
        """What is still to be done of what was due by then; empty when nothing is."""
        left = {
            "letters to send": await self._connection.fetchval(_UNSENT),
            "letters to write": await self._connection.fetchval(_WANTING, until),
            "documents for the tax service": await self._connection.fetchval(_QUEUED),
            "watches due": await self._connection.fetchval(_DUE, until),
        }
        return {what: count for what, count in left.items() if count}

    async def close(self) -> None:
        """Ends the connection."""
        await self._connection.close(timeout=_CONNECT_S)


async def connected(dsn: str) -> Evidence:
    """Raises what the driver raises."""
    return Evidence(await asyncpg.connect(dsn, timeout=_CONNECT_S, command_timeout=_COMMAND_S))


async def clean_run(dsn: str, until: datetime) -> tuple[list[AlertRow], list[str]]:
    """The alerts that the stored documents bring about when nothing is killed, and what the rules failed at."""
    database = await Database.connect(dsn)
    try:
        async with database.reading() as connection:
            first = await connection.fetchval(_FIRST)
            directory = await Directory.of_gateway(connection, Parameters(), NoticeParameters())
        replayed = await replay(database, directory, since=(first or until) - timedelta(seconds=1), until=until)
    finally:
        await database.close()
    return alert_rows(replayed.findings), [f"a rule failed: {failure}" for failure in replayed.failures]


async def add_customers(dsn: str, inns: Sequence[str], now: datetime) -> None:
    """Makes each of them a customer with an address of its own."""
    database = await Database.connect(dsn)
    try:
        async with database.reading() as connection:
            directory = await Directory.of_gateway(connection, Parameters(), NoticeParameters())
        book = CustomerBook(database)
        for inn in inns:
            customer = Customer(
                inn=inn,
                name=f"ООО {inn}",
                emails=(f"owner-{inn}@example.org",),
                notify=_TYPES,
                locale="ru",
                timezone=None,
                parameters={},
                tell_resolved=True,
                quiet_hours=None,
                created_at=now,
                changed_at=now,
            )
            await book.add(customer, directory)
    finally:
        await database.close()
