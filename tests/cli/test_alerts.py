"""Alerts as commands show and mute them, against a real database."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from tests.alerted import FULL_FD, HOUR, INN, REGISTER, START, Gateway, rows
from tests.messages import PLAIN_FN

if TYPE_CHECKING:
    from .running import Outcome, Shell

FIELDS = [
    "id",
    "type",
    "rule",
    "subject",
    "customer",
    "level",
    "state",
    "opened_at",
    "resolved_at",
    "facts",
]


class Commands:
    """Commands in a thread, where they may run an event loop of their own."""

    def __init__(self, shell: Shell, dsn: str) -> None:
        self._shell, self.dsn = shell, dsn

    async def __call__(self, *words: str) -> Outcome:
        return await asyncio.to_thread(self._shell, *words, "--database", self.dsn)

    async def records(self, *words: str) -> list[dict[str, Any]]:
        done = await self(*words, "--json")
        assert (done.code, done.err) == (0, "")
        return [json.loads(line) for line in done.lines]

    async def id_of(self, rule: str) -> str:
        (alert,) = await self.records("alerts", "list", "--rule", rule)
        return str(alert["id"])


@pytest_asyncio.fixture(loop_scope="session")
async def found(dsn: str) -> str:
    """An FN nearly full (open), a shift too long (over), and a conflict for the operator, in this order."""
    async with Gateway(dsn) as gateway:
        await gateway.customer()
        await gateway.document(FULL_FD, 2)
        await gateway.wait(25 * HOUR)
        await gateway.document(FULL_FD + 1, 5)
        await gateway.wait(HOUR)
        await gateway.document(FULL_FD + 1, 5, sign=b"other!")
    return dsn


@pytest.fixture
def commands(shell: Shell, found: str) -> Commands:
    return Commands(shell, found)


def rules(records: list[dict[str, Any]]) -> list[str]:
    return [record["rule"] for record in records]


ALL = ["fn_filling", "shift_too_long", "fns_rejected", "fd_conflict"]


class TestList:
    async def test_all_in_the_order_of_opening(self, commands: Commands) -> None:
        records = await commands.records("alerts", "list")
        assert rules(records) == ALL
        assert await commands.records("alerts", "list", "--limit", "0") == records
        filling, shift, _, conflict = records
        assert list(filling) == FIELDS
        assert {**filling, "id": 0, "facts": filling["facts"]["fd"]} == {
            "id": 0,
            "type": "fault",
            "rule": "fn_filling",
            "subject": PLAIN_FN,
            "customer": INN,
            "level": "80",
            "state": "firing",
            "opened_at": START.isoformat(),
            "resolved_at": None,
            "facts": FULL_FD,
        }
        assert (shift["state"], shift["opened_at"]) == ("resolved", (START + 24 * HOUR).isoformat())
        assert shift["resolved_at"] == (START + 25 * HOUR).isoformat()
        assert (conflict["type"], conflict["customer"]) == ("operator", INN)

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            (("--open",), [ALL[0], *ALL[2:]]),
            (("--customer", INN), ALL),
            (("--customer", "7802781104"), []),
            (("--rule", "fd_conflict"), ALL[3:]),
            (("--rule", "many_registers"), []),
            (("--type", "fault"), ALL[:3]),
            (("--type", "fault", "--open"), [ALL[0], ALL[2]]),
            (("--subject", REGISTER), ["shift_too_long", "fns_rejected"]),
            (("--since", (START + 25 * HOUR).isoformat()), ALL[2:]),
            (("--limit", "1"), ALL[3:]),
            (("--limit", "2"), ALL[2:]),
        ],
    )
    async def test_filters(self, commands: Commands, options: tuple[str, ...], expected: list[str]) -> None:
        assert rules(await commands.records("alerts", "list", *options)) == expected

    async def test_an_inn_that_is_no_customer_is_not_named(self, dsn: str, shell: Shell) -> None:
        async with Gateway(dsn) as gateway:
            await gateway.document(FULL_FD)
        commands = Commands(shell, dsn)
        (alert,) = await commands.records("alerts", "list")
        assert alert["customer"] is None
        assert await commands.records("alerts", "list", "--customer", INN) == [alert]

    async def test_nothing_found_is_said_to_people_only(self, commands: Commands) -> None:
        done = await commands("alerts", "list", "--type", "messages")
        assert (done.code, done.out, done.err) == (0, "", "уведомлений нет / no alerts\n")
        assert await commands.records("alerts", "list", "--type", "messages") == []

    async def test_a_table_for_people(self, commands: Commands) -> None:
        done = await commands("alerts", "list")
        assert (done.code, done.err) == (0, "")
        row = next(line for line in done.lines if "fn_filling" in line)
        assert row.split()[1:8] == ["активно", "/", "firing", "fn_filling", "80", PLAIN_FN, INN]
        assert "предмет / subject" in done.out

    @pytest.mark.parametrize(
        ("options", "complaint"),
        [
            (("--rule", "fn_full"), "'fn_full' is none of service_ending"),
            (("--type", "sms"), "'sms' is none of service, messages"),
            (("--since", "lately"), "'lately' is neither a moment"),
            (("--limit", "-1"), "--limit"),
        ],
    )
    async def test_a_wrong_filter_is_named(self, commands: Commands, options: tuple[str, ...], complaint: str) -> None:
        done = await commands("alerts", "list", *options)
        assert (done.code, done.out) == (2, "")
        assert complaint in " ".join(done.err.replace("│", " ").split())


class TestMuting:
    async def test_an_acknowledgement_covers_the_level_it_saw(self, commands: Commands) -> None:
        number = await commands.id_of("fn_filling")
        (acked,) = await commands.records("alerts", "ack", number, "--who", "Анна", "--why", "ФН заказан")
        assert (list(acked), acked["state"]) == (FIELDS, "acked")
        muted = "SELECT acked_weight, acked_critical FROM alerts WHERE id = $1"
        assert await rows(commands.dsn, muted, int(number)) == [(80.0, False)]
        assert await self.changes(commands, number) == [
            ("opened", "80", "engine", ""),
            ("acked", "80", "Анна", "ФН заказан"),
        ]
        assert [a["state"] for a in await commands.records("alerts", "list", "--rule", "fn_filling")] == ["acked"]
        await self.fill_up(commands.dsn)
        critical = (await commands.records("alerts", "list", "--rule", "fn_filling"))[0]
        assert (critical["level"], critical["state"]) == ("99", "firing")

    async def test_a_critical_level_can_be_acknowledged_too(self, commands: Commands) -> None:
        number = await commands.id_of("fn_filling")
        await self.fill_up(commands.dsn)
        (acked,) = await commands.records("alerts", "ack", number)
        assert (acked["level"], acked["state"]) == ("99", "acked")
        muted = "SELECT acked_weight, acked_critical FROM alerts WHERE id = $1"
        assert await rows(commands.dsn, muted, int(number)) == [(99.0, True)]

    async def test_taking_an_acknowledgement_back_is_news(self, commands: Commands) -> None:
        number = await commands.id_of("fn_filling")
        await commands.records("alerts", "ack", number)
        await self.forget_news(commands.dsn)
        (fired,) = await commands.records("alerts", "unack", number, "--why", "ФН не привезли", "--who", "Анна")
        assert fired["state"] == "firing"
        assert (await self.changes(commands, number))[-1] == ("unacked", "80", "Анна", "ФН не привезли")
        muted = "SELECT acked_at, acked_weight, acked_critical FROM alerts WHERE id = $1"
        assert await rows(commands.dsn, muted, int(number)) == [(None, None, None)]
        assert await self.news(commands.dsn) == [(INN, "prompt")]

    async def test_acknowledging_is_no_news(self, commands: Commands) -> None:
        await self.forget_news(commands.dsn)
        await commands.records("alerts", "ack", await commands.id_of("fn_filling"))
        assert await self.news(commands.dsn) == []

    async def test_silence_holds_until_its_end(self, commands: Commands) -> None:
        number = await commands.id_of("fn_filling")
        await self.forget_news(commands.dsn)
        before = datetime.now(UTC)
        (silenced,) = await commands.records("alerts", "silence", number, "--for", "2h", "--why", "ремонт")
        assert silenced["state"] == "silenced"
        (until,) = (await rows(commands.dsn, "SELECT silenced_until FROM alerts WHERE id = $1", int(number)))[0]
        assert timedelta() <= until - before - 2 * HOUR < timedelta(minutes=1)
        assert [row[0] for row in await self.changes(commands, number)] == ["opened", "silenced"]
        assert await self.news(commands.dsn) == []

    async def test_a_silence_can_be_named_by_its_end(self, commands: Commands) -> None:
        number = await commands.id_of("fd_conflict")
        await commands.records("alerts", "silence", number, "--until", "2999-01-31T12:00+00:00")
        muted = "SELECT silenced_until FROM alerts WHERE id = $1"
        assert await rows(commands.dsn, muted, int(number)) == [(datetime(2999, 1, 31, 12, tzinfo=UTC),)]

    async def test_a_silence_that_ends_sooner_or_at_once_is_news(self, commands: Commands) -> None:
        number = await commands.id_of("fd_conflict")
        await commands.records("alerts", "silence", number, "--for", "2d")
        await self.forget_news(commands.dsn)
        await commands.records("alerts", "silence", number, "--for", "1d")
        assert await self.news(commands.dsn) == [("operator", "daily")]
        await self.forget_news(commands.dsn)
        (fired,) = await commands.records("alerts", "unsilence", number)
        assert fired["state"] == "firing"
        assert await self.news(commands.dsn) == [("operator", "daily")]
        assert [row[0] for row in await self.changes(commands, number)] == [
            "opened",
            "silenced",
            "silenced",
            "unsilenced",
        ]

    async def test_a_silence_that_is_over_is_none(self, commands: Commands) -> None:
        number = await commands.id_of("fn_filling")
        await commands.records("alerts", "silence", number, "--for", "2h")
        await rows(commands.dsn, "UPDATE alerts SET silenced_until = now() - interval '1 s' WHERE id = $1", int(number))
        assert (await commands.records("alerts", "list", "--rule", "fn_filling"))[0]["state"] == "firing"
        assert (await commands("alerts", "unsilence", number)).code == 1

    async def test_whoever_runs_the_command_did_it(self, commands: Commands, monkeypatch) -> None:
        monkeypatch.setenv("LOGNAME", "anna")
        number = await commands.id_of("fn_filling")
        done = await commands("alerts", "ack", number)
        assert (done.code, done.err) == (0, "")
        assert done.out == f"уведомление {number} (fn_filling 80, {PLAIN_FN}): принято / acknowledged\n"
        assert (await self.changes(commands, number))[-1] == ("acked", "80", "anna", "")

    async def test_what_is_no_text_in_the_shell_is_replaced(self, commands: Commands) -> None:
        number = await commands.id_of("fn_filling")
        await commands.records("alerts", "ack", number, "--who", "A\udcff", "--why", "\udcd0")
        assert (await self.changes(commands, number))[-1] == ("acked", "80", "A?", "?")

    @pytest.mark.parametrize("command", ["ack", "unack", "silence", "unsilence"])
    async def test_what_is_over_cannot_be_muted(self, commands: Commands, command: str) -> None:
        number = await commands.id_of("shift_too_long")
        more = ("--for", "1h") if command == "silence" else ()
        done = await commands("alerts", command, number, *more)
        assert (done.code, done.out) == (1, "")
        assert done.err == f"ofd-gateway: уведомление {number} уже закрыто / this alert is resolved\n"
        assert [row[0] for row in await self.changes(commands, number)] == ["opened", "resolved"]

    @pytest.mark.parametrize("command", ["ack", "unack", "silence", "unsilence", "explain"])
    async def test_an_unknown_number_leaves_with_1(self, commands: Commands, command: str) -> None:
        more = ("--for", "1h") if command == "silence" else ()
        done = await commands("alerts", command, "999999", *more)
        assert (done.code, done.out) == (1, "")
        assert done.err == "ofd-gateway: нет уведомления 999999 / no such alert\n"

    @pytest.mark.parametrize(("command", "missing"), [("unack", "not acknowledged"), ("unsilence", "not silenced")])
    async def test_what_is_not_muted_cannot_be_unmuted(self, commands: Commands, command: str, missing: str) -> None:
        number = await commands.id_of("fn_filling")
        done = await commands("alerts", command, number)
        assert (done.code, done.out) == (1, "")
        assert missing in done.err
        assert [row[0] for row in await self.changes(commands, number)] == ["opened"]

    @pytest.mark.parametrize(
        ("options", "complaint"),
        [
            ((), "one of --for and --until"),
            (("--for", "1h", "--until", "2999-01-01"), "one of --for and --until"),
            (("--for", "soon"), "'soon' is no duration"),
            (("--for", "0s"), "end before it begins"),
            (("--for", "999999999d"), "is no moment"),
            (("--until", "tomorrow"), "'tomorrow' is no moment"),
            (("--until", "2026-01-01"), "end before it begins"),
        ],
    )
    async def test_a_silence_has_one_end_ahead(
        self, commands: Commands, options: tuple[str, ...], complaint: str
    ) -> None:
        done = await commands("alerts", "silence", "1", *options)
        assert (done.code, done.out) == (2, "")
        assert complaint in " ".join(done.err.replace("│", " ").split())

    async def changes(self, commands: Commands, number: str) -> list[tuple[Any, ...]]:
        query = "SELECT kind, level, who, why FROM alert_changes WHERE alert_id = $1 ORDER BY id"
        return await rows(commands.dsn, query, int(number))

    async def fill_up(self, dsn: str) -> None:
        async with Gateway(dsn) as gateway:
            gateway.now = START + 30 * HOUR
            await gateway.document(FULL_FD + 2, 2, t1052=b"\x01")

    async def forget_news(self, dsn: str) -> None:
        await rows(dsn, "DELETE FROM letter_groups")

    async def news(self, dsn: str) -> list[tuple[Any, ...]]:
        return await rows(dsn, "SELECT recipient, urgency FROM letter_groups WHERE due_at IS NOT NULL")
