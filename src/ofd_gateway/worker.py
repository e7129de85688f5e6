"""One worker of several: takes its socket, its database and its settings from the supervisor and serves registers.

Run as `python -m ofd_gateway.worker` by `ofd_gateway.workers`, never by a person.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING

import msgspec

from ofd_gateway.app import serve_worker
from ofd_gateway.parent import die_with_parent
from ofd_gateway.settings import Settings
from ofd_gateway.workers import WorkerConfig

if TYPE_CHECKING:
    from io import RawIOBase


def main() -> int:
    """Reads the configuration from standard input and serves until SIGTERM."""
    die_with_parent()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    config = msgspec.json.decode(sys.stdin.buffer.read(), type=WorkerConfig)
    settings = Settings.model_validate_json(bytes(config.settings))
    sock = socket.socket(fileno=config.listen_fd)
    with os.fdopen(config.ready_fd, "wb", buffering=0) as ready:
        return serve_worker(settings, dsn=config.dsn, sock=sock, on_ready=lambda: _say_ready(ready))


def _say_ready(supervisor: RawIOBase) -> None:
    """A supervisor that has waited too long is about to kill this worker, which is no fault of the worker's."""
    with contextlib.suppress(BrokenPipeError):
        supervisor.write(b"ready\n")


if __name__ == "__main__":
    sys.exit(main())
