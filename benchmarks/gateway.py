"""A gateway of its own for one measurement: a fresh state directory, the real command, a real database."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ofd_gateway.storage import running_dsn

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Gateway", "free_address", "running_gateway"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """Where a running gateway answers."""

    ofd: str
    http: str
    database: str
    pid: int


@contextmanager
def running_gateway(
    *,
    workers: int = 1,
    environment: dict[str, str] | None = None,
    state_dir: Path | None = None,
    options: Sequence[str] = (),
) -> Iterator[Gateway]:
    """Starts `ofd-gateway serve` with the embedded database and stops it again; `state_dir` None: one for this time."""
    home = Path(tempfile.mkdtemp(prefix="ofd-bench-"))
    state = state_dir or home / "state"
    ofd, http = free_address(), free_address()
    log_file = home / "gateway.log"
    with log_file.open("wb") as log:
        child = subprocess.Popen(
            [
                str(Path(sys.executable).with_name("ofd-gateway")),
                "serve",
                f"--listen={ofd}",
                f"--http={http}",
                f"--state-dir={state}",
                f"--workers={workers}",
                *options,
            ],
            stdout=log,
            env={**os.environ, **(environment or {})},
        )
    try:
        _await_ready(child, ofd, http, log_file)
        yield Gateway(ofd=ofd, http=http, database=running_dsn(state) or "", pid=child.pid)
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(30)
        shutil.rmtree(home, ignore_errors=True)


def free_address() -> str:
    """An address of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def _await_ready(child: subprocess.Popen[bytes], ofd: str, http: str, log_file: Path) -> None:
    """Returns once documents can be stored and registers can connect; a log that says little is no hindrance."""
    host, _, port = ofd.rpartition(":")
    while child.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://{http}/readyz", timeout=5):
            socket.create_connection((host, int(port)), timeout=5).close()
            return
        time.sleep(0.01)
    raise RuntimeError(f"the gateway ended with {child.returncode}: {log_file.read_text()[-2000:]}")
