"""One load against one gateway, with what every process used for it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from benchmarks.processes import cpu_seconds_by_kind

if TYPE_CHECKING:
    from benchmarks.gateway import Gateway

__all__ = ["Loads"]

_MOST_PER_SECOND = 14_000
_MOST_DOCUMENTS = 20_000
_FNS_OF_ONE_RUN = 20_000


class Loads:
    """Loads against one gateway; each has FNs of its own."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._first_fn = 1_000_000

    def run(
        self, *, connections: int, seconds: float, reconnect: bool = False, rate: float = 0.0, contact: str = ""
    ) -> dict[str, float]:
        """The figures of the load generator, and microseconds of CPU a document by kind of process."""
        most = rate or _MOST_PER_SECOND
        documents = min(max(200, int(seconds * most * 1.5 / connections)), _MOST_DOCUMENTS)
        self._first_fn += _FNS_OF_ONE_RUN
        command = [
            sys.executable,
            "-m",
            "benchmarks.load",
            self._gateway.ofd,
            f"--connections={connections}",
            f"--documents={documents}",
            f"--seconds={seconds}",
            f"--first-fn={self._first_fn}",
            f"--rate={rate}",
            f"--contact={contact}",
            *(["--reconnect"] if reconnect else []),
        ]
        before = cpu_seconds_by_kind(self._gateway.pid)
        done = subprocess.run(command, check=True, capture_output=True, timeout=seconds + 120)
        after = cpu_seconds_by_kind(self._gateway.pid)
        figures: dict[str, Any] = json.loads(done.stdout)
        count = max(1, figures["confirmations"])
        for kind, used in after.items():
            figures[f"{kind}_us"] = (used - before[kind]) / count * 1e6
        return figures
