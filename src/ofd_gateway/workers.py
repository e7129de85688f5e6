"""Several processes on one port: the supervisor's side.

Each worker has a listening socket of its own on the same address (SO_REUSEPORT), so the kernel spreads connections.
The supervisor keeps the sockets open too: while a worker is replaced, connections wait in the queue of its socket
instead of failing. A worker that is replaced on purpose gets SIGUSR1 once the new one listens on the same socket: it
takes no more connections, serves those it has for `drain_timeout_s` at most, and ends.
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
    from asyncio.subprocess import Process
    from collections.abc import Sequence

    from ofd_gateway.metrics import Metrics

__all__ = ["WorkerConfig", "WorkerCrashLoop", "WorkerPool"]

_CRASHES: Final = 5
_CRASH_WINDOW_S: Final = 30.0
_START_TIMEOUT_S: Final = 20.0
_STOP_TIMEOUT_S: Final = 8.0
_FAILED_TIMEOUT_S: Final = 1.0
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
    """One socket and the child that serves it now; whoever puts another child in its place holds `changing`."""

    def __init__(self, number: int, sock: socket.socket) -> None:
        self.number = number
        self.sock = sock
        self.child: Process | None = None
        self.changing = asyncio.Lock()


class WorkerPool:
    """Starts one worker for each socket, replaces those that die, and all of them when asked.

    The metrics of all of them add up, because `PROMETHEUS_MULTIPROC_DIR` is in their environment.
    """

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        *,
        settings: bytes,
        dsn: str,
        metrics: Metrics,
        drain_timeout_s: float = 30.0,
    ) -> None:
        self._workers = [_Worker(number, sock) for number, sock in enumerate(sockets, start=1)]
        self._settings = settings
        self._dsn = dsn
        self._metrics = metrics
        self._drain_timeout_s = drain_timeout_s
        self._children: set[Process] = set()
        self._deaths: deque[float] = deque(maxlen=_CRASHES)
        self._stopping = False
        self._log = structlog.get_logger()

    async def start(self) -> None:
        """Returns once every worker serves; one that failed to is left to `watch`."""
        await asyncio.gather(*(self._start(worker) for worker in self._workers))

    async def watch(self) -> None:
        """Replaces dead workers until `stop`; raises `WorkerCrashLoop` when that does not help."""
        async with asyncio.TaskGroup() as tasks:
            for worker in self._workers:
                tasks.create_task(self._watch_one(worker))

    async def replace_whenever(self, asked: asyncio.Event) -> None:
        """Replaces every worker each time `asked` is set, and clears it; runs until it is cancelled."""
        while True:
            await asked.wait()
            asked.clear()
            await self.replace_all()

    async def replace_all(self) -> bool:
        """Puts a new worker in the place of each, one after another; returns whether all of them were replaced.

        The first new worker that does not come to serve ends it, and those that are there go on.
        """
        self._log.info("workers.replacing", workers=len(self._workers))
        for worker in self._workers:
            if self._stopping:
                return False
            if not await self._replace(worker):
                self._log.error("workers.replacement_failed", worker=worker.number)
                return False
        self._log.info("workers.replaced", workers=len(self._workers))
        return True

    async def stop(self) -> None:
        """Lets every worker finish what is in hand; kills those that take too long. May be called again."""
        self._stopping = True
        children = list(self._children)
        for child in children:
            _signal(child, signal.SIGTERM)
        await asyncio.gather(*(_end(child, _STOP_TIMEOUT_S) for child in children))

    async def _watch_one(self, worker: _Worker) -> None:
        while not self._stopping:
            child = worker.child
            assert child is not None  # noqa: S101  start() made it
            await child.wait()
            async with worker.changing:
                if self._stopping:
                    return
                if worker.child is child:
                    self._died(worker, child)
                    await self._start(worker)

    async def _replace(self, worker: _Worker) -> bool:
        async with worker.changing:
            old = worker.child
            assert old is not None  # noqa: S101  start() made it
            child, serves = await self._spawn(worker)
            if not serves:
                self._forget(child)
                return False
            worker.child = child
        if old.returncode is not None:  # it died of its own while the new one started
            self._died(worker, old)
            return True
        _signal(old, signal.SIGUSR1)
        await _end(old, self._drain_timeout_s + _STOP_TIMEOUT_S)
        self._forget(old)
        self._log.info("worker.replaced", worker=worker.number, pid=child.pid, former=old.pid, code=old.returncode)
        return True

    async def _start(self, worker: _Worker) -> None:
        worker.child, _ = await self._spawn(worker)

    def _died(self, worker: _Worker, child: Process) -> None:
        self._forget(child)
        self._metrics.worker_restarts.inc()
        self._log.error("worker.died", worker=worker.number, pid=child.pid, code=child.returncode)
        self._deaths.append(time.monotonic())
        if len(self._deaths) == _CRASHES and self._deaths[-1] - self._deaths[0] < _CRASH_WINDOW_S:
            raise WorkerCrashLoop(f"{_CRASHES} workers died within {_CRASH_WINDOW_S:.0f} s")

    def _forget(self, child: Process) -> None:
        from prometheus_client.multiprocess import mark_process_dead

        self._children.discard(child)
        mark_process_dead(child.pid)  # type: ignore[no-untyped-call]  # the library has no types for it

    async def _spawn(self, worker: _Worker) -> tuple[Process, bool]:
        """A new child on the worker's socket, and whether it serves; one that does not has ended."""
        ready_read, ready_write = os.pipe()
        try:
            child = await asyncio.create_subprocess_exec(
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
        self._children.add(child)
        if self._stopping:
            _signal(child, signal.SIGTERM)
        config = WorkerConfig(
            settings=msgspec.Raw(self._settings),
            dsn=self._dsn,
            listen_fd=worker.sock.fileno(),
            ready_fd=ready_write,
        )
        assert child.stdin is not None  # noqa: S101  asked for above
        child.stdin.write(msgspec.json.encode(config))
        child.stdin.write_eof()
        try:
            async with asyncio.timeout(_START_TIMEOUT_S):
                served = await _read_line(ready_read)
        except TimeoutError:
            served = b""
        finally:
            os.close(ready_read)
        if served != _READY:
            self._log.error("worker.failed", worker=worker.number, pid=child.pid)
            await _end(child, _FAILED_TIMEOUT_S)
            return child, False
        self._log.info("worker.ready", worker=worker.number, pid=child.pid)
        return child, True


def _signal(child: Process, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        child.send_signal(number)


async def _end(child: Process, timeout_s: float) -> None:
    """Waits until the child has ended; kills it when that takes longer."""
    try:
        async with asyncio.timeout(timeout_s):
            await child.wait()
    except TimeoutError:
        _signal(child, signal.SIGKILL)
        await child.wait()


async def _read_line(fd: int) -> bytes:
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(fd, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(fd)
    return os.read(fd, len(_READY))
