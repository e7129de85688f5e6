"""What the intake leaves for the outgoing legs, on every server at hand."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import asyncpg
import pytest

from ofd_gateway.alerts import Parameters
from ofd_gateway.alerts.notices import NoticeParameters
from ofd_gateway.storage import Database, Directory, Outboxes, Watching
from ofd_gateway.storage.commit import CommitConnection
from tests.messages import PLAIN_FN, document_body, tlv
from tests.storage.arrivals import NOW, arrival, ledger

if TYPE_CHECKING:
    from ofd_gateway.ledger import Arrival

BOTH = Outboxes(fns=True, buyers=True)


def receipt(fd: int, **extra: bytes) -> Arrival:
    at = NOW + timedelta(seconds=fd)
    return arrival(fd=fd, body=document_body(PLAIN_FN, fd, **extra), received_at=at)


async def queued(dsn: str, table: str) -> list[tuple[str, int, int, object]]:
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch(f"SELECT fn, generation, fd, queued_at FROM {table} ORDER BY fn, generation, fd")
    await connection.close()
    return [tuple(row) for row in rows]


@pytest.mark.parametrize("watched", [False, True])
@pytest.mark.parametrize(
    ("outboxes", "fns", "buyers"),
    [
        (Outboxes(), [], []),
        (Outboxes(fns=True), [1, 2, 3], []),
        (Outboxes(buyers=True), [], [2]),
        (BOTH, [1, 2, 3], [2]),
    ],
)
async def test_each_leg_that_is_on_finds_its_documents(
    dsn: str, watched: bool, outboxes: Outboxes, fns: list[int], buyers: list[int]
) -> None:
    directory = Directory(Parameters(), NoticeParameters())
    watching = Watching(directory, lambda outcome: None) if watched else None
    commits = CommitConnection(dsn, timeout_s=10, watching=watching, outboxes=outboxes)
    await commits.commit([receipt(1)], ledger(), NOW)
    await commits.commit([receipt(2, t1008=b"i@example.com"), receipt(3)], ledger(), NOW)
    await commits.commit([receipt(2, t1008=b"i@example.com")], ledger(), NOW)
    await commits.commit([arrival(fd=3, sign=b"other!")], ledger(), NOW)
    await commits.close()
    expected = [[(PLAIN_FN, 0, fd, NOW + timedelta(seconds=fd)) for fd in numbers] for numbers in (fns, buyers)]
    assert [await queued(dsn, "fns_queue"), await queued(dsn, "buyer_queue")] == expected


async def test_a_pending_message_is_told_once(dsn: str) -> None:
    def newest(fd: int) -> Arrival:
        return arrival(fd=fd, body=document_body(PLAIN_FN, fd).replace(tlv(1209, b"\x02"), tlv(1209, b"\x04")))

    database = await Database.connect(dsn)
    directory = Directory(Parameters(), NoticeParameters())
    commits = CommitConnection(dsn, timeout_s=10, watching=Watching(directory, lambda outcome: None))
    await commits.commit([newest(1)], ledger(), NOW)
    async with database.acquire() as connection:
        await connection.execute("UPDATE fn_states SET pending_message = 4")
    told = [
        decision.operator_message
        for fd in (2, 3)
        for decision in (await commits.commit([newest(fd)], ledger(), NOW)).decisions
    ]
    async with database.acquire() as connection:
        left = await connection.fetchval("SELECT pending_message FROM fn_states")
    await commits.close()
    await database.close()
    assert (told, left) == ([4, 0], 0)
