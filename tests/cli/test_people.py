"""`customers`, `registers`, `packages`: who is who, and what the rules make of it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from ofd_gateway.alerts import Parameters, customise
from tests.storage.watched import REGISTER, TAXPAYER, watched

from .running import Commands, Shell

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.storage.watched import Watched

INN = "7707083893"
OTHER_INN = "7802781104"
RNM = "0000000001000001"
SILENT = "register_silent"


@pytest.fixture
def commands(shell: Shell, dsn: str) -> Commands:
    return Commands(shell, dsn)


@pytest_asyncio.fixture(loop_scope="session")
async def scene(dsn: str) -> AsyncIterator[Watched]:
    """The gateway's side, at the present moment: commands have no other."""
    async with watched(dsn) as opened:
        opened.now = datetime.now(UTC)
        yield opened


async def look(scene: Watched) -> None:
    scene.now = datetime.now(UTC)
    await scene.deadlines.look(scene.now)


def in_days(count: int) -> str:
    """A date by the clocks of Moscow."""
    return ((datetime.now(UTC) + timedelta(hours=3)).date() + timedelta(days=count)).isoformat()


class TestCustomers:
    async def test_one_is_added_changed_and_shown(self, commands: Commands) -> None:
        added = await commands.record(
            *("customers", "add", "--inn", INN, "--name", "Ромашка", "--email", "a@example.org,b@example.org"),
            *("--email", "c@example.org", "--notify", "service,fault", "--timezone", "Asia/Omsk", "--locale", "en"),
            *("--threshold", "service_ending.before=45d,10d", "--quiet-hours", "22:00-08:00", "--no-tell-resolved"),
        )
        assert added["emails"] == ["a@example.org", "b@example.org", "c@example.org"]
        assert added["thresholds"] == {"service_ending": {"before": "45d,10d"}}
        assert (added["notify"], added["timezone"], added["locale"]) == (["service", "fault"], "Asia/Omsk", "en")
        assert (added["quiet_hours"], added["tell_resolved"]) == ("22:00-08:00", False)
        changed = await commands.record(
            "customers", "set", "--inn", INN, "--notify", "none", "--timezone", "none", "--threshold",
            "alerts.service_ending.before=none",
        )  # fmt: skip
        assert changed == {
            **added, "notify": [], "timezone": None, "thresholds": {}, "changed_at": changed["changed_at"]
        }  # fmt: skip
        assert await commands.record("customers", "show", INN) == changed
        assert await commands.records("customers", "list") == [changed]
        for words in (("list",), ("show", "--inn", INN)):
            done = await commands("customers", *words)
            assert done.code == 0
            assert "Ромашка" in done.out

    async def test_by_default_everything_is_told_in_russian(self, commands: Commands) -> None:
        added = await commands.record("customers", "add", "--inn", INN)
        assert (added["notify"], added["locale"]) == (["service", "messages", "silence", "fault"], "ru")
        assert (added["emails"], added["tell_resolved"]) == ([], True)

    async def test_nobody_is_added_twice_or_changed_unknown(self, commands: Commands) -> None:
        await commands.record("customers", "add", "--inn", INN)
        for words in (("add", "--inn", INN), ("set", "--inn", OTHER_INN), ("show", OTHER_INN)):
            done = await commands("customers", *words)
            assert (done.code, done.out) == (1, "")
            assert words[-1] in done.err

    async def test_one_is_removed_and_its_registers_stay(self, commands: Commands) -> None:
        await commands.record("customers", "add", "--inn", INN)
        await commands.record("registers", "add", "--rnm", RNM, "--customer", INN)
        assert await commands.record("customers", "remove", "--inn", INN) == {"inn": INN, "removed": True}
        assert await commands.records("customers", "list") == []
        assert (await commands.record("registers", "show", RNM))["customer"] is None
        for words in (("remove", "--inn", INN), ("show", INN)):
            assert (await commands("customers", *words)).code == 1

    async def test_one_with_messages_left_is_not_removed(self, commands: Commands) -> None:
        added = await commands.record("customers", "add", "--inn", INN)
        await commands.record("packages", "topup", "--customer", INN, "--messages", "5")
        done = await commands("customers", "remove", "--inn", INN)
        assert (done.code, done.out) == (1, "")
        assert "packages spend" in done.err
        assert await commands.records("customers", "list") == [added]
        await commands.record("packages", "spend", "--customer", INN, "--messages", "5")
        done = await commands("customers", "remove", "--inn", INN)
        assert (done.code, done.err) == (0, "")

    @pytest.mark.parametrize(
        ("option", "value"),
        [
            ("--inn", "12345"),
            ("--inn", "770708389A"),
            ("--email", "no address"),
            ("--email", "a@b\u202ec"),
            ("--notify", "service,news"),
            ("--timezone", "Mars/Olympus"),
            ("--timezone", "../etc/passwd"),
            ("--locale", "de"),
            ("--threshold", "service_ending.before"),
            ("--threshold", "service_ending.after=3d"),
            ("--threshold", "fn_filling.percent=much"),
            ("--quiet-hours", "22-8"),
            ("--quiet-hours", "9:00-18:00"),
            ("--quiet-hours", "22:00-24:30"),
        ],
    )
    async def test_what_makes_no_sense_is_refused_by_name(self, commands: Commands, option: str, value: str) -> None:
        words = ["customers", "add"] + ([] if option == "--inn" else ["--inn", INN])
        done = await commands(*words, option, value)
        assert (done.code, done.out) == (2, "")
        assert "Error: Invalid value" in done.err
        assert await commands.records("customers", "list") == []

    async def test_a_test_registers_inn_is_taken_with_a_warning(self, commands: Commands) -> None:
        done = await commands("customers", "add", "--inn", "7707083894")
        assert done.code == 0
        assert "control digits" in done.err

    async def test_its_own_thresholds_reach_the_gateway(self, commands: Commands, scene: Watched) -> None:
        await scene.document(fd=50_000)
        assert await scene.alerts("fn_filling") == []
        await commands.record("customers", "add", "--inn", TAXPAYER, "--threshold", "fn_filling.percent=10,15")
        await look(scene)
        assert [alert[2] for alert in await scene.alerts("fn_filling")] == ["15"]

    async def test_a_new_customer_hears_of_what_is_open_already(self, commands: Commands, scene: Watched) -> None:
        await scene.document(fd=200_000)
        await scene.fetch("DELETE FROM letter_groups")
        await commands.record("customers", "add", "--inn", TAXPAYER)
        groups = await scene.fetch("SELECT recipient, urgency FROM letter_groups WHERE due_at IS NOT NULL")
        assert [tuple(row) for row in groups] == [(TAXPAYER, "prompt")]


class TestRegisters:
    async def test_one_is_added_before_its_first_document(self, commands: Commands, scene: Watched) -> None:
        await commands.record("customers", "add", "--inn", INN)
        added = await commands.record(
            "registers", "add", "--rnm", RNM, "--customer", INN, "--service-until", in_days(10), "--name", "Касса 1"
        )
        assert (added["rnm"], added["customer"], added["name"]) == (RNM, INN, "Касса 1")
        assert added["block"]["cause"] == "service_ending"
        assert added["block"]["days_left"] in (10, 9)
        assert await scene.alerts() == []
        await look(scene)
        assert await scene.alerts() == [("service_ending", RNM, "14d", True)]
        shown = await commands.record("registers", "show", RNM)
        assert shown["open_alerts"] == ["service_ending 14d"]
        assert (await commands("registers", "list")).code == 0

    async def test_a_renewal_resolves(self, commands: Commands, scene: Watched) -> None:
        await commands.record("registers", "add", "--rnm", RNM, "--service-until", in_days(2))
        await look(scene)
        await commands.record("registers", "set", "--rnm", RNM, "--service-until", in_days(365))
        await look(scene)
        assert await scene.alerts() == [("service_ending", RNM, "3d", False)]

    async def test_the_highest_level_only(self, commands: Commands, scene: Watched) -> None:
        await commands.record("registers", "add", "--rnm", RNM, "--service-until", in_days(-1))
        await look(scene)
        assert await scene.alerts() == [("service_ending", RNM, "0d", True)]

    async def test_one_known_from_documents_belongs_to_whom_they_name(self, commands: Commands, scene: Watched) -> None:
        await scene.document()
        [unowned] = await commands.records("registers", "list")
        assert (unowned["rnm"], unowned["customer"], unowned["user_inn"]) == (REGISTER, None, TAXPAYER)
        assert (unowned["state"], unowned["last_document"], unowned["fn"]) == ("working", "receipt", "8710000100000001")
        await commands.record("customers", "add", "--inn", TAXPAYER)
        await commands.record("customers", "add", "--inn", INN)
        assert [line["rnm"] for line in await commands.records("registers", "list", "--customer", TAXPAYER)] == [
            REGISTER
        ]
        given = await commands.record("registers", "set", "--rnm", REGISTER, "--customer", INN)
        assert given["customer"] == INN
        assert await commands.records("registers", "list", "--customer", TAXPAYER) == []
        back = await commands.record("registers", "set", "--rnm", REGISTER, "--customer", "none")
        assert back["customer"] == TAXPAYER

    async def test_open_alerts_go_along_to_the_new_owner(self, commands: Commands, scene: Watched) -> None:
        await scene.document(fd=200_000)
        await commands.record("customers", "add", "--inn", INN)
        await scene.fetch("DELETE FROM letter_groups")
        await commands.record("registers", "set", "--rnm", REGISTER, "--customer", INN)
        assert await scene.fetch("SELECT customer_inn FROM alerts") == [(INN,)]
        assert await scene.fetch("SELECT recipient FROM letter_groups") == [(INN,)]

    async def test_one_that_is_removed_is_left_alone_until_it_speaks(self, commands: Commands, scene: Watched) -> None:
        await scene.document(fd=200_000)
        removed = await commands.record("registers", "remove", "--rnm", REGISTER)
        assert removed["state"] == "removed"
        await look(scene)
        assert [alert[3] for alert in await scene.alerts()] == [False]
        await commands.record("registers", "add", "--rnm", REGISTER, "--name", "Снова")
        assert (await commands.record("registers", "show", "--rnm", REGISTER))["state"] == "working"

    async def test_a_zone_moves_the_end_of_the_term(self, commands: Commands) -> None:
        day = date(2027, 1, 15)
        await commands.record("customers", "add", "--inn", INN)
        moscow = await commands.record(
            "registers", "add", "--rnm", RNM, "--customer", INN, "--service-until", day.isoformat()
        )
        assert moscow["block"]["at"] == "2027-01-14T21:00:00+00:00"
        await commands.record("customers", "set", "--inn", INN, "--timezone", "Asia/Vladivostok")
        assert (await commands.record("registers", "show", RNM))["block"]["at"] == "2027-01-14T14:00:00+00:00"
        own = await commands.record("registers", "set", "--rnm", RNM, "--timezone", "Europe/Kaliningrad")
        assert own["block"]["at"] == "2027-01-14T22:00:00+00:00"

    async def test_a_calendar_and_a_first_receipt_expected(self, commands: Commands, scene: Watched) -> None:
        await scene.document(code=2)
        set_ = await commands.record(
            "registers", "set", "--rnm", REGISTER, "--watch-unsold", "--calendar", "mon-sun=00:00-24:00"
        )
        assert set_["calendar"] == "mon-sun=00:00-24:00"
        await scene.pass_time(timedelta(hours=24, minutes=1))
        assert await scene.alerts(SILENT) == [(SILENT, REGISTER, "24h", True)]

    @pytest.mark.parametrize(
        ("words", "code"),
        [
            (("add", "--rnm", RNM, "--customer", OTHER_INN), 1),
            (("set", "--rnm", RNM, "--name", "x"), 1),
            (("remove", "--rnm", RNM), 1),
            (("show", RNM), 1),
            (("add", "--rnm", "12ab"), 2),
            (("add", "--rnm", RNM, "--service-until", "31.12.2026"), 2),
            (("add", "--rnm", RNM, "--calendar", "mon-fri"), 2),
            (("add", "--rnm", RNM, "--calendar", "mon=18:00-09:00"), 2),
            (("add", "--rnm", RNM, "--calendar", "off=yesterday"), 2),
            (("show",), 2),
        ],
    )
    async def test_what_makes_no_sense_is_refused(self, commands: Commands, words: tuple[str, ...], code: int) -> None:
        done = await commands("registers", *words)
        assert (done.code, done.out) == (code, "")
        assert await commands.records("registers", "list") == []

    async def test_one_is_not_added_twice(self, commands: Commands) -> None:
        await commands.record("registers", "add", "--rnm", RNM)
        assert (await commands("registers", "add", "--rnm", RNM)).code == 1

    async def test_an_fn_whose_register_is_unknown_is_listed(self, commands: Commands, scene: Watched) -> None:
        await scene.document(register=None)
        [line] = await commands.records("registers", "list")
        assert (line["rnm"], line["fn"]) == (None, "8710000100000001")

    async def test_fill_is_shown_by_the_capacity_of_the_gateway(self, commands: Commands, dsn: str) -> None:
        parameters = customise(Parameters(), {"fn_filling": {"capacity": "1000"}})
        async with watched(dsn, parameters=parameters) as scene:
            scene.now = datetime.now(UTC)
            await scene.document(fd=500)
        assert (await commands.record("registers", "show", REGISTER))["fn_fill_percent"] == 50.0


class TestPackages:
    async def test_a_package_runs_low_and_is_topped_up(self, commands: Commands, scene: Watched) -> None:
        await commands.record("customers", "add", "--inn", INN)
        assert await commands.record("packages", "topup", "--customer", INN, "--messages", "53") == {
            "customer": INN,
            "balance": 53,
        }
        await look(scene)
        assert await scene.alerts() == []
        assert (await commands.record("packages", "spend", "--customer", INN, "--messages", "5"))["balance"] == 48
        await look(scene)
        assert await scene.alerts() == [("messages_low", INN, "50", True)]
        await commands.record("packages", "spend", "--customer", INN, "--messages", "48", "--reason", "рассылка")
        await look(scene)
        assert await scene.alerts() == [("messages_low", INN, "0", True)]
        await commands.record("packages", "topup", "--customer", INN, "--messages", "500")
        await look(scene)
        assert await scene.alerts() == [("messages_low", INN, "0", False)]
        shown = await commands.record("packages", "show", "--customer", INN)
        assert shown["balance"] == 500
        assert [(move["messages"], move["balance"]) for move in shown["movements"]] == [
            (500, 500), (-48, 0), (-5, 48), (53, 53)
        ]  # fmt: skip
        assert "рассылка" in (await commands("packages", "show", "--customer", INN)).out

    async def test_no_more_is_spent_than_there_is(self, commands: Commands) -> None:
        await commands.record("customers", "add", "--inn", INN)
        assert (await commands.record("packages", "show", "--customer", INN))["balance"] == 0
        await commands.record("packages", "topup", "--customer", INN, "--messages", "3")
        done = await commands("packages", "spend", "--customer", INN, "--messages", "4")
        assert (done.code, done.out) == (1, "")
        assert "3" in done.err
        assert (await commands.record("packages", "show", "--customer", INN))["balance"] == 3

    async def test_a_customer_is_needed(self, commands: Commands) -> None:
        for words in (("topup", "--messages", "1"), ("spend", "--messages", "1"), ("show",)):
            done = await commands("packages", *words, "--customer", INN)
            assert (done.code, done.out) == (1, "")
            assert INN in done.err
        assert (await commands("packages", "topup", "--customer", INN, "--messages", "0")).code == 2
