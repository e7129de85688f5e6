"""Where the server's socket lies, and what a killed server leaves there."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ofd_gateway.storage import socket_directory
from ofd_gateway.storage.errors import DatabaseUnavailable
from ofd_gateway.storage.identity import ServerIdentity
from ofd_gateway.storage.socket_directory import clear_socket_dir, make_socket_dir

if TYPE_CHECKING:
    from collections.abc import Iterator

OURS = ServerIdentity(os.geteuid(), os.getegid(), drops_root=False)
STATE_DIR = Path("/some/state")


@pytest.fixture
def base(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/tmp") as directory:
        monkeypatch.setattr(socket_directory.tempfile, "gettempdir", lambda: directory)
        yield Path(directory)


def test_it_is_private_and_found_again(base: Path) -> None:
    made = make_socket_dir(STATE_DIR, OURS)
    assert made.parent == base
    assert made.stat().st_mode & 0o777 == 0o700
    assert make_socket_dir(STATE_DIR, OURS) == made
    assert make_socket_dir(Path("/other/state"), OURS) != made


@pytest.mark.parametrize("kind", ["open to others", "a link", "a file"])
def test_what_somebody_else_put_there_is_not_used(base: Path, kind: str) -> None:
    usual = make_socket_dir(STATE_DIR, OURS)
    if kind == "open to others":
        usual.chmod(0o777)
    else:
        usual.rmdir()
        if kind == "a link":
            (base / "elsewhere").mkdir(mode=0o700)
            usual.symlink_to(base / "elsewhere")
        else:
            usual.touch(0o600)
    other = make_socket_dir(STATE_DIR, OURS)
    assert other != usual
    assert other.stat().st_mode & 0o777 == 0o700
    assert not other.is_symlink()


def test_a_base_that_is_too_deep_is_passed_over(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = base / ("d" * 70)
    deep.mkdir()
    monkeypatch.setattr(socket_directory.tempfile, "gettempdir", lambda: str(deep))
    monkeypatch.setattr(socket_directory, "_SYSTEM_BASES", (str(base),))
    assert make_socket_dir(STATE_DIR, OURS).parent == base


def test_a_base_that_the_servers_user_cannot_enter_is_passed_over(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket_directory, "_SYSTEM_BASES", ())
    assert make_socket_dir(STATE_DIR, OURS).parent == base
    other = ServerIdentity(os.geteuid(), os.getegid(), drops_root=True)
    assert base.stat().st_mode & 0o001 == 0
    with pytest.raises(DatabaseUnavailable, match="TMPDIR"):
        make_socket_dir(STATE_DIR, other)


def test_the_remains_of_a_killed_server_are_removed_though_its_pid_lives_on(tmp_path: Path) -> None:
    socket, lock = tmp_path / ".s.PGSQL.5432", tmp_path / ".s.PGSQL.5432.lock"
    with subprocess.Popen(["sleep", "60"]) as stranger:
        try:
            socket.touch()
            lock.write_text(f"{stranger.pid}\n/data\n")
            assert clear_socket_dir(tmp_path)
        finally:
            stranger.kill()
    assert list(tmp_path.iterdir()) == []


def test_the_socket_of_a_living_server_stays(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = make_socket_dir(STATE_DIR, OURS)
    lock = usual / ".s.PGSQL.5432.lock"
    lock.write_text("4711\n/data\n")
    monkeypatch.setattr(socket_directory, "is_server_process", lambda pid: pid == 4711)
    assert not clear_socket_dir(usual)
    assert lock.exists()
    assert make_socket_dir(STATE_DIR, OURS) != usual
