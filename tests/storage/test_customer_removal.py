"""A customer who goes, and comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ofd_gateway.storage import Customer, CustomerBook, PackageBook
from tests.storage.watched import DAY, START, TAXPAYER, watched

if TYPE_CHECKING:
    from tests.storage.watched import Watched

MESSAGES_LOW = "messages_low"
OTHER = "7707083893"
LETTER = """
INSERT INTO letters (recipient, address, subject, message_id, message, state, created_at, next_attempt_at, ended_at)
VALUES ($1, 'a@example.org', '', $2, '', $3, $4, $5, $6)
"""


def customer(inn: str = TAXPAYER) -> Customer:
    return Customer(
        inn=inn,
        name="Ромашка",
        emails=("a@example.org",),
        notify=("service", "messages", "silence", "fault"),
        locale="ru",
        timezone=None,
        parameters={},
        tell_resolved=True,
        quiet_hours=None,
        created_at=START,
        changed_at=START,
    )


async def with_an_empty_package(scene: Watched) -> CustomerBook:
    book, packages = CustomerBook(scene.database), PackageBook(scene.database)
    await book.add(customer(), scene.directory)
    await packages.top_up(TAXPAYER, 20, "", scene.directory, scene.now)
    await packages.spend(TAXPAYER, 20, "", scene.directory, scene.now)
    await scene.deadlines.look(scene.now)
    return book


async def test_its_alerts_end_and_its_letters_are_given_up(dsn: str) -> None:
    async with watched(dsn) as scene:
        book = await with_an_empty_package(scene)
        assert await scene.alerts(MESSAGES_LOW) == [(MESSAGES_LOW, TAXPAYER, "0", True)]
        async with scene.database.acquire() as connection:
            await connection.execute(LETTER, TAXPAYER, "1", "sent", START, None, START)
            await connection.execute(LETTER, TAXPAYER, "2", "queued", START, START, None)
            await connection.execute(LETTER, OTHER, "3", "queued", START, START, None)
        await book.remove(TAXPAYER, scene.directory, scene.now + DAY, who="anna")
        assert await scene.alerts(MESSAGES_LOW) == [(MESSAGES_LOW, TAXPAYER, "0", False)]
        [end] = await scene.fetch("SELECT who, why FROM alert_changes WHERE kind = 'resolved'")
        assert tuple(end) == ("anna", "removed")
        letters = await scene.fetch("SELECT state FROM letters ORDER BY message_id")
        assert [row["state"] for row in letters] == ["sent", "failed", "queued"]
        assert await scene.fetch("SELECT FROM letter_groups WHERE recipient = $1", TAXPAYER) == []
        assert await scene.fetch("SELECT FROM watches WHERE subject = $1", f"inn:{TAXPAYER}") == []


async def test_its_registers_are_judged_by_the_common_thresholds(dsn: str) -> None:
    async with watched(dsn) as scene:
        book = CustomerBook(scene.database)
        await book.add(customer(), scene.directory)
        await scene.document()
        await book.remove(TAXPAYER, scene.directory, scene.now, who="anna")
        [due] = await scene.fetch("SELECT next_check_at FROM watches")
        assert due["next_check_at"] == scene.now
        await scene.document()
        assert (await scene.fetch("SELECT customer_inn FROM watches"))[0]["customer_inn"] == TAXPAYER


async def test_added_again_it_is_told_of_an_empty_package_again(dsn: str) -> None:
    async with watched(dsn) as scene:
        book = await with_an_empty_package(scene)
        await book.remove(TAXPAYER, scene.directory, scene.now, who="anna")
        scene.now += DAY
        await with_an_empty_package(scene)
        assert await scene.alerts(MESSAGES_LOW) == [
            (MESSAGES_LOW, TAXPAYER, "0", False),
            (MESSAGES_LOW, TAXPAYER, "0", True),
        ]
