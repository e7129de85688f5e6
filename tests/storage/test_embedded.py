"""The embedded server: made, found, killed, brought back, ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
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
from ofd_gateway.storage.cluster import Cluster, Postmaster

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


async def test_a_socket_directory_of_somebody_else_is_not_used(state_dir: Path) -> None:
    cluster = Cluster(state_dir)
    cluster.socket_dir.mkdir(mode=0o777)
    cluster.socket_dir.chmod(0o777)
    try:
        async with embedded(state_dir) as server:
            assert str(cluster.socket_dir) not in server.dsn
            assert await value(server.dsn, "SELECT 1") == 1
            assert running_dsn(state_dir) == server.dsn
    finally:
        cluster.socket_dir.rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
async def test_a_normal_user_can_run_it_too() -> None:
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        state_dir = Path(directory) / "state"
        state_dir.mkdir(mode=0o700)
        os.chown(state_dir, 65534, 65534)
        try:
            child = subprocess.Popen(
                [sys.executable, "-c", HOLD, str(state_dir)],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                user=65534,
                group=65534,
                extra_groups=[],
                cwd="/",
            )
        except PermissionError:
            pytest.skip(f"{sys.executable} is out of reach for another user")
        assert child.stdout is not None
        try:
            said = await asyncio.to_thread(child.stdout.readline)
            if b"postgresql://" not in said:
                pytest.skip(f"the interpreter is out of reach for another user: {said!r}")
            assert (state_dir / "postgres").stat().st_uid == 65534
        finally:
            child.terminate()
            child.wait(10)
            child.stdout.close()
