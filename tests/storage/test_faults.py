"""The rules of faults in the database."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from ofd_gateway.faults import parse_fault
from ofd_gateway.storage import Database, FaultBook, FaultsOff, FaultUnknown
from ofd_gateway.storage import faults as fault_storage
from ofd_gateway.storage.faults import TooManyFaults
from tests.storage.arrivals import NOW

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

RESET = parse_fault({"what": "reset", "fn": "9999*", "times": 2})
DELAY = parse_fault({"what": "delay", "delay": "1s"})


@asynccontextmanager
async def book_on(dsn: str) -> AsyncIterator[FaultBook]:
    database = await Database.connect(dsn)
    try:
        yield FaultBook(database)
    finally:
        await database.close()


async def test_a_gateway_that_never_said_so_applies_no_faults(dsn: str) -> None:
    async with book_on(dsn) as book:
        for asked in (book.list(), book.add(RESET, "http", NOW), book.remove(1), book.clear()):
            with pytest.raises(FaultsOff, match="faults are off"):
                await asked
        assert await book.active() == []


async def test_rules_are_kept_as_they_were_written(dsn: str) -> None:
    async with book_on(dsn) as book:
        await book.switch((), NOW)
        added = await book.add(RESET, "http", NOW)
        assert (await book.list()) == [added]
        assert added.line() == {
            "id": added.id,
            "what": "reset",
            "fn": "9999*",
            "times": 2,
            "source": "http",
            "created_at": NOW.isoformat(),
            "seen": 0,
            "hits": 0,
            "last_hit_at": None,
            "spent": False,
        }


async def test_a_start_replaces_the_configured_rules_and_leaves_the_others(dsn: str) -> None:
    async with book_on(dsn) as book:
        await book.switch((RESET,), NOW)
        added = await book.add(DELAY, "command", NOW)
        await book.switch((DELAY, RESET), NOW)
        assert [(one.source, one.fault) for one in await book.list()] == [
            ("command", DELAY),
            ("settings", DELAY),
            ("settings", RESET),
        ]
        await book.switch(None, NOW)
        with pytest.raises(FaultsOff):
            await book.list()
        assert await book.active() == [(added.id, DELAY)]


async def test_the_version_grows_when_rules_come_and_go_and_not_when_they_are_applied(dsn: str) -> None:
    async with book_on(dsn) as book:
        await book.switch((), NOW)
        versions = [await book.version()]
        added = await book.add(RESET, "http", NOW)
        versions.append(await book.version())
        await book.claim(added.id, RESET, NOW)
        assert await book.version() == versions[-1]
        await book.remove(added.id)
        versions.append(await book.version())
        assert versions == sorted(set(versions))


async def test_claims_count_until_the_rule_is_spent(dsn: str) -> None:
    async with book_on(dsn) as book:
        await book.switch((), NOW)
        added = await book.add(RESET, "http", NOW)
        claims = [await book.claim(added.id, RESET, NOW + timedelta(seconds=second)) for second in range(3)]
        assert claims == [(True, False), (True, True), (False, True)]
        [record] = await book.list()
        assert (record.seen, record.hits, record.last_hit_at) == (3, 2, NOW + timedelta(seconds=1))
        assert await book.active() == []
        assert await book.claim(added.id + 1, RESET, NOW) == (False, True)


async def test_claims_at_the_same_time_are_exact(dsn: str) -> None:
    async with book_on(dsn) as book, book_on(dsn) as other:
        await book.switch((), NOW)
        added = await book.add(RESET, "http", NOW)
        claims = await asyncio.gather(*(each.claim(added.id, RESET, NOW) for each in (book, other) for _ in range(10)))
        assert sum(claim.applied for claim in claims) == 2


async def test_rules_go_one_by_one_or_all_at_once(dsn: str) -> None:
    async with book_on(dsn) as book:
        await book.switch((DELAY,), NOW)
        added = await book.add(RESET, "http", NOW)
        await book.remove(added.id)
        with pytest.raises(FaultUnknown, match="no such fault"):
            await book.remove(added.id)
        await book.add(RESET, "http", NOW)
        assert await book.clear() == 2
        assert await book.list() == []


async def test_the_table_is_bounded(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fault_storage, "_ADD", fault_storage._ADD.replace("< 1000", "< 2"))
    async with book_on(dsn) as book:
        await book.switch((), NOW)
        await book.add(RESET, "http", NOW)
        await book.add(RESET, "http", NOW)
        with pytest.raises(TooManyFaults):
            await book.add(RESET, "http", NOW)
