"""The command as a whole: how it starts, what it says when it fails, and with which code it leaves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.core import TyperGroup

import ofd_gateway
import ofd_gateway.errors
from ofd_gateway.cli import main as cli
from ofd_gateway.cli.group import load_command
from ofd_gateway.storage import DatabaseUnavailable

from .running import COMMAND, PLAIN_ENVIRONMENT, child


def leaves() -> dict[str, Any]:
    """Every command that does something, by its full name."""
    found = {}
    for name, (place, _) in cli.COMMANDS.items():
        command = load_command(name, place)
        if isinstance(command, TyperGroup):
            found |= {f"{name} {inner}": leaf for inner, leaf in command.commands.items()}
        else:
            found[name] = command
    return found


LEAVES = leaves()


def test_the_version() -> None:
    done = child("--version")
    assert (done.code, done.out, done.err) == (0, f"ofd-gateway {ofd_gateway.__version__}\n", "")


def test_the_package_has_no_other_lazy_name() -> None:
    with pytest.raises(AttributeError, match="no attribute 'versoin'"):
        _ = ofd_gateway.versoin  # type: ignore[attr-defined]


def test_the_help_lists_every_command(shell) -> None:
    done = shell("--help")
    assert done.code == 0
    for name, (_, line) in cli.COMMANDS.items():
        assert f"  {name} " in done.out
        assert line.partition(" / ")[2].split()[0] in done.out


@pytest.mark.parametrize("name", LEAVES)
def test_every_leaf_takes_the_common_options(name: str) -> None:
    options = {option for parameter in LEAVES[name].params for option in parameter.opts}
    assert {"--state-dir", "--database", "--config", "--json"} <= options


def test_the_leaves_are_found() -> None:
    assert {"serve", "decode", "documents list", "quarantine show", "check-config"} <= set(LEAVES)


@pytest.mark.parametrize(
    "words", [["documnets"], ["documents", "list", "--limit", "x"], ["documents", "show", "1"], ["logs", "--nonsense"]]
)
def test_a_wrong_command_line_leaves_with_2(words: list[str], shell) -> None:
    done = shell(*words)
    assert (done.code, done.out) == (2, "")
    assert "Error" in done.err
    assert "Traceback" not in done.err


def test_no_command_shows_the_help(shell) -> None:
    done = shell()
    assert done.code == 2
    assert "check-config" in done.out + done.err


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (DatabaseUnavailable("no server"), 3, "ofd-gateway: no server\n"),
        (ofd_gateway.errors.OfdGatewayError("no way"), 1, "ofd-gateway: no way\n"),
        (PermissionError(13, "Permission denied", "/key"), 1, "ofd-gateway: /key: Permission denied\n"),
        (OSError("out of everything"), 1, "ofd-gateway: out of everything\n"),
    ],
)
def test_what_can_be_foreseen_is_one_line(error: Exception, code: int, text: str, shell, monkeypatch) -> None:
    def fail(words: list[str]) -> int:
        raise error

    monkeypatch.setattr(cli, "_dispatch", fail)
    done = shell("anything")
    assert (done.code, done.out, done.err) == (code, "", text)


def test_wrong_settings_leave_with_2() -> None:
    done = child("documents", "list", environment={"OFD_GATEWAY_INTAKE__IDLE_TIMOUT": "3s"})
    assert (done.code, done.out, done.err) == (2, "", "ofd-gateway: intake.idle_timout: there is no such setting\n")


def test_no_database_leaves_with_3() -> None:
    done = child("documents", "list", "--database", "postgresql://nobody:secret@127.0.0.1:9/none")
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith("ofd-gateway: cannot connect to postgresql://nobody:***@127.0.0.1:9/none")
    assert "Traceback" not in done.err


def test_a_reader_that_goes_away_ends_the_command_in_silence(tmp_path: Path) -> None:
    lines = tmp_path / "lines"
    lines.write_text("zz\n" * 20_000)
    script = f'set -o pipefail; "{COMMAND}" decode --lines "{lines}" | head -1; exit ${{PIPESTATUS[0]}}'
    done = subprocess.run(["bash", "-c", script], capture_output=True, env=PLAIN_ENVIRONMENT, timeout=60, check=False)
    assert (done.returncode, done.stdout.count(b"\n"), done.stderr) == (1, 1, b"")


def test_russian_leaves_whole_in_any_locale(tmp_path: Path) -> None:
    done = child("--help", environment={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"})
    assert done.code == 0
    assert "принимать документы" in done.out


def test_decode_imports_nothing_slow() -> None:
    """Typer brings pydantic, and rich is for people: a program that decodes needs neither."""
    code = (
        "import sys; from ofd_gateway.cli.main import run; run(['decode', '--json', '--lines']); "
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=b"", capture_output=True, env=PLAIN_ENVIRONMENT, timeout=60, check=True
    )
    slow = {"typer", "pydantic", "rich", "asyncio", "asyncpg", "structlog", "construct", "uvloop"}
    assert slow & set(done.stdout.decode().split()) == set()


def test_the_console_command_is_main(monkeypatch) -> None:
    monkeypatch.setattr(cli, "run", lambda arguments: 7)
    with pytest.raises(SystemExit) as left:
        cli.main([])
    assert left.value.code == 7
    assert os.access(COMMAND, os.X_OK)
