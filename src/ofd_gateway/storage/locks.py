"""Advisory locks on files of the state directory: gone with the process that holds them, however it ends."""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FileLock"]

_POLL_S = 0.05


class FileLock:
    """One open lock file; several may share the lock or one may hold it alone.

    A file that root makes in the directory of another user is that user's.
    """

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        if os.geteuid() == 0:
            owner = path.parent.stat()
            os.fchown(self._fd, owner.st_uid, owner.st_gid)

    def share(self) -> bool:
        """Takes the lock together with others; False when somebody holds it alone."""
        return self._take(fcntl.LOCK_SH)

    def hold(self) -> bool:
        """Takes the lock alone; False when anybody else has it."""
        return self._take(fcntl.LOCK_EX)

    async def wait_alone(self, timeout_s: float) -> bool:
        """Takes the lock alone as soon as nobody else has it; False when that did not come in time."""
        deadline = time.monotonic() + timeout_s
        while not self.hold():
            if time.monotonic() >= deadline:
                return False
            await asyncio.sleep(_POLL_S)
        return True

    def close(self) -> None:
        """Lets go of the lock."""
        os.close(self._fd)

    def _take(self, how: int) -> bool:
        try:
            fcntl.flock(self._fd, how | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
