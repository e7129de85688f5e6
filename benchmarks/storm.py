"""Registers that all connect at once, each with one document, and stay until every one of them has its outcome.

With an address it is the load alone, in a process of its own, and prints one JSON object: `served` (a whole
confirmation), `refused` (closed or reset without a byte), `hung` (neither within `--deadline`), `seconds` to the last
outcome. Without one it starts a gateway, lets the storm loose on it while it asks for /healthz, and shows what it cost:
descriptors and memory before, during and after.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
import urllib.request
from typing import cast

import uvloop

from benchmarks.frames import fn_number, message
from benchmarks.gateway import running_gateway
from benchmarks.load import CONFIRMATION_BYTES
from benchmarks.processes import open_files, resident_bytes
from ofd_gateway.open_files import raise_limit

__all__ = ["storm"]

_ADDRESSES = 8
"""Source addresses, 127.0.0.1 and up: one has 28,000 ports, of which many may have been left a moment ago."""
_ROUNDS = 3


class _Register(asyncio.Protocol):
    def __init__(self, frame: bytes) -> None:
        self._frame = frame
        self._received = 0
        self.outcome: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(self._frame)

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        if self._received == CONFIRMATION_BYTES:
            self._end("served")

    def connection_lost(self, exc: Exception | None) -> None:
        self._end("refused" if not self._received else "hung")

    def _end(self, outcome: str) -> None:
        if not self.outcome.done():
            self.outcome.set_result(outcome)


async def storm(
    host: str, port: int, *, connections: int, first_fn: int = 1, deadline_s: float = 60.0
) -> dict[str, float]:
    """Outcomes by their names, and `seconds` from the first connection to the last outcome."""
    loop = asyncio.get_running_loop()
    registers = [_Register(message(fn_number(first_fn + index), 1)) for index in range(connections)]

    async def connect(index: int, register: _Register) -> str:
        source = (f"127.0.0.{1 + index % _ADDRESSES}", 0) if host.startswith("127.") else None
        try:
            async with asyncio.timeout(deadline_s):
                await loop.create_connection(lambda: register, host, port, local_addr=source)
                return await register.outcome
        except TimeoutError:
            return "hung"
        except ConnectionError:
            return "refused"

    began = time.perf_counter()
    outcomes = await asyncio.gather(*(connect(*one) for one in enumerate(registers)))
    seconds = time.perf_counter() - began
    for register in registers:
        if register.transport is not None:
            register.transport.abort()
    await asyncio.sleep(0)
    return {"seconds": seconds, **{name: outcomes.count(name) for name in ("served", "refused", "hung")}}


def _show(options: argparse.Namespace) -> None:
    """Storms one after another on one gateway: what the first leaves behind the next ones find again."""
    with running_gateway() as gateway:
        for number in range(_ROUNDS):
            before = open_files(gateway.pid), resident_bytes(gateway.pid)
            command = [sys.executable, "-m", "benchmarks.storm", gateway.ofd, f"--connections={options.connections}"]
            load = subprocess.Popen([*command, f"--first-fn={1 + number * 100_000}"], stdout=subprocess.PIPE)
            slowest_s, answers, descriptors, resident = 0.0, 0, 0, 0
            while load.poll() is None:
                asked = time.perf_counter()
                with urllib.request.urlopen(f"http://{gateway.http}/healthz", timeout=10):
                    answers += 1
                slowest_s = max(slowest_s, time.perf_counter() - asked)
                descriptors = max(descriptors, open_files(gateway.pid))
                resident = max(resident, resident_bytes(gateway.pid))
                time.sleep(0.05)
            out, _ = load.communicate()
            time.sleep(1.0)
            figures = json.loads(out) | {
                "healthz": answers,
                "healthz_slowest_s": round(slowest_s, 3),
                "descriptors": (before[0], descriptors, open_files(gateway.pid)),
                "resident_mb": tuple(round(x / 2**20, 1) for x in (before[1], resident, resident_bytes(gateway.pid))),
            }
            sys.stdout.write(json.dumps(figures) + "\n")


def main() -> int:
    """One storm on an address, or three on a gateway of its own; 1 when a connection hung."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address", nargs="?", help="HOST:PORT")
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--first-fn", type=int, default=1)
    parser.add_argument("--deadline", type=float, default=60.0)
    options = parser.parse_args()
    raise_limit(options.connections + 64)
    if options.address is None:
        _show(options)
        return 0
    host, _, port = options.address.rpartition(":")
    work = storm(
        host, int(port), connections=options.connections, first_fn=options.first_fn, deadline_s=options.deadline
    )
    figures = uvloop.run(work)
    sys.stdout.write(json.dumps(figures) + "\n")
    return 1 if figures["hung"] else 0


if __name__ == "__main__":
    sys.exit(main())
