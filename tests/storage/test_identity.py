"""Which user runs the server."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from ofd_gateway.storage import identity
from ofd_gateway.storage.errors import DatabaseUnavailable
from ofd_gateway.storage.identity import server_identity

MISSING = Path("/nonexistent")
NOBODY = pwd.getpwnam("nobody")
NAMELESS_UID = 54321


@pytest.fixture
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)


def owned(monkeypatch: pytest.MonkeyPatch, owners: dict[Path, int]) -> None:
    monkeypatch.setattr(identity, "_owner_uid", owners.get)


def test_a_normal_user_runs_it_himself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1234)
    found = server_identity(MISSING, MISSING)
    assert (found.uid, found.drops_root) == (1234, False)


@pytest.mark.usefixtures("as_root")
def test_root_becomes_nobody_where_there_is_no_better_user() -> None:
    found = server_identity(MISSING, MISSING)
    assert (found.uid, found.gid, found.drops_root) == (NOBODY.pw_uid, NOBODY.pw_gid, True)


@pytest.mark.usefixtures("as_root")
def test_root_becomes_the_dedicated_user_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "_DEDICATED_USER", "daemon")
    assert server_identity(MISSING, MISSING).uid == pwd.getpwnam("daemon").pw_uid


@pytest.mark.usefixtures("as_root")
def test_a_cluster_keeps_its_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    state, data, daemon = Path("state"), Path("data"), pwd.getpwnam("daemon").pw_uid
    monkeypatch.setattr(identity, "_DEDICATED_USER", "bin")
    owned(monkeypatch, {state: 0, data: daemon})
    assert server_identity(state, data).uid == daemon
    owned(monkeypatch, {state: daemon})
    assert server_identity(state, data).uid == daemon
    owned(monkeypatch, {state: 0, data: 0})
    assert server_identity(state, data).uid == pwd.getpwnam("bin").pw_uid


@pytest.mark.usefixtures("as_root")
def test_a_nameless_owner_of_the_cluster_is_refused_and_one_of_the_state_directory_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    state, data = Path("state"), Path("data")
    owned(monkeypatch, {state: NAMELESS_UID})
    assert server_identity(state, data).uid == NOBODY.pw_uid
    owned(monkeypatch, {state: NAMELESS_UID, data: NAMELESS_UID})
    with pytest.raises(DatabaseUnavailable, match="user number 54321"):
        server_identity(state, data)


@pytest.mark.usefixtures("as_root")
def test_without_any_unprivileged_user_root_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "_FALLBACK_USER", "no-such-user")
    with pytest.raises(DatabaseUnavailable, match="does not run as root"):
        server_identity(MISSING, MISSING)


ORPHAN = """
import os
from ofd_gateway.storage.identity import ServerIdentity
parent = os.getpid()
prepare = ServerIdentity(os.geteuid(), os.getegid(), drops_root=False).preparation()
if os.fork() == 0:
    while os.getppid() == parent:
        pass
    prepare()
    print("still here", flush=True)
"""


def test_a_child_whose_parent_is_gone_already_does_not_start() -> None:
    done = subprocess.run([sys.executable, "-c", ORPHAN], capture_output=True, text=True, check=True, timeout=20)
    assert done.stdout == ""
