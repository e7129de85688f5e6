"""Each document counts at the moment of its arrival, whenever it is stored and whoever looked meanwhile."""

from __future__ import annotations

from datetime import timedelta

from tests.alerted import HOUR, START, Gateway, rows

ALERTS = "SELECT rule, opened_at, resolved_at FROM alerts WHERE rule = ANY($1) ORDER BY opened_at, id"
SECOND = timedelta(seconds=1)


async def test_a_batch_that_waited_for_the_database_is_no_silence(dsn: str) -> None:
    """Its last document arrived in time, although the day was over when the batch could be stored."""
    async with Gateway(dsn) as gateway:
        await gateway.document(1)
        arrived = START + 24 * HOUR - 20 * SECOND
        gateway.now = START + 24 * HOUR + 300 * SECOND
        await gateway.batch((2, 21, arrived), (3, 3, arrived + SECOND))
        await gateway.wait(HOUR)
    assert await rows(dsn, ALERTS, ["register_silent"]) == []


async def test_what_fell_due_before_an_fn_named_its_register_is_found_at_its_own_time(dsn: str) -> None:
    async with Gateway(dsn) as gateway:
        await gateway.document(1, 2, register=None)
        gateway.now += 30 * HOUR
        await gateway.document(2, 21)
    assert await rows(dsn, ALERTS, ["shift_too_long"]) == [("shift_too_long", START + 24 * HOUR, None)]


async def test_what_fell_due_on_the_register_itself_is_found_at_its_own_time(dsn: str) -> None:
    async with Gateway(dsn) as gateway:
        await gateway.document(1)
        await gateway.document(1, 21, fn="8710000100000002", register=None)
        gateway.now += 30 * HOUR
        await gateway.document(2, fn="8710000100000002")
    silence = ("register_silent", START + 24 * HOUR, START + 30 * HOUR)
    assert await rows(dsn, ALERTS, ["register_silent"]) == [silence]
