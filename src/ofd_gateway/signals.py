"""What signals ask of a process: to stop, to replace the workers, to take no more connections.

::

                    the service                          one of its workers
    SIGTERM SIGINT  stop                                 stop
    SIGHUP          replace the workers; stop when       ignored: it goes to whole groups of processes
                    its terminal has gone
    SIGUSR1         ignored                              drain, then end
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine

__all__ = ["ServiceSignals", "WorkerSignals", "wait_for_either"]


class ServiceSignals:
    """Signals of the service as events of the running loop."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.replace = asyncio.Event()
        self._terminals = [fd for fd in (0, 1, 2) if _is_terminal(fd)]
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop.set)
        if sys.platform != "win32":
            loop.add_signal_handler(signal.SIGHUP, self._hung_up)
            loop.add_signal_handler(signal.SIGUSR1, lambda: None)

    def _hung_up(self) -> None:
        gone = any(not _is_terminal(fd) for fd in self._terminals)
        (self.stop if gone else self.replace).set()


class WorkerSignals:
    """Signals of a worker as events of the running loop."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.drain = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop.set)
        if sys.platform != "win32":
            loop.add_signal_handler(signal.SIGHUP, lambda: None)
            loop.add_signal_handler(signal.SIGUSR1, self.drain.set)


async def wait_for_either(one: Coroutine[Any, Any, object], other: Coroutine[Any, Any, object]) -> None:
    """Returns when one of the two has ended, the other being cancelled; raises what it raised."""
    tasks = asyncio.create_task(one), asyncio.create_task(other)
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result


def _is_terminal(fd: int) -> bool:
    try:
        return os.isatty(fd)
    except OSError:  # pragma: no cover  some systems say so of a closed one
        return False
