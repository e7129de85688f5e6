"""The real command as a user starts it: a child of its own, a state directory of its own, free ports."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.clusters import give_cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COMMAND = str(Path(sys.executable).with_name("ofd-gateway"))
DEADLINE_S = 40.0


class RunningGateway:
    """One `ofd-gateway serve` and what it has logged so far; `fresh` lets it make its cluster itself."""

    def __init__(
        self,
        state_dir: Path,
        *options: str,
        environment: dict[str, str] | None = None,
        open_files: int | None = None,
        fresh: bool = False,
    ) -> None:
        self.state_dir = state_dir
        if not fresh and "--database" not in options:
            give_cluster(state_dir)
        self.environment = {**os.environ, "OFD_GATEWAY_STATE_DIR": str(state_dir), **(environment or {})}
        self.records: list[dict[str, Any]] = []
        self.child = subprocess.Popen(
            [
                *limited(open_files),
                *(COMMAND, "serve", "--http", "127.0.0.1:0"),
                *(options or ("--listen", "127.0.0.1:0")),
            ],
            stdout=subprocess.PIPE,
            env=self.environment,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.ready = self.wait_event("gateway.ready")

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.ready["ofd"].rpartition(":")
        return host, int(port)

    @property
    def http(self) -> str:
        return f"http://{self.ready['http']}"

    @property
    def database(self) -> str:
        return str(self.ready["database"])

    def events(self, name: str) -> list[dict[str, Any]]:
        return [record for record in list(self.records) if record["event"] == name]

    def wait_event(self, name: str, *, deadline_s: float = DEADLINE_S, **fields: Any) -> dict[str, Any]:
        found: list[dict[str, Any]] = []

        def look() -> bool:
            found[:] = [r for r in self.events(name) if all(r.get(k) == v for k, v in fields.items())]
            return bool(found) or self.child.poll() is not None

        wait_until(look, deadline_s=deadline_s, what=f"event {name} {fields}")
        assert found, f"the gateway ended with {self.child.returncode}: {self.records[-5:]}"
        return found[-1]

    def connect(self) -> socket.socket:
        link = socket.create_connection(self.address, timeout=15)
        link.settimeout(15)
        return link

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [COMMAND, *arguments], env=self.environment, capture_output=True, text=True, timeout=60, check=False
        )

    def stop(self) -> int:
        self.child.send_signal(signal.SIGTERM)
        code = self.child.wait(20)
        self._reader.join(5)
        return code

    def kill(self) -> None:
        self.child.kill()
        self.child.wait(20)

    def close(self) -> None:
        if self.child.poll() is None:
            try:
                self.stop()
            except subprocess.TimeoutExpired:
                self.kill()
        if self.child.stdout is not None:
            self._reader.join(5)
            self.child.stdout.close()

    def _read(self) -> None:
        assert self.child.stdout is not None
        for line in self.child.stdout:
            self.records.append(json.loads(line))


def limited(open_files: int | None) -> list[str]:
    """What stands before a command so that it starts with that limit (`ulimit -n`) and can not raise it."""
    if open_files is None:
        return []
    script = (
        "import os, resource, sys; number = int(sys.argv[1]); "
        "resource.setrlimit(resource.RLIMIT_NOFILE, (number, number)); os.execv(sys.argv[2], sys.argv[2:])"
    )
    return [sys.executable, "-c", script, str(open_files)]


def read_confirmation(link: socket.socket) -> bytes:
    """The whole answer; an empty result means that the gateway closed without a byte."""
    data = b""
    while len(data) < 30 or len(data) < 30 + int.from_bytes(data[24:26], "little"):
        try:
            chunk = link.recv(4096)
        except ConnectionResetError:
            return b""
        if not chunk:
            return data
        data += chunk
    return data


def exchange(gateway: RunningGateway, message: bytes) -> bytes:
    with gateway.connect() as link:
        link.sendall(message)
        return read_confirmation(link)


def wait_until(condition: Callable[[], bool], *, deadline_s: float = DEADLINE_S, what: str = "the condition") -> None:
    deadline = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come within {deadline_s} s"
        time.sleep(0.02)


def running(
    state_dir: Path,
    *options: str,
    environment: dict[str, str] | None = None,
    open_files: int | None = None,
    fresh: bool = False,
) -> Iterator[RunningGateway]:
    gateway = RunningGateway(state_dir, *options, environment=environment, open_files=open_files, fresh=fresh)
    try:
        yield gateway
    finally:
        gateway.close()
