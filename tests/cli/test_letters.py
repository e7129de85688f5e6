"""Letters as commands show them, against a real database."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from ofd_gateway.alerts.letters.delivery import Delivery, DeliveryOutcome
from ofd_gateway.storage import Database
from tests.letters.scene import HOUR, INN, OTHER_INN, WAIT, Scene

from .running import Outcome, Shell

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SUBJECT = "ККТ 0000000000000001: обслуживание ОФД заканчивается 01.12.2026 (через 7 дн.)"


@pytest_asyncio.fixture(loop_scope="session")
async def scene(dsn: str) -> AsyncIterator[Scene]:
    """Three letters: one sent, one refused with its address, one that waits."""
    database = await Database.connect(dsn)
    scene = Scene(database)
    for register, (inn, email) in enumerate(((INN, "a@test.ru"), (OTHER_INN, "b@test.ru"), ("1" * 10, "c@test.ru")), 1):
        await scene.customer(inn, emails=(email,))
        await scene.alert(register=register, inn=inn)
    scene.clock.at += WAIT
    await scene.plan()
    for outcome, code in ((DeliveryOutcome.SENT, 250), (DeliveryOutcome.ADDRESS_DEAD, 550)):
        async with scene.store.take(scene.clock.at) as taken:
            assert taken is not None
            await taken.record(Delivery(outcome=outcome, code=code, reply="as \x1b[2Jsaid"), scene.clock.at)
    yield scene
    await database.close()


class Commands:
    """Commands in a thread, where they may run an event loop of their own."""

    def __init__(self, shell: Shell, scene: Scene) -> None:
        self._shell, self._dsn = shell, scene.database.dsn

    async def __call__(self, *words: str) -> Outcome:
        return await asyncio.to_thread(self._shell, "letters", *words, "--database", self._dsn)

    async def records(self, *words: str) -> list[dict]:
        done = await self(*words, "--json")
        assert (done.code, done.err) == (0, "")
        return [json.loads(line) for line in done.lines]


@pytest.fixture
def commands(shell: Shell, scene: Scene) -> Commands:
    return Commands(shell, scene)


class TestList:
    async def test_as_json(self, commands: Commands, scene: Scene) -> None:
        first, second, third = await commands.records("list")
        assert first == {
            "id": 1,
            "recipient": INN,
            "address": "a@test.ru",
            "subject": SUBJECT,
            "state": "sent",
            "created_at": scene.clock.at.isoformat(),
            "attempts": 1,
            "next_attempt_at": None,
            "sent_at": scene.clock.at.isoformat(),
            "message_id": (await scene.letters())[0].message_id,
        }
        assert (second["state"], second["sent_at"], second["next_attempt_at"]) == ("refused", None, None)
        assert (third["state"], third["attempts"], third["next_attempt_at"]) == (
            "queued",
            0,
            scene.clock.at.isoformat(),
        )

    async def test_a_choice(self, commands: Commands) -> None:
        async def ids(*words: str) -> list[int]:
            return [record["id"] for record in await commands.records("list", *words)]

        assert await ids("--limit", "2") == [2, 3]
        assert await ids("--limit", "0") == [1, 2, 3]
        assert await ids("--recipient", OTHER_INN) == [2]
        assert await ids("--state", "queued") == [3]
        assert await ids("--recipient", INN, "--state", "failed") == []

    async def test_for_people(self, commands: Commands) -> None:
        done = await commands("list")
        assert done.code == 0
        (row,) = [line for line in done.lines if OTHER_INN in line]
        assert "b@test.ru" in row
        assert "refused" in row
        nothing = await commands("list", "--state", "failed")
        assert (nothing.code, nothing.out, nothing.err) == (0, "", "писем нет / no letters\n")

    async def test_a_state_that_is_none(self, commands: Commands) -> None:
        assert (await commands("list", "--state", "lost")).code == 2


class TestShow:
    async def test_for_people(self, commands: Commands) -> None:
        done = await commands("show", "2")
        assert done.code == 0
        assert done.lines[0] == SUBJECT.replace("01:", "02:", 1)
        assert f"кому / to: {OTHER_INN} <b@test.ru>" in done.lines
        assert any(line.endswith("refused  550 as \\x1b[2Jsaid") for line in done.lines)
        assert any(line.split() == ["2", "service_ending", "0000000000000002", "1", "first"] for line in done.lines)
        assert "Продлите договор" in done.out

    async def test_as_json(self, commands: Commands) -> None:
        (record,) = await commands.records("show", "1")
        assert record["alerts"] == [
            {"id": 1, "rule": "service_ending", "subject": "0000000000000001", "level": "1", "reason": "first"}
        ]
        assert [(attempt["outcome"], attempt["code"]) for attempt in record["history"]] == [("sent", 250)]
        assert record["text"].startswith(SUBJECT)

    async def test_html(self, commands: Commands) -> None:
        assert (await commands("show", "1", "--html")).out.startswith("<!DOCTYPE html>")

    async def test_what_is_wrong(self, commands: Commands) -> None:
        missing = await commands("show", "99")
        assert (missing.code, missing.out) == (1, "")
        assert "no such letter" in missing.err
        assert (await commands("show", "1", "--html", "--json")).code == 2


async def test_raw_is_the_message_itself(scene: Scene) -> None:
    """As a child of its own: bytes go around the text of standard output."""
    from .running import COMMAND, PLAIN_ENVIRONMENT

    process = await asyncio.create_subprocess_exec(
        COMMAND,
        *("letters", "show", "1", "--raw", "--database", scene.database.dsn),
        stdout=asyncio.subprocess.PIPE,
        env=PLAIN_ENVIRONMENT,
    )
    out, _ = await process.communicate()
    found = await scene.archive.letter(1)
    assert found is not None
    assert out == found[1]


class TestRetry:
    async def test_a_letter_whose_address_was_dead(self, commands: Commands, scene: Scene) -> None:
        (record,) = await commands.records("retry", "2")
        assert (record["state"], record["attempts"]) == ("queued", 0)
        assert record["next_attempt_at"] is not None
        assert await scene.fetch("SELECT * FROM dead_addresses") == []
        assert await scene.fetch("SELECT resolved_at IS NULL FROM alerts WHERE rule = 'address_dead'") == [(False,)]

    async def test_for_people(self, commands: Commands) -> None:
        done = await commands("retry", "3")
        assert (done.code, done.out) == (0, "письмо 3 в очереди / letter 3 is queued\n")

    @pytest.mark.parametrize("number", ["1", "99"])
    async def test_sent_and_unknown_ones(self, commands: Commands, number: str) -> None:
        done = await commands("retry", number)
        assert (done.code, done.out) == (1, "")

    async def test_one_that_is_being_sent(self, commands: Commands, scene: Scene) -> None:
        async with scene.store.take(scene.clock.at + HOUR) as taken:
            assert taken is not None
            assert (await commands("retry", str(taken.letter.id))).code == 1
