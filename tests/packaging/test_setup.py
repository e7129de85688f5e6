"""scripts/setup_venv.sh and .ci/run, as far as that can be seen without installing everything once more."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path):
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "setup_venv.sh", tmp_path / "scripts")
    for name in ("pyproject.toml", "uv.lock"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


@pytest.fixture
def programs(tmp_path):
    """A PATH with the few programs that the script needs, and no Python."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("sh", "dirname", "env", "touch"):
        (folder / name).symlink_to(shutil.which(name))
    return folder


def write_program(folder, name, body):
    program = folder / name
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


def set_up(checkout, programs, **variables):
    return subprocess.run(
        ["/bin/sh", "scripts/setup_venv.sh", "dev"],
        cwd=checkout,
        env={"PATH": str(programs), **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_without_any_python_it_says_what_is_needed(checkout, programs):
    result = set_up(checkout, programs)
    assert result.returncode == 1
    assert "no Python 3.11 or newer" in result.stderr
    assert not (checkout / ".venv").exists()


def test_a_python_that_does_not_run_is_passed_over(checkout, programs):
    """A shim of a version manager is on PATH and refuses; the next candidate makes the environment."""
    write_program(programs, "python3.13", "echo 'this version is not installed' >&2; exit 127")
    write_program(
        programs,
        "python3.12",
        'case "$*" in *"-m venv"*) echo made >> "$MADE"; exit 1;; *sys.executable*) echo "$0";; *) :;; esac',
    )
    made = checkout / "made"
    result = set_up(checkout, programs, MADE=str(made))
    assert made.read_text() == "made\n"
    assert "python3.12 cannot make a virtual environment" in result.stderr
    assert "not installed" not in result.stderr


@pytest.mark.parametrize("locked", [True, False])
def test_it_does_nothing_when_everything_is_installed(checkout, programs, locked):
    if not locked:
        (checkout / "uv.lock").unlink()
    (checkout / ".venv" / "bin").mkdir(parents=True)
    write_program(checkout / ".venv" / "bin", "python", 'case "$*" in *"-m"*) exit 9;; esac')
    newest = max(path.stat().st_mtime for path in checkout.rglob("*") if path.is_file())
    stamp = checkout / ".venv" / ".installed-dev"
    stamp.touch()
    os.utime(stamp, (newest + 5, newest + 5))
    result = set_up(checkout, programs)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_a_newer_lock_is_installed(checkout, programs):
    (checkout / ".venv" / "bin").mkdir(parents=True)
    write_program(checkout / ".venv" / "bin", "python", 'echo "$*" >> "$RAN"')
    stamp = checkout / ".venv" / ".installed-dev"
    stamp.touch()
    os.utime(stamp, (1, 1))
    ran = checkout / "ran"
    result = set_up(checkout, programs, RAN=str(ran))
    assert result.returncode == 0
    assert "-m uv sync --quiet --frozen --inexact --python .venv/bin/python" in ran.read_text()
    assert stamp.stat().st_mtime > 1


def test_without_uv_it_falls_back_to_pip(checkout, programs):
    (checkout / ".venv" / "bin").mkdir(parents=True)
    write_program(
        checkout / ".venv" / "bin",
        "python",
        'echo "$*" >> "$RAN"; case "$*" in *"-m uv"*|*"install --quiet --disable-pip-version-check uv"*) exit 1;; esac',
    )
    ran = checkout / "ran"
    result = set_up(checkout, programs, RAN=str(ran))
    assert result.returncode == 0
    assert ran.read_text().splitlines()[-1] == "-m pip install --quiet --disable-pip-version-check --editable .[dev]"


def test_ci_stops_at_the_first_failure():
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & stat.S_IXUSR
    assert "\nset -euo pipefail\n" in script.read_text()
    subprocess.run(["bash", "-n", str(script)], check=True)
