"""One gateway for tests: a child process with a state directory of its own, on free ports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from ofd_gateway.testing.errors import GatewayGone

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Server"]

_PREFIX: Final = "OFD_GATEWAY_"
_READY_WITHIN_S: Final = 120.0
_LOOK_S: Final = 0.01
_STOPS_WITHIN_S: Final = 20.0
_LAST_WORDS: Final = 20


class Server:
    """A gateway below `home`: `state/`, removed at the end unless `keep`, and `gateway.log`.

    The child ends when its standard input does, so it never outlives this process, however that ends. Raises
    `GatewayGone` when it does not come up.
    """

    def __init__(self, home: Path, settings: Mapping[str, str], *, templates: Path | None, keep: bool) -> None:
        self.home = home
        self.state_dir = home / "state"
        self.log_file = home / "gateway.log"
        home.mkdir(parents=True, exist_ok=True)
        (home / "gateway.toml").touch()
        order = {
            "state_dir": str(self.state_dir),
            "templates": None if templates is None else str(templates),
            "keep": keep,
        }
        with self.log_file.open("wb") as log:
            self._child = subprocess.Popen(
                [sys.executable, "-P", "-m", "ofd_gateway.testing.launcher", json.dumps(order)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=self._environment(settings),
                start_new_session=True,
            )
        try:
            ready = self._wait_ready()
        except BaseException:
            self.stop()
            raise
        self.ofd: str = ready["ofd"]
        self.http: str = ready["http"]

    @property
    def pid(self) -> int:
        """The gateway's process."""
        return self._child.pid

    @property
    def is_alive(self) -> bool:
        """Whether the child runs."""
        return self._child.poll() is None

    def log_size(self) -> int:
        """Where the log ends now."""
        return self.log_file.stat().st_size

    def log_since(self, position: int) -> str:
        """What was logged from that byte on."""
        with self.log_file.open("rb") as log:
            log.seek(position)
            return log.read().decode(errors="replace")

    def ask_to_stop(self) -> None:
        """Lets the child end, which takes its database and its state directory along."""
        if self._child.stdin is not None:
            self._child.stdin.close()

    def stop(self) -> None:
        """The same, and waits for the end."""
        self.ask_to_stop()
        try:
            self._child.wait(_STOPS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    def _environment(self, settings: Mapping[str, str]) -> dict[str, str]:
        """Nobody's settings but ours: no variables of the machine, no configuration file."""
        inherited = {name: value for name, value in os.environ.items() if not name.upper().startswith(_PREFIX)}
        ours = {
            "config": str(self.home / "gateway.toml"),
            "state_dir": str(self.state_dir),
            "listen": "127.0.0.1:0",
            "http": "127.0.0.1:0",
            "database": "embedded",
            "disposable": "true",
            "faults.enabled": "true",
            "logs.format": "json",
        }
        return inherited | {
            _PREFIX + key.replace(".", "__").upper(): value for key, value in {**settings, **ours}.items()
        }

    def _wait_ready(self) -> dict[str, Any]:
        deadline = time.monotonic() + _READY_WITHIN_S
        while True:
            ended = not self.is_alive
            for line in self.log_since(0).splitlines():
                if '"gateway.ready"' in line:
                    found: dict[str, Any] = json.loads(line)
                    return found
            if ended or time.monotonic() > deadline:
                said = "\n".join(self.log_since(0).splitlines()[-_LAST_WORDS:])
                raise GatewayGone(f"the gateway of the tests did not start:\n{said}")
            time.sleep(_LOOK_S)
