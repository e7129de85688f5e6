"""`ofd-gateway faults`, and what `serve` takes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ofd_gateway.cli.serve import _faults
from ofd_gateway.settings import SettingsError, load_settings
from ofd_gateway.storage import Database, FaultBook
from tests.cli.running import Commands, Shell
from tests.storage.arrivals import NOW

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
async def commands(dsn: str, shell: Shell) -> Commands:
    return Commands(shell, dsn)


@pytest.fixture
async def faults_on(dsn: str) -> None:
    database = await Database.connect(dsn)
    await FaultBook(database).switch((), NOW)
    await database.close()


@pytest.mark.parametrize("words", [("list",), ("add", "reset"), ("clear",), ("remove", "1")])
async def test_when_faults_are_off_that_is_said(commands: Commands, words: tuple[str, ...]) -> None:
    done = await commands("faults", *words)
    assert (done.code, done.out) == (1, "")
    assert "faults are off: start serve with --faults FILE" in done.err


@pytest.mark.usefixtures("faults_on")
async def test_faults_come_and_go(commands: Commands) -> None:
    options = ("--code", "14", "--fn", "9999*", "--fd", "5-", "--times", "2", "--every", "3")
    added = await commands.record("faults", "add", "response_code", *options)
    assert {key: added[key] for key in ("what", "code", "fn", "fd", "times", "every", "source", "hits")} == {
        "what": "response_code",
        "code": 14,
        "fn": "9999*",
        "fd": "5-",
        "times": 2,
        "every": 3,
        "source": "command",
        "hits": 0,
    }
    said = await commands("faults", "add", "wrong_length", "--length-change", "-5")
    assert f"fault {added['id'] + 1} is on" in said.out
    assert "length_change=-5" in said.out
    table = await commands("faults", "list")
    assert "response_code code=14 fn=9999* every=3 times=2 fd=5-" in table.out
    assert (await commands("faults", "remove", str(added["id"]))).code == 0
    gone = await commands("faults", "remove", str(added["id"]))
    assert (gone.code, "no such fault" in gone.err) == (1, True)
    assert [one["what"] for one in await commands.records("faults", "list")] == ["wrong_length"]
    assert await commands.record("faults", "clear") == {"removed": 1}
    nothing = await commands("faults", "list")
    assert (nothing.code, nothing.out, "no faults" in nothing.err) == (0, "", True)
    assert "0 faults are gone" in (await commands("faults", "clear")).out


@pytest.mark.usefixtures("faults_on")
@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("explode",), "is none of delay"),
        (("reset", "--code", "1"), "reset takes no code"),
        (("response_code",), "response_code needs it"),
        (("delay", "--delay", "3"), "is no duration"),
    ],
)
async def test_nonsense_is_a_usage_error(commands: Commands, words: tuple[str, ...], reason: str) -> None:
    done = await commands("faults", "add", *words)
    assert done.code == 2
    assert reason in " ".join(done.err.split())


def test_a_file_of_faults_switches_them_on(tmp_path: Path) -> None:
    file = tmp_path / "faults.toml"
    file.write_text('[[rules]]\nwhat = "delay"\ndelay = "3s"\n\n[[rules]]\nwhat = "reset"\nfd = 7\n')
    settings = load_settings(None, faults=_faults(file))
    assert settings.faults.enabled
    assert [(fault.what.value, fault.delay_s, fault.fd_from) for fault in settings.faults.parsed()] == [
        ("delay", 3.0, 0),
        ("reset", 0.0, 7),
    ]


def test_a_dash_switches_them_on_without_any(tmp_path: Path) -> None:
    from pathlib import Path as AnyPath

    settings = load_settings(None, faults=_faults(AnyPath("-")))
    assert (settings.faults.enabled, settings.faults.parsed()) == (True, ())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('[[rules]]\nwhat = "explode"\n', "faults.rules: rule 1, what: 'explode' is none of"),
        ("[[rules]]\n[[rules]]\n", "rule 1, what: it is needed"),
        ('[[rule]]\nwhat = "reset"\n', "only \\[\\[rules\\]\\] belong here"),
        ("rules = 3\n", "faults.rules"),
        ("rules = [", "faults.toml"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    file = tmp_path / "faults.toml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=reason):
        load_settings(None, faults=_faults(file))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        _faults(tmp_path / "none.toml")
