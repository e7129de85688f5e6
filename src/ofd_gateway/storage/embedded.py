"""The built-in PostgreSQL: started with the gateway, watched, brought back when killed, stopped with it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
import time
from typing import TYPE_CHECKING, Final

import asyncpg
import structlog

from ofd_gateway.storage.cluster import DATABASE_NAME, Cluster, socket_dsn
from ofd_gateway.storage.errors import DatabaseBusy, DatabaseUnavailable
from ofd_gateway.storage.locks import FileLock
from ofd_gateway.storage.postmaster import Postmaster, end_orphan

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["EmbeddedPostgres", "running_dsn"]

_LOCK_WAIT_S: Final = 10.0
_ORPHAN_WAIT_S: Final = 10.0
_READY_WAIT_S: Final = 600.0
"""Recovery of much work may take long; a server that has ended is noticed at once."""
_SHARED_MEMORY_WAIT_S: Final = 15.0
_STOP_WAIT_S: Final = 6.0
_RESTART_PAUSE_S: Final = 0.2
_LONGEST_RESTART_PAUSE_S: Final = 5.0
_SERVER_ERRORS: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError)
_STILL_IN_USE: Final = "pre-existing shared memory block"


def running_dsn(state_dir: Path) -> str | None:
    """The URI of the embedded database of this state directory, if somebody serves it now."""
    postmaster = Postmaster(state_dir / "postgres" / "data")
    if postmaster.is_ready and postmaster.is_ours and postmaster.socket_dir:
        return socket_dsn(postmaster.socket_dir)
    return None


class EmbeddedPostgres:
    """Supervises one cluster below a state directory; only one process can do so at a time."""

    def __init__(
        self,
        state_dir: Path,
        *,
        lock_wait_s: float = _LOCK_WAIT_S,
        on_restart: Callable[[], None] | None = None,
    ) -> None:
        self._state_dir = state_dir
        self._lock_wait_s = lock_wait_s
        self._on_restart = on_restart
        self._cluster = Cluster(state_dir)
        self._lock: FileLock | None = None
        self._server: subprocess.Popen[bytes] | None = None
        self._log = structlog.get_logger()

    @property
    def dsn(self) -> str:
        """A libpq URI that other processes of this machine can use as well."""
        return self._cluster.dsn

    @property
    def server_pid(self) -> int | None:
        """The pid of the server while it runs."""
        return None if self._server is None else self._server.pid

    async def start(self) -> str:
        """Brings the server up, making the cluster the first time, and returns its URI.

        Raises:
            DatabaseBusy: another process holds this state directory.
            DatabaseUnavailable: with the last words of the server.
        """
        try:
            self._state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            await self._take_lock()
            await end_orphan(self._cluster.data_dir, timeout_s=_ORPHAN_WAIT_S)
            self._cluster.prepare()
            await self._launch()
            await self._create_database()
        except (OSError, *_SERVER_ERRORS) as error:
            await self.stop()
            raise DatabaseUnavailable(f"the embedded database does not start: {error}") from error
        except BaseException:
            await self.stop()
            raise
        self._log.info("database.started", pid=self.server_pid, socket_dir=str(self._cluster.socket_dir))
        return self.dsn

    async def stop(self) -> None:
        """Stops the server fast and lets go of the state directory; harmless when nothing runs."""
        server, self._server = self._server, None
        if server is not None and server.poll() is None:
            for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
                with contextlib.suppress(ProcessLookupError):
                    server.send_signal(number)
                if await _exited(server, _STOP_WAIT_S):
                    break
        lock, self._lock = self._lock, None
        if lock is not None:
            self._cluster.close()
            lock.close()

    async def watch(self) -> None:
        """Brings the server back whenever it ends, however often that takes; runs until it is cancelled.

        A server that cannot start now (no space on the disk, say) is tried again, at longer intervals up to 5 s; the
        first, second, fourth, eighth failure and so on are logged.
        """
        while self._server is not None:
            await _exited(self._server, None)
            self._log.error("database.died", code=self._server.returncode, said=self._cluster.last_words()[-500:])
            started = time.monotonic()
            await self._bring_back()
            if self._on_restart is not None:
                self._on_restart()
            self._log.info("database.restarted", pid=self.server_pid, seconds=round(time.monotonic() - started, 2))

    async def _take_lock(self) -> None:
        self._lock = FileLock(self._state_dir / "postgres.lock")
        if not await self._lock.wait_alone(self._lock_wait_s):
            raise DatabaseBusy(
                f"another gateway serves {self._state_dir}, or a command has its database open; "
                "stop it or choose another --state-dir"
            )

    async def _bring_back(self) -> None:
        pause_s = _RESTART_PAUSE_S
        for attempt in itertools.count(1):
            await asyncio.sleep(pause_s)
            try:
                await end_orphan(self._cluster.data_dir, timeout_s=_ORPHAN_WAIT_S)
                await self._launch()
            except (DatabaseUnavailable, OSError) as error:
                pause_s = min(pause_s * 2, _LONGEST_RESTART_PAUSE_S)
                if attempt.bit_count() == 1:
                    self._log.error("database.restart_failed", reason=str(error), attempt=attempt, next_try_s=pause_s)
            else:
                return

    async def _launch(self) -> None:
        """Starts the server.

        It is tried again when it was killed meanwhile, and while the children of a killed one still hold its shared
        memory.
        """
        deadline = time.monotonic() + _SHARED_MEMORY_WAIT_S
        while True:
            said_before = self._cluster.log_size()
            self._server = self._cluster.start()
            if await self._is_ready(self._server):
                return
            said = self._cluster.log_tail(said_before)
            passing = _STILL_IN_USE in said or (self._server.returncode or 0) < 0
            if not passing or time.monotonic() > deadline:
                last_words = self._cluster.last_words(said_before)[-1000:]
                raise DatabaseUnavailable(f"the embedded database does not start: {last_words}")
            await asyncio.sleep(_RESTART_PAUSE_S)
            await end_orphan(self._cluster.data_dir, timeout_s=_ORPHAN_WAIT_S)

    async def _is_ready(self, server: subprocess.Popen[bytes]) -> bool:
        deadline = time.monotonic() + _READY_WAIT_S
        while time.monotonic() < deadline:
            if server.poll() is not None:
                return False
            postmaster = self._cluster.postmaster()
            if postmaster.is_ready and postmaster.pid == server.pid:
                return True
            await asyncio.sleep(0.02)
        return False

    async def _create_database(self) -> None:
        connection = await asyncpg.connect(self._cluster.maintenance_dsn)
        try:
            exists = await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE_NAME)
            if not exists:
                await connection.execute("CREATE DATABASE ofd_gateway")
        finally:
            await connection.close()


async def _exited(server: subprocess.Popen[bytes], timeout_s: float | None) -> bool:
    """Whether the child has ended within the time; waits on a descriptor of the process where the system has one."""
    if server.poll() is not None:
        return True
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    try:
        fd = os.pidfd_open(server.pid)
    except (AttributeError, OSError):
        return await _polled_exit(server, timeout_s)
    loop.add_reader(fd, ended.set)
    try:
        async with asyncio.timeout(timeout_s):
            await ended.wait()
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(fd)
        os.close(fd)
    server.wait()
    return True


async def _polled_exit(server: subprocess.Popen[bytes], timeout_s: float | None) -> bool:
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    while server.poll() is None:
        if deadline is not None and time.monotonic() >= deadline:
            return False
        await asyncio.sleep(0.2)
    return True
