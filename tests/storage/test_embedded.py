"""The embedded server: made, found, killed, brought back, ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest

from ofd_gateway.storage import DatabaseBusy, DatabaseUnavailable, EmbeddedPostgres, running_dsn
from ofd_gateway.storage.cluster import Cluster
from ofd_gateway.storage.postmaster import Postmaster, end_orphan

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

HOLD = """
import asyncio, sys
from pathlib import Path
from ofd_gateway.storage import EmbeddedPostgres
async def main():
    print(await EmbeddedPostgres(Path(sys.argv[1])).start(), flush=True)
    await asyncio.sleep(3600)
asyncio.run(main())
"""


@pytest.fixture
def state_dir() -> Iterator[Path]:
    """A private directory, as `mkdtemp` makes it: mode 0700 and, for root, closed to the server's user."""
    with tempfile.TemporaryDirectory() as directory:
        yield Path(directory) / "state"


@contextlib.asynccontextmanager
async def embedded(state_dir: Path, **options: float) -> AsyncIterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(state_dir, **options)  # type: ignore[arg-type]
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def until(condition: Callable[[], bool], deadline_s: float = 25.0) -> None:
    deadline = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come"
        await asyncio.sleep(0.02)


async def value(dsn: str, query: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_what_was_stored_is_there_after_a_stop(state_dir: Path) -> None:
    async with embedded(state_dir) as server:
        await value(server.dsn, "CREATE TABLE kept AS SELECT 42 AS number")
        assert running_dsn(state_dir) == server.dsn
        first = server.dsn
    assert running_dsn(state_dir) is None
    async with embedded(state_dir) as server:
        assert server.dsn == first
        assert await value(server.dsn, "SELECT number FROM kept") == 42


async def test_everything_lies_below_the_state_directory_and_is_private(state_dir: Path) -> None:
    async with embedded(state_dir) as server:
        home = state_dir / "postgres"
        assert (home / "data" / "PG_VERSION").is_file()
        assert stat.S_IMODE(state_dir.parent.stat().st_mode) == 0o700
        socket_dir = Path(server.dsn.partition("host=")[2])
        for private in (state_dir, home, home / "data", socket_dir):
            assert stat.S_IMODE(private.stat().st_mode) == 0o700, private
        assert await value(server.dsn, "SHOW listen_addresses") == ""
    assert not socket_dir.exists()


async def test_the_server_keeps_what_it_confirms_and_speaks_russian(state_dir: Path) -> None:
    async with embedded(state_dir) as server:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            assert await value(server.dsn, f"SHOW {name}") == "on"
        assert await value(server.dsn, "SELECT lower('ЧЕК')") == "чек"


@pytest.mark.faults
async def test_a_killed_server_is_brought_back(state_dir: Path) -> None:
    restarts: list[int] = []
    server = EmbeddedPostgres(state_dir, on_restart=lambda: restarts.append(1))
    await server.start()
    watch = asyncio.create_task(server.watch())
    try:
        await value(server.dsn, "CREATE TABLE kept AS SELECT 42 AS number")
        for round_ in (1, 2):
            assert server.server_pid is not None
            os.kill(server.server_pid, signal.SIGKILL)
            await until(lambda round_=round_: len(restarts) == round_)  # type: ignore[misc]
            assert await value(server.dsn, "SELECT number FROM kept") == 42
    finally:
        watch.cancel()
        await asyncio.wait([watch])
        await server.stop()


@pytest.mark.faults
async def test_a_killed_supervisor_leaves_no_server_and_the_next_one_starts(state_dir: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", HOLD, str(state_dir)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    await asyncio.to_thread(child.stdout.readline)
    pid = Postmaster(state_dir / "postgres" / "data").pid
    assert pid is not None
    child.kill()
    child.wait()
    child.stdout.close()
    async with embedded(state_dir) as server:
        assert server.server_pid != pid
        assert await value(server.dsn, "SELECT 1") == 1


async def test_only_one_process_serves_a_state_directory(state_dir: Path) -> None:
    async with embedded(state_dir):
        with pytest.raises(DatabaseBusy, match="another gateway serves"):
            await EmbeddedPostgres(state_dir, lock_wait_s=0.1).start()


async def test_a_pid_file_that_names_a_stranger_is_removed(state_dir: Path) -> None:
    async with embedded(state_dir):
        pass
    pid_file = state_dir / "postgres" / "data" / "postmaster.pid"
    with subprocess.Popen(["sleep", "60"]) as stranger:
        try:
            pid_file.write_text(f"{stranger.pid}\n/elsewhere\n1\n5432\n/tmp\n\n\nready   \n")
            assert running_dsn(state_dir) is None
            async with embedded(state_dir) as server:
                assert await value(server.dsn, "SELECT 1") == 1
            assert stranger.poll() is None
        finally:
            stranger.kill()


async def test_an_orphaned_server_is_ended_first(state_dir: Path) -> None:
    async with embedded(state_dir):
        pass
    cluster = Cluster(state_dir)
    cluster.prepare()
    orphan = cluster.start()
    await until(lambda: cluster.postmaster().is_ready)
    async with embedded(state_dir) as server:
        assert server.server_pid != orphan.pid
        assert orphan.wait(5) == 0


async def test_a_half_made_cluster_is_made_anew(state_dir: Path) -> None:
    draft = state_dir / "postgres" / "data.new"
    draft.mkdir(parents=True, mode=0o700)
    (draft / "PG_VERSION").write_text("18\n")
    async with embedded(state_dir) as server:
        assert await value(server.dsn, "SELECT 1") == 1


async def test_a_server_that_does_not_start_says_why(state_dir: Path) -> None:
    async with embedded(state_dir):
        pass
    (state_dir / "postgres" / "data" / "postgresql.conf").write_text("nonsense = 1\n")
    with pytest.raises(DatabaseUnavailable, match="nonsense"):
        await EmbeddedPostgres(state_dir).start()
    assert running_dsn(state_dir) is None


async def test_a_data_directory_of_another_version_is_refused(state_dir: Path) -> None:
    async with embedded(state_dir):
        pass
    (state_dir / "postgres" / "data" / "PG_VERSION").write_text("9\n")
    with pytest.raises(DatabaseUnavailable, match="PostgreSQL 9"):
        await EmbeddedPostgres(state_dir).start()


async def test_settings_for_other_clients_in_the_environment_change_nothing(
    state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, setting in {"PGPORT": "1", "PGHOST": "127.0.0.1", "PGUSER": "stranger", "PGDATABASE": "other"}.items():
        monkeypatch.setenv(name, setting)
    async with embedded(state_dir) as server:
        assert await value(server.dsn, "SELECT current_user || ' ' || current_database()") == "postgres ofd_gateway"


async def test_a_socket_lock_that_names_a_stranger_is_removed(state_dir: Path) -> None:
    async with embedded(state_dir) as server:
        socket_dir = Path(server.dsn.partition("host=")[2])
    owner = (state_dir / "postgres").stat().st_uid
    with subprocess.Popen(["sleep", "60"], user=owner if os.geteuid() == 0 else None) as stranger:
        try:
            socket_dir.mkdir(mode=0o700)
            os.chown(socket_dir, owner, -1)
            (socket_dir / ".s.PGSQL.5432.lock").write_text(f"{stranger.pid}\n/elsewhere\n1\n5432\n")
            async with embedded(state_dir) as server:
                assert await value(server.dsn, "SELECT 1") == 1
            assert stranger.poll() is None
        finally:
            stranger.kill()


async def test_a_pid_file_that_names_a_process_in_the_data_directory_is_no_server(state_dir: Path) -> None:
    async with embedded(state_dir):
        pass
    data_dir = state_dir / "postgres" / "data"
    with subprocess.Popen(["sleep", "60"], cwd=data_dir) as stranger:
        try:
            (data_dir / "postmaster.pid").write_text(f"{stranger.pid}\n/elsewhere\n1\n5432\n/tmp\n\n\nready   \n")
            assert running_dsn(state_dir) is None
            async with embedded(state_dir):
                assert stranger.poll() is None
        finally:
            stranger.kill()


async def test_an_empty_pid_file_of_a_server_that_was_killed_with_its_first_breath(state_dir: Path) -> None:
    async with embedded(state_dir):
        pass
    (state_dir / "postgres" / "data" / "postmaster.pid").touch(mode=0o600)
    assert running_dsn(state_dir) is None
    async with embedded(state_dir) as server:
        assert await value(server.dsn, "SELECT 1") == 1


async def test_an_empty_pid_file_does_not_keep_a_killed_server_from_coming_back(state_dir: Path) -> None:
    server = EmbeddedPostgres(state_dir)
    async with watched(server):
        assert server.server_pid is not None
        os.kill(server.server_pid, signal.SIGKILL)
        (state_dir / "postgres" / "data" / "postmaster.pid").write_bytes(b"")
        assert await answered(server.dsn, "SELECT 1") == 1


async def test_the_log_is_not_followed_elsewhere(state_dir: Path, tmp_path: Path) -> None:
    async with embedded(state_dir):
        pass
    log, victim = state_dir / "postgres" / "server.log", tmp_path / "victim"
    log.unlink()
    victim.write_text("untouched")
    log.symlink_to(victim)
    with pytest.raises(DatabaseUnavailable, match="does not start"):
        await EmbeddedPostgres(state_dir).start()
    assert victim.read_text() == "untouched"


async def test_a_grown_log_is_begun_anew(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with embedded(state_dir):
        pass
    log = state_dir / "postgres" / "server.log"
    monkeypatch.setattr("ofd_gateway.storage.cluster._LOG_LIMIT_BYTES", 10)
    with log.open("a") as end:
        end.write("the words of the former server\n")
    async with embedded(state_dir):
        assert "former server" not in log.read_text()
    assert log.stat().st_uid == log.parent.stat().st_uid


async def test_a_state_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DatabaseUnavailable, match="does not start"):
        await EmbeddedPostgres(tmp_path / "file" / "state").start()


@contextlib.asynccontextmanager
async def watched(server: EmbeddedPostgres) -> AsyncIterator[None]:
    await server.start()
    watch = asyncio.create_task(server.watch())
    try:
        yield
        assert not watch.done()
    finally:
        watch.cancel()
        await asyncio.wait([watch])
        await server.stop()


async def answered(dsn: str, query: str, deadline_s: float = 25.0) -> object:
    """The value once the server answers at all."""
    deadline = time.monotonic() + deadline_s
    while True:
        try:
            return await value(dsn, query)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            assert time.monotonic() < deadline, "the server did not come back"
            await asyncio.sleep(0.05)


def children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def kill_all(pids: list[int]) -> None:
    """The death of one may have ended another already."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.faults
async def test_killed_backends_are_brought_back_by_the_server_itself(state_dir: Path) -> None:
    server = EmbeddedPostgres(state_dir)
    async with watched(server):
        await value(server.dsn, "CREATE TABLE kept AS SELECT 42 AS number")
        pid = server.server_pid
        assert pid is not None
        kill_all(children(pid))
        assert await answered(server.dsn, "SELECT number FROM kept") == 42
        assert server.server_pid == pid


@pytest.mark.faults
async def test_all_processes_killed_at_once_and_again_while_they_start(state_dir: Path) -> None:
    restarts: list[int] = []
    server = EmbeddedPostgres(state_dir, on_restart=lambda: restarts.append(1))
    async with watched(server):
        await value(server.dsn, "CREATE TABLE kept AS SELECT 42 AS number")
        killed: set[int] = set()

        def kill() -> bool:
            pid = server.server_pid
            if pid is not None and pid not in killed:
                kill_all([*children(pid), pid])
                killed.add(pid)
            return len(killed) >= 5

        await until(kill)
        assert await answered(server.dsn, "SELECT number FROM kept") == 42
        await until(lambda: bool(restarts))


@pytest.mark.faults
async def test_a_restart_that_fails_is_tried_again(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = EmbeddedPostgres(state_dir)
    start, failures = server._cluster.start, [OSError("no space left"), DatabaseUnavailable("no space left")]

    def start_later() -> subprocess.Popen[bytes]:
        if failures:
            raise failures.pop()
        return start()

    async with watched(server):
        monkeypatch.setattr(server._cluster, "start", start_later)
        assert server.server_pid is not None
        os.kill(server.server_pid, signal.SIGKILL)
        assert await answered(server.dsn, "SELECT 42") == 42
        assert not failures


@pytest.mark.faults
async def test_an_orphan_that_does_not_hear_is_killed(state_dir: Path) -> None:
    async with embedded(state_dir):
        pass
    cluster = Cluster(state_dir)
    cluster.prepare()
    orphan = cluster.start()
    await until(lambda: cluster.postmaster().is_ready)
    orphan.send_signal(signal.SIGSTOP)
    await end_orphan(cluster.data_dir, timeout_s=1.0)
    assert orphan.wait(5) == -signal.SIGKILL
    assert not cluster.postmaster().exists
    async with embedded(state_dir) as server:
        assert await value(server.dsn, "SELECT 1") == 1


NOBODY = 65534
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@pytest.fixture
def interpreter_for_all() -> tuple[str, dict[str, str]]:
    """A Python of our version that any user can run, with our packages on its path."""
    name = f"python3.{sys.version_info.minor}"
    for candidate in (sys.executable, os.path.realpath(sys.executable), f"/usr/bin/{name}", f"/usr/local/bin/{name}"):
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        try:
            done = subprocess.run(
                [candidate, "-c", "import ofd_gateway.storage"],
                user=NOBODY,
                group=NOBODY,
                extra_groups=[],
                env=environment,
                cwd="/",
                capture_output=True,
                check=False,
                timeout=30,
            )
        except OSError:
            continue
        if done.returncode == 0:
            return candidate, environment
    pytest.skip(f"no {name} that an unprivileged user can run is on this machine")


class Holder:
    """Another process that starts the embedded server and keeps it until told to end; the server ends after it."""

    def __init__(self, command: list[str], **options: object) -> None:
        self.pid_file = Path(command[-1]) / "postgres" / "data" / "postmaster.pid"
        self.child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)  # type: ignore[call-overload]
        self.said: list[str] = []

    async def dsn(self) -> str:
        while line := (await asyncio.to_thread(self.child.stdout.readline)).decode():
            self.said.append(line)
            if line.startswith("postgresql://"):
                return line.strip()
        raise AssertionError(self.said)

    def __enter__(self) -> Holder:
        return self

    def __exit__(self, *_: object) -> None:
        self.child.terminate()
        self.child.wait(15)
        self.child.stdout.close()
        deadline = time.monotonic() + 25
        while self.pid_file.exists():
            assert time.monotonic() < deadline, "the server has not ended"
            time.sleep(0.02)


@root_only
async def test_a_normal_user_can_run_it_and_root_can_look_into_it(
    interpreter_for_all: tuple[str, dict[str, str]],
) -> None:
    python, environment = interpreter_for_all
    user = {"user": NOBODY, "group": NOBODY, "extra_groups": [], "env": environment, "cwd": "/"}
    with tempfile.TemporaryDirectory(dir="/tmp") as directory:
        Path(directory).chmod(0o755)
        state_dir = Path(directory) / "state"
        state_dir.mkdir(mode=0o700)
        os.chown(state_dir, NOBODY, NOBODY)
        with Holder([python, "-c", HOLD, str(state_dir)], **user) as holder:
            dsn = await holder.dsn()
            await value(dsn, "CREATE TABLE kept AS SELECT 42 AS number")
            assert running_dsn(state_dir) == dsn
        async with embedded(state_dir) as server:
            assert await value(server.dsn, "SELECT number FROM kept") == 42
        assert {path.stat().st_uid for path in state_dir.rglob("*")} == {NOBODY}
        with Holder([python, "-c", HOLD, str(state_dir)], **user) as holder:
            assert await value(await holder.dsn(), "SELECT number FROM kept") == 42


@root_only
async def test_a_cluster_of_another_user_stays_his() -> None:
    daemon = pwd.getpwnam("daemon")
    with tempfile.TemporaryDirectory() as directory:
        state_dir = Path(directory)
        os.chown(state_dir, daemon.pw_uid, daemon.pw_gid)
        for _ in range(2):
            async with embedded(state_dir) as server:
                assert await value(server.dsn, "SELECT 1") == 1
            assert {path.stat().st_uid for path in (state_dir / "postgres").rglob("*")} == {daemon.pw_uid}
            os.chown(state_dir, 0, 0)


@root_only
async def test_root_needs_no_open_directory_at_all(tmp_path: Path) -> None:
    """A private directory for temporary files, a private home and umask 077, as a careful administrator has them."""
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    environment = {**os.environ, "TMPDIR": str(private)}
    with Holder([sys.executable, "-c", HOLD, str(private / "deep" / "state")], env=environment, umask=0o077) as holder:
        assert await value(await holder.dsn(), "SELECT 1") == 1
    assert private.stat().st_mode & 0o777 == 0o700


async def test_a_state_directory_with_a_very_long_path_serves(state_dir: Path) -> None:
    deep = state_dir / ("d" * 120) / ("e" * 120)
    async with embedded(deep) as server:
        assert await value(server.dsn, "SELECT 1") == 1
