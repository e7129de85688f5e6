"""A gateway of its own for one measurement: a fresh state directory, the real command, a real database."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Gateway", "running_gateway"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """Where a running gateway answers."""

    ofd: str
    http: str
    database: str
    pid: int


@contextmanager
def running_gateway(
    *, workers: int = 1, environment: dict[str, str] | None = None, state_dir: Path | None = None
) -> Iterator[Gateway]:
    """Starts `ofd-gateway serve` with the embedded database and stops it again; `state_dir` None: one for this time."""
    home = Path(tempfile.mkdtemp(prefix="ofd-bench-"))
    log_file = home / "gateway.log"
    with log_file.open("wb") as log:
        child = subprocess.Popen(
            [
                str(Path(sys.executable).with_name("ofd-gateway")),
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--http",
                "127.0.0.1:0",
                "--state-dir",
                str(state_dir or home / "state"),
                "--workers",
                str(workers),
            ],
            stdout=log,
            env={**os.environ, **(environment or {})},
        )
    try:
        yield _await_ready(child, log_file)
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(30)
        shutil.rmtree(home, ignore_errors=True)


def _await_ready(child: subprocess.Popen[bytes], log_file: Path) -> Gateway:
    with log_file.open("rb") as log:
        tail = b""
        while child.poll() is None:
            tail += log.read()
            *lines, tail = tail.split(b"\n")
            for line in lines:
                record = json.loads(line)
                if record.get("event") == "gateway.ready":
                    return Gateway(
                        ofd=record["ofd"], http=record["http"], database=record["database"], pid=record["pid"]
                    )
    raise RuntimeError(f"the gateway ended with {child.returncode}: {log_file.read_text()[-2000:]}")
