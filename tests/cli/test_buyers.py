"""Messages to buyers as commands show them, against a real database."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from ofd_gateway.alerts.letters.delivery import Delivery, DeliveryOutcome
from tests.buyers.sending.scene import EMAIL, INN, PHONE, Scene, opened
from tests.messages import PLAIN_FN

from .running import Outcome, Shell

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest_asyncio.fixture(loop_scope="session")
async def scene(dsn: str) -> AsyncIterator[Scene]:
    """Three receipts: by both ways, without a usable contact, not yet looked at."""
    async with opened(dsn) as scene:
        await scene.queued(f"{EMAIL}, {PHONE}", "нет", messages=5)
        async with scene.mail_store.take(scene.clock.at) as taken:
            assert taken is not None
            refused = Delivery(outcome=DeliveryOutcome.REFUSED, code=550, reply=f"<{EMAIL}> \x1b[2Junknown")
            await taken.record(refused, scene.clock.at)
        await scene.receipts(PHONE, first_fd=3)
        yield scene


class Commands:
    """Commands in a thread, where they may run an event loop of their own."""

    def __init__(self, shell: Shell, scene: Scene) -> None:
        self._shell, self._dsn = shell, scene.database.dsn

    async def __call__(self, *words: str) -> Outcome:
        return await asyncio.to_thread(self._shell, *words, "--database", self._dsn)

    async def records(self, *words: str) -> list[dict]:
        done = await self(*words, "--json")
        assert (done.code, done.err) == (0, "")
        return [json.loads(line) for line in done.lines]


@pytest.fixture
def commands(shell: Shell, scene: Scene) -> Commands:
    return Commands(shell, scene)


async def test_list_as_json(commands: Commands, scene: Scene) -> None:
    email, sms, none = await commands.records("buyers", "list")
    at = scene.clock.at.isoformat()
    assert email == {
        "fn": PLAIN_FN,
        "generation": 0,
        "fd": 1,
        "channel": "email",
        "customer": INN,
        "contact": "i***@example.com",
        "state": "refused",
        "reason": None,
        "parts": 0,
        "charged": 0,
        "refunded": 0,
        "attempts": 1,
        "planned_at": at,
        "next_attempt_at": None,
        "sent_at": None,
        "ended_at": at,
        "erased_at": None,
        "reply": "<i***@example.com> \x1b[2Junknown",
    }
    assert (sms["contact"], sms["state"], sms["charged"], sms["next_attempt_at"]) == ("+7999***4567", "queued", 1, at)
    assert (none["channel"], none["state"], none["reason"]) == ("none", "unusable", "placeholder")


async def test_a_choice(commands: Commands) -> None:
    async def channels(*words: str) -> list[str]:
        return [record["channel"] for record in await commands.records("buyers", "list", *words)]

    assert await channels("--state", "queued") == ["sms"]
    assert await channels("--customer", INN) == ["email", "sms", "none"]
    assert await channels("--customer", "1" * 10) == []
    assert await channels("--limit", "1") == ["none"]
    assert (await commands("buyers", "list", "--state", "lost")).code == 2


async def test_list_for_people(commands: Commands) -> None:
    done = await commands("buyers", "list")
    assert done.code == 0
    (row,) = [line for line in done.lines if "i***@example.com" in line and "refused" in line]
    assert "\\x1b[2Junknown" in row
    assert EMAIL not in done.out
    assert PHONE not in done.out
    nothing = await commands("buyers", "list", "--state", "failed")
    assert (nothing.code, nothing.out, nothing.err) == (0, "", "сообщений нет / no messages\n")


async def test_show(commands: Commands) -> None:
    email, sms = await commands.records("buyers", "show", PLAIN_FN, "1")
    assert [(one["outcome"], one["code"]) for one in email["history"]] == [("refused", 550)]
    assert (sms["history"], sms["smsc"]) == ([], [])
    done = await commands("buyers", "show", PLAIN_FN, "1")
    assert "списано / charged: 1" in done.out
    assert EMAIL not in done.out
    missing = await commands("buyers", "show", PLAIN_FN, "9")
    assert (missing.code, missing.out) == (1, "")
    assert "no messages of this receipt" in missing.err


async def test_resend(commands: Commands, scene: Scene) -> None:
    done = await commands("buyers", "resend", PLAIN_FN, "1")
    assert (done.code, done.out) == (0, f"чек 1 ФН {PLAIN_FN} в очереди / the receipt is queued\n")
    assert "sending is off" in done.err
    await scene.plan()
    assert [state for _, _, state in await scene.states()] == ["queued", "queued", "unusable", "queued"]
    missing = await commands("buyers", "resend", PLAIN_FN, "9")
    assert (missing.code, missing.out) == (1, "")


async def test_export_shows_whom_it_was_asked_for(commands: Commands) -> None:
    (record,) = await commands.records("buyers", "export", "--contact", "8 (999) 123-45-67")
    assert (record["contact"], record["state"]) == (PHONE, "queued")
    assert PHONE in (await commands("buyers", "export", "--contact", PHONE)).out
    nothing = await commands("buyers", "export", "--contact", "nobody@example.com")
    assert (nothing.code, nothing.out, nothing.err) == (0, "", "ничего не хранится / nothing is kept\n")
    assert (await commands("buyers", "export", "--contact", "nobody")).code == 2


async def test_erase(commands: Commands, scene: Scene) -> None:
    assert await commands.records("buyers", "erase", "--contact", PHONE) == [{"erased": 2}]
    assert await commands.records("buyers", "erase", "--contact", PHONE) == [{"erased": 0}]
    assert [state for _, _, state in await scene.states()] == ["refused", "erased", "unusable", "erased"]
    assert await scene.balance() == 5
    said = await commands("buyers", "erase", "--contact", EMAIL)
    assert said.out.startswith("стёрто в сообщениях: 1;")
    ((total,),) = await scene.fetch("SELECT sum(messages) FROM buyer_erasures WHERE who <> ''")
    assert total == 3


@pytest.mark.parametrize(("option", "kept"), [("email", ["email"]), ("sms,email", ["sms", "email"]), ("none", [])])
async def test_what_a_customer_wants(commands: Commands, option: str, kept: list[str]) -> None:
    done = await commands.records("customers", "set", "--inn", INN, "--receipts", option)
    assert done[0]["receipts"] == kept
    assert (await commands.records("customers", "show", INN))[0]["receipts"] == kept
    assert (await commands("customers", "set", "--inn", INN, "--receipts", "pigeon")).code == 2
