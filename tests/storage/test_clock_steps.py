"""The wall clock jumps in the middle of everything: nothing waits for times that are gone."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from structlog.testing import capture_logs

from ofd_gateway.storage import Database, ServiceRuns
from ofd_gateway.storage.clock_steps import make_due_after_step_back
from ofd_gateway.storage.service_runs import gaps
from tests.storage.watched import DAY, HOUR, START, watched

if TYPE_CHECKING:
    import asyncpg

SECOND = timedelta(seconds=1)


class Clock:
    def __init__(self) -> None:
        self.time = datetime.now(UTC).replace(microsecond=0)

    def now(self) -> datetime:
        return self.time


async def count_of_runs(database: Database) -> int:
    async with database.acquire() as connection:
        return int(await connection.fetchval("SELECT count(*) FROM service_runs"))


async def until_runs(database: Database, count: int) -> None:
    async with asyncio.timeout(10):
        while await count_of_runs(database) < count:
            await asyncio.sleep(0.01)


async def test_a_day_ahead_and_back_is_no_down_time_of_a_day(dsn: str) -> None:
    clock = Clock()
    began = clock.time
    database = await Database.connect(dsn)
    runs = ServiceRuns(database, beat_s=0.01)
    await runs.start(began)
    beating = asyncio.create_task(runs.beat(clock))
    clock.time = began + DAY
    await until_runs(database, 2)
    clock.time = began + 7 * SECOND
    with capture_logs() as logs:
        await until_runs(database, 3)
    beating.cancel()
    await asyncio.wait([beating])
    async with database.acquire() as connection:
        found = await gaps(connection)
        last_seen_at = await connection.fetchval("SELECT max(last_seen_at) FROM service_runs")
    await database.close()
    assert [(gap.started_at, gap.ended_at) for gap in found] == [(began, began + 7 * SECOND)]
    assert last_seen_at == began + 7 * SECOND
    assert [entry["seconds"] for entry in logs if entry["event"] == "clock.stepped_back"] == [
        (DAY - 7 * SECOND) / SECOND
    ]


async def test_a_clock_that_was_set_back_while_nobody_ran_is_noticed_at_the_start(dsn: str) -> None:
    database = await Database.connect(dsn)
    now = Clock().time
    await ServiceRuns(database).start(now + DAY)
    with capture_logs() as logs:
        await ServiceRuns(database).start(now)
        await ServiceRuns(database).start(now + DAY)
    await database.close()
    assert [entry["event"] for entry in logs] == ["clock.stepped_back"]


async def test_a_watch_that_was_put_off_by_a_clock_a_day_ahead_is_armed_anew(dsn: str) -> None:
    """The day that nobody has lived through counts as our own down time until the clock is right again."""
    async with watched(dsn) as scene:
        clock = Clock()
        clock.time = START
        runs = ServiceRuns(scene.database, beat_s=0.01)
        await runs.start(START)
        await scene.document()
        await scene.deadlines.look(START)
        due_at = await scene.deadlines.next_at()
        assert due_at is not None
        beating = asyncio.create_task(runs.beat(clock))
        clock.time = due_at + HOUR
        await until_runs(scene.database, 2)
        await scene.deadlines.look(clock.time)
        put_off_until = await scene.deadlines.next_at()
        assert put_off_until is not None
        assert put_off_until > due_at + HOUR
        clock.time = START + HOUR
        await until_runs(scene.database, 3)
        await scene.deadlines.look(clock.time)
        armed_for = await scene.deadlines.next_at()
        assert armed_for is not None
        assert due_at <= armed_for <= due_at + HOUR
        assert await scene.alerts("register_silent") == []
        beating.cancel()
        await asyncio.wait([beating])


async def rows(connection: asyncpg.Connection[asyncpg.Record], query: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await connection.fetch(query)]


async def test_letters_and_messages_that_wait_for_another_time_go_now(dsn: str) -> None:
    database = await Database.connect(dsn)
    now = Clock().time
    later = now + DAY
    async with database.acquire() as connection:
        await connection.execute(
            "INSERT INTO letter_groups VALUES ('a', 'prompt', $1, $1, $1), ('b', 'prompt', NULL, NULL, $1),"
            " ('c', 'prompt', $2, $2, NULL)",
            later,
            now - DAY,
        )
        await connection.execute(
            "INSERT INTO letters (recipient, address, subject, message_id, message, state, created_at, next_attempt_at)"
            " VALUES ('a', 'a@a.test', '', '1', '', 'queued', $1, $1),"
            " ('a', 'a@a.test', '', '2', '', 'sent', $1, NULL)",
            later,
        )
        await make_due_after_step_back(connection, now)
        groups = await rows(
            connection, "SELECT waiting_since, due_at, last_sent_at FROM letter_groups ORDER BY recipient"
        )
        assert groups == [(now, now, now), (None, None, now), (now - DAY, now - DAY, None)]
        letters = await rows(connection, "SELECT next_attempt_at FROM letters ORDER BY id")
        assert letters == [(now,), (None,)]
    await database.close()
