"""Several processes on one port: the supervisor's side.

Each worker has a listening socket of its own on the same address (SO_REUSEPORT), so the kernel spreads connections.
The supervisor keeps the sockets open too: while a dead worker is replaced, its connections wait instead of failing.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections import deque
from typing import TYPE_CHECKING, Final

import msgspec
import structlog

from ofd_gateway.errors import OfdGatewayError

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from ofd_gateway.metrics import Metrics

__all__ = ["WorkerConfig", "WorkerCrashLoop", "WorkerPool"]

_CRASHES: Final = 5
_CRASH_WINDOW_S: Final = 30.0
_START_TIMEOUT_S: Final = 20.0
_STOP_TIMEOUT_S: Final = 8.0
_READY: Final = b"ready\n"


class WorkerCrashLoop(OfdGatewayError):
    """Workers die as fast as they are replaced; the service stops with exit code 1."""


class WorkerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What the supervisor hands to a worker on its standard input, as JSON."""

    settings: msgspec.Raw
    dsn: str
    listen_fd: int
    ready_fd: int


class _Worker:
    def __init__(self, number: int, sock: socket.socket) -> None:
        self.number = number
        self.sock = sock
        self.child: asyncio.subprocess.Process | None = None


class WorkerPool:
    """Starts one worker for each socket and replaces those that die.

    The metrics of all of them add up, because `PROMETHEUS_MULTIPROC_DIR` is in their environment.
    """

    def __init__(self, sockets: Sequence[socket.socket], *, settings: bytes, dsn: str, metrics: Metrics) -> None:
        self._workers = [_Worker(number, sock) for number, sock in enumerate(sockets, start=1)]
        self._settings = settings
        self._dsn = dsn
        self._metrics = metrics
        self._deaths: deque[float] = deque(maxlen=_CRASHES)
        self._stopping = False
        self._log = structlog.get_logger()

    async def start(self) -> None:
        """Returns once every worker serves."""
        await asyncio.gather(*(self._spawn(worker) for worker in self._workers))

    async def watch(self) -> None:
        """Replaces dead workers until `stop`; raises `WorkerCrashLoop` when that does not help."""
        async with asyncio.TaskGroup() as tasks:
            for worker in self._workers:
                tasks.create_task(self._watch_one(worker))

    async def stop(self) -> None:
        """Lets every worker finish what is in hand; kills those that take too long. May be called again."""
        self._stopping = True
        children = [worker.child for worker in self._workers if worker.child is not None]
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                child.send_signal(signal.SIGTERM)
        for child in children:
            try:
                async with asyncio.timeout(_STOP_TIMEOUT_S):
                    await child.wait()
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    child.kill()
                await child.wait()

    async def _watch_one(self, worker: _Worker) -> None:
        from prometheus_client.multiprocess import mark_process_dead

        while not self._stopping:
            assert worker.child is not None  # noqa: S101  start() made it
            code = await worker.child.wait()
            if self._stopping:
                return
            mark_process_dead(worker.child.pid)  # type: ignore[no-untyped-call]  # the library has no types for it
            self._metrics.worker_restarts.inc()
            self._log.error("worker.died", worker=worker.number, pid=worker.child.pid, code=code)
            self._deaths.append(time.monotonic())
            if len(self._deaths) == _CRASHES and self._deaths[-1] - self._deaths[0] < _CRASH_WINDOW_S:
                raise WorkerCrashLoop(f"{_CRASHES} workers died within {_CRASH_WINDOW_S:.0f} s")
            await self._spawn(worker)

    async def _spawn(self, worker: _Worker) -> None:
        ready_read, ready_write = os.pipe()
        try:
            worker.child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "ofd_gateway.worker",
                stdin=asyncio.subprocess.PIPE,
                pass_fds=(worker.sock.fileno(), ready_write),
            )
        except BaseException:
            os.close(ready_read)
            raise
        finally:
            os.close(ready_write)
        config = WorkerConfig(
            settings=msgspec.Raw(self._settings),
            dsn=self._dsn,
            listen_fd=worker.sock.fileno(),
            ready_fd=ready_write,
        )
        assert worker.child.stdin is not None  # noqa: S101  asked for above
        worker.child.stdin.write(msgspec.json.encode(config))
        worker.child.stdin.write_eof()
        try:
            async with asyncio.timeout(_START_TIMEOUT_S):
                served = await _read_line(ready_read)
        except TimeoutError:
            served = b""
        finally:
            os.close(ready_read)
        if served != _READY:
            self._log.error("worker.failed", worker=worker.number, pid=worker.child.pid)
            return
        self._log.info("worker.ready", worker=worker.number, pid=worker.child.pid)


async def _read_line(fd: int) -> bytes:
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(fd, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(fd)
    return os.read(fd, len(_READY))
