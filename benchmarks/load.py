"""A load generator of its own process: prebuilt frames, one document in flight per connection.

Closed loop: a register sends its next document when the last one is confirmed. With `--rate` open loop: documents fall
due by the clock, and their latency counts from then, so that a stall of the gateway is not hidden by registers that
wait. Prints one JSON object: confirmations per second, latency percentiles in seconds, and its own CPU share.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import sys
import time
from typing import TYPE_CHECKING, cast

import uvloop

from benchmarks.frames import fn_number, message

if TYPE_CHECKING:
    from collections.abc import Sequence

CONFIRMATION_BYTES = 149


class Register(asyncio.Protocol):
    """Sends its frames one after another, each when the confirmation of the one before it is complete.

    With a period also not before it is due; what could not be sent in time has been waiting since it was due.
    """

    def __init__(self, load: Load, frames: Sequence[bytes], *, offset_s: float = 0.0) -> None:
        self._load = load
        self._frames = iter(frames)
        self._transport: asyncio.Transport | None = None
        self._received = 0
        self._sent_at = 0.0
        self._offset_s = offset_s
        self._due_at = 0.0

    def start(self) -> None:
        """Begins to send, at once or at its place in the period."""
        if self._load.period_s:
            self._due_at = time.perf_counter() + self._offset_s
            asyncio.get_running_loop().call_later(self._offset_s, self.send_next)
        else:
            self.send_next()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport; the load starts all registers together."""
        self._transport = cast("asyncio.Transport", transport)

    def send_next(self) -> None:
        """Sends the next frame, or ends when there is none or time is up."""
        frame = None if self._load.is_over else next(self._frames, None)
        if frame is None or self._transport is None:
            self._load.finished()
            return
        self._sent_at = self._due_at or time.perf_counter()
        self._transport.write(frame)

    def data_received(self, data: bytes) -> None:
        """Counts bytes up to a whole confirmation."""
        self._received += len(data)
        if self._received < CONFIRMATION_BYTES:
            return
        self._received -= CONFIRMATION_BYTES
        self._load.latencies_s.append(time.perf_counter() - self._sent_at)
        if self._load.reconnect:
            self._load.reconnect_register(self)
        else:
            self.go_on()

    def go_on(self) -> None:
        """Sends the next frame when it is due."""
        if self._load.period_s:
            self._due_at += self._load.period_s
            wait_s = self._due_at - time.perf_counter()
            if wait_s > 0:
                asyncio.get_running_loop().call_later(wait_s, self.send_next)
                return
        self.send_next()

    def connection_lost(self, exc: Exception | None) -> None:
        """A connection that ends before its frames is a failure of the run."""
        if self._transport is not None:
            self._load.lost += 1
            self._load.finished()

    def leave(self) -> None:
        """Closes the present connection on purpose."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None


class Load:
    """All registers of one run."""

    def __init__(self, host: str, port: int, *, connections: int, seconds: float, reconnect: bool, rate: float) -> None:
        self.host, self.port = host, port
        self.connections = connections
        self.seconds = seconds
        self.reconnect = reconnect
        self.period_s = connections / rate if rate else 0.0
        self.latencies_s: list[float] = []
        self.lost = 0
        self.is_over = False
        self._running = 0
        self._done = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, first_fn: int, documents: int, contact: bytes = b"", *, first_fd: int = 1) -> dict[str, float]:
        """Builds the frames, opens the connections, then lets the clock run."""
        loop = asyncio.get_running_loop()
        frames = [
            [message(fn_number(first_fn + index), fd, contact=contact) for fd in range(first_fd, first_fd + documents)]
            for index in range(self.connections)
        ]
        registers = [
            Register(self, of_one, offset_s=self.period_s * index / self.connections)
            for index, of_one in enumerate(frames)
        ]
        for register in registers:
            await loop.create_connection(lambda register=register: register, self.host, self.port)  # type: ignore[misc]
        self._running = len(registers)
        cpu_before, started = _cpu_s(), time.perf_counter()
        loop.call_later(self.seconds, self._time_is_up)
        for register in registers:
            register.start()
        await self._done.wait()
        elapsed, cpu = time.perf_counter() - started, _cpu_s() - cpu_before
        for register in registers:
            register.leave()
        return _summary(self.latencies_s, elapsed, cpu, self.lost)

    def finished(self) -> None:
        """One register has nothing left to send."""
        self._running -= 1
        if self._running == 0:
            self._done.set()

    def reconnect_register(self, register: Register) -> None:
        """Opens a new connection for the next document, as many registers do."""
        register.leave()
        task = asyncio.get_running_loop().create_task(self._reconnect(register))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _reconnect(self, register: Register) -> None:
        await asyncio.get_running_loop().create_connection(lambda: register, self.host, self.port)
        register.go_on()

    def _time_is_up(self) -> None:
        self.is_over = True


def _summary(latencies_s: list[float], elapsed_s: float, cpu_s: float, lost: int) -> dict[str, float]:
    ordered = sorted(latencies_s) or [0.0]
    return {
        "confirmations": len(latencies_s),
        "per_second": len(latencies_s) / elapsed_s,
        "p50_s": ordered[len(ordered) // 2],
        "p90_s": ordered[min(len(ordered) - 1, len(ordered) * 90 // 100)],
        "p99_s": ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)],
        "p999_s": ordered[min(len(ordered) - 1, len(ordered) * 999 // 1000)],
        "max_s": ordered[-1],
        "lost": lost,
        "cpu_share": cpu_s / elapsed_s,
    }


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> int:
    """Runs one load and prints its figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address", help="HOST:PORT")
    parser.add_argument("--connections", type=int, default=100)
    parser.add_argument("--documents", type=int, default=500, help="at most so many for each connection")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--first-fn", type=int, default=1)
    parser.add_argument("--first-fd", type=int, default=1)
    parser.add_argument("--rate", type=float, default=0.0, help="documents a second of all, open loop")
    parser.add_argument("--contact", default="", help="a buyer's contact in every receipt")
    parser.add_argument("--reconnect", action="store_true", help="one connection for each document")
    options = parser.parse_args()
    host, _, port = options.address.rpartition(":")

    async def run() -> dict[str, float]:
        load = Load(
            host,
            int(port),
            connections=options.connections,
            seconds=options.seconds,
            reconnect=options.reconnect,
            rate=options.rate,
        )
        return await load.run(options.first_fn, options.documents, options.contact.encode(), first_fd=options.first_fd)

    sys.stdout.write(json.dumps(uvloop.run(run())) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
