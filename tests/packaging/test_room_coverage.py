"""The plug-in that holds each room to its own threshold, on a project of one module."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = ("-p", "tests.room_coverage", "-p", "no:cacheprovider", "-p", "no:ofd_gateway")
MODULE = """
def sign(number):
    if number < 0:
        return "-"
    return "+"
"""
HALF = "from ofd_gateway.{room}.numbers import sign\n\ndef test_sign():\n    assert sign(1) == '+'\n"
WHOLE = HALF + "\ndef test_minus():\n    assert sign(-1) == '-'\n"


@pytest.fixture
def project(tmp_path):
    def make(room, tests):
        for folder in ("protocol", "web"):
            package = tmp_path / "src" / "ofd_gateway" / folder
            package.mkdir(parents=True)
            (package / "__init__.py").touch()
            (package / "numbers.py").write_text(MODULE if folder == room else "ANSWER = 42\n")
        (tmp_path / "src" / "ofd_gateway" / "__init__.py").touch()
        (tmp_path / "suite").mkdir()
        (tmp_path / "suite" / "test_numbers.py").write_text(tests.format(room=room))
        (tmp_path / "suite" / "test_answer.py").write_text(
            "import ofd_gateway.protocol.numbers, ofd_gateway.web.numbers\n\ndef test_import():\n    pass\n"
        )
        (tmp_path / "pytest.ini").write_text("[pytest]\ntestpaths = suite\n")
        (tmp_path / ".coveragerc").write_text("[run]\nbranch = true\nparallel = true\nsource_pkgs = ofd_gateway\n")
        return tmp_path

    return make


def run(project, *arguments):
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("COV", "PYTEST"))}
    return subprocess.run(
        [sys.executable, "-m", "pytest", *PLUGINS, "--cov", "--cov-report=", *arguments],
        cwd=project,
        env={**clean, "PYTHONPATH": f"{project / 'src'}:{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("processes", ["0", "2"])
def test_every_branch_covered_passes(project, processes):
    result = run(project("protocol", WHOLE), "-n", processes)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "protocol, ffd: 100.00 %, threshold 100 %: met" in result.stdout
    assert "3 passed" in result.stdout.splitlines()[-1]


@pytest.mark.parametrize("processes", ["0", "2"])
def test_one_branch_missing_in_the_protocol_fails(project, processes):
    result = run(project("protocol", HALF), "-n", processes)
    assert result.returncode == 1
    assert "threshold 100 %: MISSED" in result.stdout
    assert "every other room: 100.00 %, threshold 90 %: met" in result.stdout


def test_a_room_below_nine_tenths_fails(project):
    result = run(project("web", HALF), "-n", "0")
    assert result.returncode == 1
    assert "threshold 90 %: MISSED" in result.stdout


def test_a_run_of_some_tests_is_not_judged(project):
    result = run(project("protocol", HALF), "-n", "0", "suite/test_numbers.py")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "threshold" not in result.stdout
