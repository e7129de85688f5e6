"""The real command as a child, and a plain client for it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from .sending import Envelope, wire

COMMAND = str(Path(sys.executable).with_name("ofd-gateway"))
DEADLINE_S = 40.0


class RunningEmulator:
    """One `ofd-gateway fns-emulator` and what it has logged so far."""

    def __init__(self, *options: str, environment: dict[str, str] | None = None) -> None:
        self.records: list[dict[str, Any]] = []
        self.child = subprocess.Popen(
            [COMMAND, "fns-emulator", "--listen", "127.0.0.1:0", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **(environment or {})},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.ready = self.wait_event("fns_emulator.ready")

    def wait_event(self, name: str) -> dict[str, Any]:
        deadline = time.monotonic() + DEADLINE_S
        while True:
            found = [record for record in list(self.records) if record["event"] == name]
            if found:
                return found[0]
            code = self.child.poll()
            if code is not None:
                self._reader.join(5)
                error = self.child.stderr.read() if self.child.stderr else b""
                self._close_pipes()
                raise AssertionError(f"ended with {code}: {error.decode()}")
            assert time.monotonic() < deadline, f"{name} did not come within {DEADLINE_S} s"
            time.sleep(0.02)

    def send(self, *documents: Envelope) -> list[dict[str, Any]]:
        response = httpx.post(
            f"{self.ready['url']}/v1/documents",
            content=wire(list(documents)),
            headers={"content-type": "application/json"},
            timeout=20,
        )
        return response.raise_for_status().json()["answers"]

    def get(self, path: str) -> dict[str, Any]:
        return httpx.get(f"{self.ready['url']}/{path}", timeout=20).raise_for_status().json()

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.child.send_signal(number)
        return self.child.wait(20)

    def kill(self) -> None:
        self.child.kill()
        self.child.wait(20)

    def close(self) -> None:
        if self.child.poll() is None:
            self.kill()
        self._reader.join(5)
        self._close_pipes()

    def _close_pipes(self) -> None:
        for pipe in (self.child.stdout, self.child.stderr):
            if pipe is not None:
                pipe.close()

    def _read(self) -> None:
        assert self.child.stdout is not None
        for line in self.child.stdout:
            self.records.append(json.loads(line))


@contextmanager
def running(*options: str) -> Iterator[RunningEmulator]:
    emulator = RunningEmulator(*options)
    try:
        yield emulator
    finally:
        emulator.close()
