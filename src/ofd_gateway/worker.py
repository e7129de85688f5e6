"""One worker of several: takes its socket, its database and its settings from the supervisor and serves registers.

Run as `python -m ofd_gateway.worker` by `ofd_gateway.workers`, never by a person.
"""

from __future__ import annotations

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
    """Ends this worker when nobody listens: its supervisor has given it up, or died before it could die with it."""
    try:
        supervisor.write(b"ready\n")
    except BrokenPipeError:
        os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
