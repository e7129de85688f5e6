"""What the files of a PostgreSQL server say of it, and whether the process that they name is that server.

`postmaster.pid` and the lock beside the socket outlive a killed server, and their pid may belong to a stranger by then.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Final

from ofd_gateway.storage.errors import DatabaseUnavailable

__all__ = ["Postmaster", "end_orphan", "is_server_process"]

_SERVER: Final = "postgres"
_POLL_S: Final = 0.02
_WRITING_S: Final = 0.5


class Postmaster:
    """What `postmaster.pid` says of a server that may or may not live."""

    def __init__(self, data_dir: Path) -> None:
        self._file = data_dir / "postmaster.pid"
        self._data_dir = data_dir
        self.exists = True
        """There is such a file, be there anything in it or not."""
        try:
            self._lines = self._file.read_text(errors="replace").splitlines()
        except OSError:
            self._lines = []
            self.exists = self._file.exists()

    @property
    def pid(self) -> int | None:
        """The pid that the file names."""
        first = self._lines[0].strip() if self._lines else ""
        return int(first) if first.isdecimal() else None

    @property
    def socket_dir(self) -> str | None:
        """The directory of the server's socket."""
        return self._lines[4].strip() if len(self._lines) > 4 else None  # fifth line

    @property
    def is_ready(self) -> bool:
        """The server takes connections."""
        return len(self._lines) > 7 and self._lines[7].strip() == "ready"  # eighth line

    @property
    def is_ours(self) -> bool:
        """The pid lives and is a server on this very data directory, not a stranger that was given its number.

        A server's working directory is its data directory, which is compared as a file, not as a name.
        """
        if self.pid is None:
            return False
        if not _has_proc():
            return _command_names(self.pid, str(self._data_dir))
        try:
            working_dir = Path(f"/proc/{self.pid}/cwd").stat()
            own = self._data_dir.stat()
        except OSError:
            return False
        return (working_dir.st_dev, working_dir.st_ino) == (own.st_dev, own.st_ino) and is_server_process(self.pid)

    def remove(self) -> None:
        """Removes a file that names no server of ours."""
        self._file.unlink(missing_ok=True)


def is_server_process(pid: int) -> bool:
    """Whether a living process of PostgreSQL, of whatever data directory, has this pid."""
    if not _has_proc():
        return _command_names(pid, _SERVER)
    try:
        status = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return False
    head, _, tail = status.rpartition(")")
    return head.partition("(")[2] == _SERVER and tail.split()[0] != "Z"


async def end_orphan(data_dir: Path, *, timeout_s: float) -> None:
    """Ends a server that a killed supervisor left behind, and removes the pid file of a stranger.

    A server that was killed in the moment in which it made its pid file leaves an empty one, which would refuse every
    server after it. One that is about to write into its file is given the time to.

    Raises:
        DatabaseUnavailable: the server survives even SIGKILL.
    """
    postmaster = await _filled(data_dir)
    if not postmaster.exists:
        return
    started = time.monotonic()
    steps = [(0.0, signal.SIGINT), (timeout_s / 2, signal.SIGQUIT), (timeout_s * 0.8, signal.SIGKILL)]
    while postmaster.is_ours and postmaster.pid is not None:
        elapsed_s = time.monotonic() - started
        if elapsed_s >= timeout_s:
            raise DatabaseUnavailable(f"a server on {data_dir} does not end (pid {postmaster.pid})")
        while steps and elapsed_s >= steps[0][0]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(postmaster.pid, steps.pop(0)[1])
        await asyncio.sleep(_POLL_S)
    postmaster.remove()


async def _filled(data_dir: Path) -> Postmaster:
    """What the pid file says, once it names a pid or has named none for a while."""
    deadline = time.monotonic() + _WRITING_S
    while True:
        postmaster = Postmaster(data_dir)
        if not postmaster.exists or postmaster.pid is not None or time.monotonic() > deadline:
            return postmaster
        await asyncio.sleep(_POLL_S)


def _has_proc() -> bool:
    return Path("/proc/self/stat").exists()


def _command_names(pid: int, word: str) -> bool:
    """Where there is no /proc: whether the command of a process is a server's and has this word in it."""
    answer = subprocess.run(
        ["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False, timeout=5
    )
    return _SERVER in answer.stdout and word in answer.stdout
