"""One worker of several: takes its socket, its database and its settings from the supervisor and serves registers.

Run as `python -m ofd_gateway.worker` by `ofd_gateway.workers`, never by a person.
"""

from __future__ import annotations

import os
import signal
import socket
import sys

import msgspec

from ofd_gateway.app import serve_worker
from ofd_gateway.parent import die_with_parent
from ofd_gateway.settings import Settings
from ofd_gateway.workers import WorkerConfig


def main() -> int:
    """Reads the configuration from standard input and serves until SIGTERM."""
    die_with_parent()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    config = msgspec.json.decode(sys.stdin.buffer.read(), type=WorkerConfig)
    settings = Settings.model_validate_json(bytes(config.settings))
    sock = socket.socket(fileno=config.listen_fd)
    with os.fdopen(config.ready_fd, "wb", buffering=0) as ready:
        return serve_worker(settings, dsn=config.dsn, sock=sock, on_ready=lambda: ready.write(b"ready\n"))


if __name__ == "__main__":
    sys.exit(main())
