"""When the service was there, as the database remembers it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg

from ofd_gateway.clock import SteppedClock
from ofd_gateway.storage import Database, ServiceRuns
from ofd_gateway.storage.service_runs import gaps


class Clock:
    def __init__(self) -> None:
        self.time = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=10)

    def now(self) -> datetime:
        return self.time


async def runs_of(dsn: str) -> list[tuple[datetime, datetime, datetime | None]]:
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch("SELECT started_at, last_seen_at, stopped_at FROM service_runs ORDER BY id")
        return [tuple(row) for row in rows]
    finally:
        await connection.close()


async def test_a_run_begins_beats_and_ends(dsn: str) -> None:
    clock = Clock()
    database = await Database.connect(dsn)
    runs = ServiceRuns(database, beat_s=0.01)
    started = clock.time
    await runs.start(started)
    assert await runs_of(dsn) == [(started, started, None)]
    beating = asyncio.create_task(runs.beat(clock))
    clock.time += timedelta(seconds=20)
    async with asyncio.timeout(10):
        while (await runs_of(dsn))[0][1] == started:
            await asyncio.sleep(0.01)
    beating.cancel()
    await asyncio.wait([beating])
    clock.time += timedelta(minutes=1)
    await runs.stop(clock.time)
    assert await runs_of(dsn) == [(started, clock.time, clock.time)]
    await database.close()


async def test_a_database_that_is_away_does_not_end_the_beat(dsn: str) -> None:
    clock = Clock()
    database = await Database.connect(dsn)
    runs = ServiceRuns(database, beat_s=0.01)
    await runs.start(clock.time)
    await database.close()
    beating = asyncio.create_task(runs.beat(clock))
    done, _ = await asyncio.wait([beating], timeout=0.2)
    assert not done
    beating.cancel()
    await asyncio.wait([beating])
    await runs.stop(clock.time)
    assert await runs_of(dsn) == [(clock.time, clock.time, None)]


async def test_the_times_in_which_nobody_listened(dsn: str) -> None:
    clock = Clock()
    hour = timedelta(hours=1)
    database = await Database.connect(dsn)
    at = clock.time
    async with database.acquire() as connection:
        assert await gaps(connection) == ()
    for started, stopped in ((at, at + hour), (at + hour / 2, at + 2 * hour), (at + 4 * hour, at + 5 * hour)):
        runs = ServiceRuns(database)
        await runs.start(started)
        await runs.stop(stopped)
    async with database.acquire() as connection:
        found = await gaps(connection)
    assert [(gap.started_at, gap.ended_at) for gap in found] == [(at + 2 * hour, at + 4 * hour)]
    await database.close()


async def test_a_database_that_was_away_for_long_ends_the_run(dsn: str) -> None:
    """What could not be stored meanwhile is our own silence."""
    clock = Clock()
    database = await Database.connect(dsn)
    runs = ServiceRuns(database, beat_s=0.01)
    began = clock.time
    await runs.start(began)
    clock.time += timedelta(minutes=10)
    beating = asyncio.create_task(runs.beat(clock))
    async with asyncio.timeout(10):
        while len(await runs_of(dsn)) < 2:
            await asyncio.sleep(0.01)
    beating.cancel()
    await asyncio.wait([beating])
    async with database.acquire() as connection:
        found = await gaps(connection)
    assert [(gap.started_at, gap.ended_at) for gap in found] == [(began, clock.time)]
    await database.close()


async def test_a_fast_clock_makes_no_gaps_between_beats(dsn: str) -> None:
    """A beat of five seconds would be endlessly short in real time; the longer one is no absence."""
    clock = SteppedClock(datetime(2026, 3, 1, tzinfo=UTC), rate=86_400.0)
    database = await Database.connect(dsn)
    runs = ServiceRuns(database)
    started = clock.now()
    await runs.start(started)
    beating = asyncio.create_task(runs.beat(clock))
    clock.advance(timedelta(hours=30))
    async with asyncio.timeout(10):
        while (await runs_of(dsn))[0][1] == started:
            await asyncio.sleep(0.01)
    beating.cancel()
    await asyncio.wait([beating])
    async with database.acquire() as connection:
        assert await gaps(connection) == ()
    assert len(await runs_of(dsn)) == 1
    await database.close()


async def test_old_gaps_are_forgotten_by_the_clock_of_the_runs(dsn: str) -> None:
    database = await Database.connect(dsn)
    long_ago = datetime(2031, 1, 1, tzinfo=UTC)
    day = timedelta(days=1)
    for began, ended in ((0, 1), (2, 60), (61, 100)):
        runs = ServiceRuns(database)
        await runs.start(long_ago + began * day)
        await runs.stop(long_ago + ended * day)
    async with database.acquire() as connection:
        found = await gaps(connection)
    assert [(gap.started_at, gap.ended_at) for gap in found] == [(long_ago + 60 * day, long_ago + 61 * day)]
    await database.close()
