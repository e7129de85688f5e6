"""`make bench-full`: sweeps of connections and workers, latency under load, growth, and what each part costs."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import ceiling, deadlines, growth, idle, legs, micro
from benchmarks.gateway import running_gateway
from benchmarks.machine import machine
from benchmarks.runs import Loads

COSTS = {
    "everything on": {},
    "log lines off": {"OFD_GATEWAY_LOGS__LEVEL": "warning"},
    "checks off": {"OFD_GATEWAY_FFD__CHECKS": "off"},
    "outbox for the tax service": {"OFD_GATEWAY_FNS__URL": "http://127.0.0.1:9"},
    "outbox for buyers": {"OFD_GATEWAY_SMS__HOST": "127.0.0.1"},
}
"""Each with the settings that switch it; nobody listens at these addresses: only the intake's part is measured."""


def main() -> int:
    """Runs every measurement and writes the figures as JSON."""
    parser = argparse.ArgumentParser(prog="benchmarks.full", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="length of each load")
    parser.add_argument("--json", type=Path, default=Path("build/bench-full.json"))
    parser.add_argument("--documents", type=int, nargs="*", default=[0, 1_000_000], help="sizes of the database")
    parser.add_argument("--idle", type=int, default=10_000, help="idle connections for the memory figure")
    parser.add_argument("--registers", type=int, default=100_000, help="registers with armed deadlines")
    parser.add_argument("--rounds", type=int, default=2, help="rounds in which costs are measured in turn")
    options = parser.parse_args()
    started = time.monotonic()
    figures: dict[str, Any] = {"machine": machine(), "at": datetime.now(UTC).isoformat(timespec="minutes")}
    _say("microseconds of the pure rooms")
    figures["micro"] = micro.measure()
    figures["sweeps"] = {str(workers): _sweep(workers, options.seconds) for workers in (1, 2)}
    best = max(load["per_second"] for load in figures["sweeps"]["2"]["kept"].values())
    figures["open_loop"] = _open_loop(best, options.seconds)
    figures["costs"] = _costs(options.seconds, options.rounds)
    _say("the leg to the tax service")
    figures["legs"] = legs.measure(seconds=options.seconds)
    figures["growth"] = [_grown(documents, options.seconds) for documents in options.documents]
    figures["idle_bytes"] = _idle(options.idle)
    _say("deadlines")
    figures["deadlines"] = deadlines.measure(registers=options.registers)
    figures["took_s"] = time.monotonic() - started
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(figures, indent=2) + "\n")
    sys.stdout.write(f"{options.json}\n")
    return 0


def _sweep(workers: int, seconds: float) -> dict[str, Any]:
    """Confirmations against connections, and the ceilings of the same database in the same minutes."""
    with running_gateway(workers=workers) as gateway:
        loads = Loads(gateway)
        found: dict[str, Any] = {
            "rows_per_second": asyncio.run(ceiling.rows_per_second(gateway.database, seconds=seconds)),
            "commit_s": asyncio.run(ceiling.commit_seconds(gateway.database)),
            "kept": {},
            "reconnecting": {},
        }
        for connections in (1, 10, 100, 500, 1000):
            _say(f"{workers} workers, {connections} connections")
            found["kept"][connections] = loads.run(connections=connections, seconds=seconds)
            found["reconnecting"][connections] = loads.run(connections=connections, seconds=seconds, reconnect=True)
        return found


def _open_loop(best: float, seconds: float) -> dict[str, Any]:
    """Latency at shares of the best figure, counted from the moment each document was due."""
    found: dict[str, Any] = {}
    with running_gateway(workers=2) as gateway:
        found["commit_s"] = asyncio.run(ceiling.commit_seconds(gateway.database))
        loads = Loads(gateway)
        loads.run(connections=500, seconds=2.0)
        for percent in (10, 50, 80):
            _say(f"open loop at {percent} %")
            found[str(percent)] = loads.run(connections=500, seconds=seconds, rate=best * percent / 100)
    return found


def _costs(seconds: float, rounds: int) -> dict[str, list[float]]:
    """Confirmations per second with parts switched, in turn, so that a slow minute of the machine meets all."""
    found: dict[str, list[float]] = {name: [] for name in COSTS}
    for number in range(rounds):
        for name, environment in COSTS.items():
            _say(f"{name}, round {number + 1}")
            with running_gateway(workers=2, environment=environment) as gateway:
                loads = Loads(gateway)
                loads.run(connections=500, seconds=1.5)
                found[name].append(loads.run(connections=500, seconds=seconds)["per_second"])
    return found


def _grown(documents: int, seconds: float) -> dict[str, float]:
    _say(f"{documents:,} documents stored before")
    with running_gateway(workers=2) as gateway:
        grown = asyncio.run(growth.grow(gateway.database, documents))
        load = Loads(gateway).run(connections=500, seconds=seconds)
        listed_s = asyncio.run(growth.seconds_to_list(gateway.database))
        return {"documents": documents, **grown, "per_second": load["per_second"], "listed_s": listed_s}


def _idle(connections: int) -> float:
    _say(f"{connections:,} idle connections")
    with running_gateway() as gateway:
        return asyncio.run(idle.bytes_per_connection(gateway.ofd, gateway.pid, connections=connections))


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
