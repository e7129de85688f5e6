"""The programs under test as children: started, killed, and started again at the same addresses.

What a child says goes to two files of its own, which grow over all its lives.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.processes import descendants, is_database, parent_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["Child", "NotReady", "database_children", "gateway_processes", "workers_of"]

_COMMAND: Final = str(Path(sys.executable).with_name("ofd-gateway"))
_READY_S: Final = 90.0
_STOP_S: Final = 30.0
_POLL_S: Final = 0.05
_WORKER: Final = b"ofd_gateway.worker"
_OF_A_CONNECTION: Final = b"[local]"


class NotReady(Exception):
    """The child ended by itself or does not come to serve; the message has its last words."""


class Child:
    """One command of ours; `ready_url` answers once it serves."""

    def __init__(
        self, home: Path, name: str, arguments: Sequence[str], ready_url: str, environment: Mapping[str, str]
    ) -> None:
        self.name = name
        self.log_file = home / f"{name}.log"
        self.error_file = home / f"{name}.errors"
        self._arguments = arguments
        self._ready_url = ready_url
        self._environment = {**os.environ, **environment}
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The pid of its present life."""
        assert self._child is not None
        return self._child.pid

    async def start(self) -> None:
        """Starts it and returns once it serves. Raises NotReady."""
        with self.log_file.open("ab") as log, self.error_file.open("ab") as errors:
            self._child = subprocess.Popen(  # noqa: ASYNC220  it takes no longer than a fork
                [_COMMAND, *self._arguments], stdout=log, stderr=errors, env=self._environment
            )
        await self.ready()

    async def ready(self) -> None:
        """Returns once it serves. Raises NotReady."""
        assert self._child is not None
        deadline = time.monotonic() + _READY_S
        while not await asyncio.to_thread(_answers, self._ready_url):
            if self._child.poll() is not None:
                raise NotReady(f"{self.name} ended with {self._child.returncode}: {self._last_words()}")
            if time.monotonic() > deadline:
                raise NotReady(f"{self.name} does not serve: {self._last_words()}")
            await asyncio.sleep(_POLL_S)

    def send_signal(self, number: signal.Signals) -> None:
        """Sends it a signal; nothing when it has ended."""
        assert self._child is not None
        self._child.send_signal(number)

    async def kill(self) -> None:
        """SIGKILL, and returns when it is gone."""
        assert self._child is not None
        self._child.kill()
        await asyncio.to_thread(self._child.wait)

    async def stop(self) -> int:
        """SIGTERM; its exit code. One that does not end is killed."""
        if self._child is None:
            return 0
        self._child.send_signal(signal.SIGTERM)
        try:
            return await asyncio.to_thread(self._child.wait, _STOP_S)
        except subprocess.TimeoutExpired:
            await self.kill()
            return self._child.returncode

    def _last_words(self) -> str:
        said = b"".join(file.read_bytes()[-1000:] for file in (self.log_file, self.error_file))
        return said.decode(errors="replace")


def gateway_processes(pid: int) -> list[int]:
    """The supervisor and its workers, without the database."""
    return [pid, *(child for child in descendants(pid) if not _is(child, is_database))]


def workers_of(pid: int) -> list[int]:
    """The workers of a supervisor."""
    return [child for child in descendants(pid) if _is(child, _is_worker)]


def database_children(pid: int) -> tuple[list[int], list[int]]:
    """PostgreSQL's main process below a supervisor, and the processes that serve one connection each."""
    own = [child for child in descendants(pid) if _is(child, is_database)]
    servers = [child for child in own if _is(child, lambda process: parent_of(process) == pid)]
    return servers, [child for child in own if child not in servers and _is(child, _serves_connection)]


def _is(pid: int, kind: Callable[[int], bool]) -> bool:
    try:
        return kind(pid)
    except OSError:
        return False


def _is_worker(pid: int) -> bool:
    return _WORKER in _command(pid)


def _serves_connection(pid: int) -> bool:
    return _OF_A_CONNECTION in _command(pid)


def _command(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except OSError:
        return False
