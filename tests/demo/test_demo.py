"""The demo as a newcomer runs it: every type of alert, letters, countdowns, and commands that work afterwards."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.e2e.running import COMMAND

if TYPE_CHECKING:
    from pathlib import Path

RULES = {
    "service_ending",
    "messages_low",
    "register_silent",
    "fn_filling",
    "fn_expiring",
    "fns_rejected",
    "documents_unsent",
    "fd_gap",
}


def run(*arguments: str, timeout_s: float = 100) -> subprocess.CompletedProcess[str]:
    """A command without this machine's settings: the demo must not read them."""
    environment = {**os.environ, "OFD_GATEWAY_LISTEN": "198.51.100.1:1", "OFD_GATEWAY_SMTP__HOST": "192.0.2.1"}
    return subprocess.run(
        [COMMAND, *arguments], capture_output=True, text=True, timeout=timeout_s, check=False, env=environment
    )


@pytest.mark.faults
@pytest.mark.timeout(200)
def test_sixty_days_raise_every_type_and_end_with_countdowns(tmp_path: Path) -> None:
    state_dir = tmp_path / "demo"
    done = run("demo", "--state-dir", str(state_dir), "--seconds", "30", "--json", timeout_s=180)

    assert done.returncode == 0, done.stderr[-3000:]
    ending = json.loads(done.stdout)
    assert ending["days"] == 60
    assert ending["mismatches"] == 0
    assert ending["documents"] > 9_000
    assert {"service", "messages", "silence", "fault"} <= set(ending["types"])
    assert {item["rule"] for item in ending["alerts"]} >= RULES
    subjects = "\n".join(letter["subject"] for letter in ending["letters"])
    for words in (
        "обслуживание ОФД заканчивается",
        "продлено до",
        "сообщени",
        "нет чеков с",
        "чеки снова поступают",
        "заполнен ≈80%",
        "заменить до",
        "не прошли проверку",
        "не переданы с",
    ):
        assert words in subjects
    assert len(list((state_dir / "mail" / "new").iterdir())) == len(ending["letters"])
    causes = [(one["cause"], one["days_left"]) for one in ending["countdowns"]]
    assert len(causes) == 12
    assert {cause for cause, _ in causes[:4]} == {
        "fn_filling",
        "documents_unsent",
        "fn_expiring",
        "service_ending",
    }
    assert [days for _, days in causes] == sorted(days for _, days in causes)

    listed = run("registers", "list", "--state-dir", str(state_dir), "--json")
    blocks = {line["name"]: line["block"] for line in map(json.loads, listed.stdout.splitlines())}
    assert {one["name"]: one["cause"] for one in ending["countdowns"]} == {
        name: block["cause"] for name, block in blocks.items()
    }
    again = run("demo", "--state-dir", str(state_dir))
    assert again.returncode == 2
    assert "there is a database here already" in again.stderr


def test_without_a_terminal_it_writes_plain_lines_and_a_signal_ends_it_with_the_sum(tmp_path: Path) -> None:
    state_dir = tmp_path / "demo"
    with subprocess.Popen(
        [COMMAND, "demo", "--state-dir", str(state_dir), "--days", "400", "--seconds", "600"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        try:
            seen = []
            for line in child.stdout:
                seen.append(line)
                if line.startswith("день / day"):
                    break
            child.send_signal(signal.SIGINT)
            out, err = child.communicate(timeout=60)
        finally:
            child.kill()

    assert child.returncode == 0, err
    assert "\x1b[" not in "".join(seen) + out
    assert "сколько ещё проработает касса / how long each register still works" in out
    assert f"registers list --state-dir {state_dir}" in out
    assert out.count("Новосибирск, касса") == 4


@pytest.mark.parametrize("options", [("--days", "0"), ("--database", "postgresql://localhost/x"), ("--seconds", "0")])
def test_wrong_options(options: tuple[str, ...], tmp_path: Path) -> None:
    done = run("demo", "--state-dir", str(tmp_path), *options)

    assert done.returncode == 2
    assert not list(tmp_path.iterdir())
