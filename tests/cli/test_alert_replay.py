"""`alerts replay` on a real database: the same alerts as live, other thresholds, and nothing written."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from ofd_gateway.storage import RegisterBook, RegisterSettings
from tests.alerted import FULL_FD, HOUR, INN, REGISTER, START, Gateway, rows
from tests.messages import PLAIN_FN

from .test_alerts import Commands

if TYPE_CHECKING:
    from .running import Shell

FIELDS = ["at", "kind", "type", "rule", "level", "subject", "customer", "facts"]
SINCE = ("--since", START.isoformat())
END = START + 60 * HOUR
OTHER_FN, OTHER_REGISTER, OTHER_INN = "8710000100000002", "0000000000024137", "7802781104"


@pytest_asyncio.fixture(loop_scope="session")
async def commands(dsn: str, shell: Shell) -> Commands:
    """A day of one register, and a silence of another one; the first belongs to a customer."""
    async with Gateway(dsn) as gateway:
        await gateway.customer()
        await gateway.document(FULL_FD, 2)
        await gateway.document(FULL_FD + 1)
        gateway.now += timedelta(minutes=1)
        await gateway.document(1, fn=OTHER_FN, register=OTHER_REGISTER, inn=OTHER_INN)
        await gateway.wait(23 * HOUR)
        await gateway.document(FULL_FD + 2, 5)
        await gateway.document(FULL_FD + 2, 5, sign=b"other!")
        await gateway.wait(3 * HOUR)
        await gateway.document(2, fn=OTHER_FN, register=OTHER_REGISTER, inn=OTHER_INN)
        await gateway.wait(END - gateway.now)
    return Commands(shell, dsn)


async def replayed(commands: Commands, *options: str) -> list[dict[str, Any]]:
    done = await commands("alerts", "replay", *SINCE, "--until", END.isoformat(), *options, "--json")
    assert done.code == 0
    return [json.loads(line) for line in done.lines]


async def test_it_finds_what_was_found_live(commands: Commands) -> None:
    live = """
    SELECT c.at, c.kind, c.rule, c.level, c.subject, c.facts::text AS facts FROM alert_changes AS c ORDER BY c.at, c.id
    """
    found = await replayed(commands)
    assert [list(line) for line in found] == [FIELDS] * len(found)
    expected = [(row[0].isoformat(), *row[1:5], json.loads(row[5])) for row in await rows(commands.dsn, live)]
    names = ("at", "kind", "rule", "level", "subject", "facts")
    assert sorted((tuple(line[name] for name in names) for line in found), key=str) == sorted(expected, key=str)
    assert {line["rule"] for line in found} >= {"fn_filling", "register_silent", "fd_conflict"}
    assert {(line["subject"], line["customer"]) for line in found} >= {(PLAIN_FN, INN), (OTHER_REGISTER, None)}


async def test_nothing_is_written(commands: Commands) -> None:
    counts = (
        "SELECT (SELECT count(*) FROM alerts), (SELECT count(*) FROM alert_changes), (SELECT count(*) FROM watches)"
    )
    before = await rows(commands.dsn, counts)
    await rows(commands.dsn, "DELETE FROM letter_groups")
    assert await replayed(commands) != []
    assert await rows(commands.dsn, counts) == before
    assert await rows(commands.dsn, "SELECT count(*) FROM letter_groups") == [(0,)]


def told(found: list[dict[str, Any]], rule: str) -> list[tuple[str, str, str]]:
    return [(line["kind"], line["level"], line["subject"]) for line in found if line["rule"] == rule]


@pytest.mark.parametrize("name", ["register_silent.after", "alerts.register_silent.after"])
async def test_other_thresholds_are_tried(commands: Commands, name: str) -> None:
    assert told(await replayed(commands), "register_silent") == [
        ("opened", "24h", REGISTER),
        ("opened", "24h", OTHER_REGISTER),
        ("resolved", "24h", OTHER_REGISTER),
        ("opened", "24h", OTHER_REGISTER),
    ]
    assert told(await replayed(commands, "--set", f"{name}=30h,50h"), "register_silent") == [
        ("opened", "30h", REGISTER),
        ("raised", "50h", REGISTER),
        ("opened", "30h", OTHER_REGISTER),
    ]


async def test_they_come_before_those_of_a_customer(commands: Commands) -> None:
    own = '{"fn_filling": {"percent": "99"}, "shift_too_long": {"after": "2h"}}'
    await rows(commands.dsn, "UPDATE customers SET parameters = $1::jsonb", own)
    found = await replayed(commands)
    assert told(found, "fn_filling") == []
    assert told(found, "shift_too_long")[0] == ("opened", "2h", REGISTER)
    found = await replayed(commands, "--set", "fn_filling.percent=10,20", "--set", "timezone=Asia/Omsk")
    assert ("opened", "20", PLAIN_FN) in told(found, "fn_filling")
    assert told(found, "shift_too_long")[0] == ("opened", "2h", REGISTER)


async def test_one_fn_and_one_customer(commands: Commands) -> None:
    everything = await replayed(commands)
    of_other = await replayed(commands, "--fn", OTHER_FN)
    assert of_other == [line for line in everything if line["subject"] in (OTHER_FN, OTHER_REGISTER)]
    assert await replayed(commands, "--customer", INN) == [line for line in everything if line["customer"] == INN]
    assert await replayed(commands, "--fn", "1234567890123456") == []


async def test_it_begins_and_ends_where_it_is_told(commands: Commands) -> None:
    since, until = START + 25 * HOUR, START + 30 * HOUR
    done = await commands("alerts", "replay", "--since", since.isoformat(), "--until", until.isoformat(), "--json")
    assert (done.code, done.out) == (0, "")
    assert done.err.splitlines() == [
        "документов / documents: 1, касс / registers: 1",
        "правила ничего не нашли бы / the rules would have found nothing",
    ]


async def test_time_passes_until_now(commands: Commands) -> None:
    """The present is months after the documents of this test."""
    done = await commands("alerts", "replay", *SINCE, "--json", "--set", "register_silent.after=24h,90d")
    assert done.code == 0
    levels = [line["level"] for line in map(json.loads, done.lines) if line["subject"] == OTHER_REGISTER]
    assert levels[-1] == "90d"


async def test_registers_have_the_settings_of_today(commands: Commands) -> None:
    async with Gateway(commands.dsn) as gateway:
        book = RegisterBook(gateway.database)
        paid_until = (START + timedelta(days=12)).date()
        settings = RegisterSettings(registration_number=OTHER_REGISTER, customer_inn=INN, service_until=paid_until)
        await book.add(settings, gateway.directory, END)
        await book.add(
            RegisterSettings(registration_number="77", watch_unsold=True, timezone="Asia/Omsk"), gateway.directory, END
        )
        removed = {"removed_at": START + 10 * HOUR}
        await book.change(REGISTER, removed, gateway.directory, END)
    found = await replayed(commands)
    assert told(found, "service_ending") == [("opened", "14d", OTHER_REGISTER)]
    assert {line["customer"] for line in found if line["subject"] == OTHER_REGISTER} == {INN}
    assert ("opened", "24h", "77") in told(found, "register_silent")
    assert [line["at"] for line in found if line["subject"] == PLAIN_FN and line["kind"] == "resolved"] == [
        (START + 10 * HOUR).isoformat()
    ]
    assert [
        line for line in await replayed(commands, "--fn", PLAIN_FN) if line["subject"] in ("77", OTHER_REGISTER)
    ] == []


async def test_a_register_that_was_removed_before_is_watched_from_its_next_document_on(commands: Commands) -> None:
    async with Gateway(commands.dsn) as gateway:
        settings = RegisterSettings(
            registration_number="78", service_until=START.date(), removed_at=START - timedelta(days=1)
        )
        await RegisterBook(gateway.database).add(settings, gateway.directory, END)
        gateway.now = END - HOUR
        assert told(await replayed(commands), "service_ending") == []
        await gateway.document(1, fn="8710000100000003", register="78")
    assert told(await replayed(commands), "service_ending") == [("opened", "0d", "78")]


async def test_people_get_a_table_and_a_summary(commands: Commands) -> None:
    done = await commands("alerts", "replay", *SINCE, "--until", END.isoformat())
    assert done.code == 0
    assert "предмет / subject" in done.out
    row = next(line for line in done.lines if "fn_filling" in line)
    assert row.split()[2:7] == ["opened", "fn_filling", "80", PLAIN_FN, INN]
    summary = done.err.splitlines()
    assert summary[0] == "документов / documents: 5, касс / registers: 2"
    assert "register_silent: opened 3, raised 0, resolved 1" in summary


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ((), "--since"),
        (("--since", "lately"), "'lately' is neither a moment"),
        ((*SINCE, "--set", "register_silent.after"), "should be written like register_silent.after=12h"),
        ((*SINCE, "--set", "register_silent.untold=12h"), "register_silent.untold: there is no such parameter"),
        ((*SINCE, "--set", "register_silent.after=soon"), "register_silent.after: 'soon' is no duration"),
        ((*SINCE, "--set", "timezone=Mars"), "'Mars' is no time zone"),
        ((*SINCE, "--set", "mark=x"), "mark: there is no such rule"),
    ],
)
async def test_what_makes_no_sense_is_named(commands: Commands, options: tuple[str, ...], complaint: str) -> None:
    done = await commands("alerts", "replay", *options)
    assert (done.code, done.out) == (2, "")
    assert complaint in " ".join(done.err.replace("│", " ").split())
