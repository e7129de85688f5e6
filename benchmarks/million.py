"""Whether memory stays flat: a million documents over a hundred thousand connections, by default.

In each round the same registers connect, send their next documents and leave. After each the memory of the gateway's
own process is taken, when all connections are gone. Prints a line a round, and at the end what a document has left
behind since the first rounds; ends with 1 when a connection was lost, or when that is more than `--most-bytes`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from typing import NamedTuple

from benchmarks.gateway import running_gateway
from benchmarks.processes import open_files, proportional_bytes, resident_bytes

__all__ = ["Round", "bytes_per_document", "endure"]

_SETTLED_WITHIN_S = 10.0


class Round(NamedTuple):
    """How things stand after a round."""

    documents: int
    connections: int
    lost: int
    per_second: float
    resident_bytes: int
    proportional_bytes: int
    open_files: int


def endure(address: str, pid: int, *, number: int, connections: int, documents: int) -> Round:
    """One round, the `number`th from 0: each of the connections brings that many documents."""
    before = open_files(pid)
    command = [sys.executable, "-m", "benchmarks.load", address, f"--connections={connections}", "--seconds=120"]
    command += [f"--documents={documents}", f"--first-fd={1 + number * documents}"]
    done = subprocess.run(command, check=True, capture_output=True, timeout=240)
    figures = json.loads(done.stdout)
    deadline = time.monotonic() + _SETTLED_WITHIN_S
    while open_files(pid) > before and time.monotonic() < deadline:
        time.sleep(0.05)
    return Round(
        documents=int(figures["confirmations"]),
        connections=connections,
        lost=int(figures["lost"]),
        per_second=figures["per_second"],
        resident_bytes=resident_bytes(pid),
        proportional_bytes=proportional_bytes(pid),
        open_files=open_files(pid),
    )


def bytes_per_document(rounds: list[Round], *, warm_up: int) -> float:
    """What memory has grown by for each document since the first `warm_up` rounds."""
    grown = rounds[-1].proportional_bytes - rounds[warm_up - 1].proportional_bytes
    return grown / sum(one.documents for one in rounds[warm_up:])


def main() -> int:
    """All rounds on a gateway of its own."""
    parser = argparse.ArgumentParser(prog="benchmarks.million", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--warm-up", type=int, default=4, help="rounds before memory is compared")
    parser.add_argument("--connections", type=int, default=5000, help="of one round")
    parser.add_argument("--documents", type=int, default=10, help="of one connection")
    parser.add_argument("--most-bytes", type=float, default=32.0, help="that a document may leave behind")
    options = parser.parse_args()
    rounds: list[Round] = []
    with running_gateway() as gateway:
        for number in range(options.rounds):
            one = endure(
                gateway.ofd,
                gateway.pid,
                number=number,
                connections=options.connections,
                documents=options.documents,
            )
            rounds.append(one)
            documents, connections = sum(r.documents for r in rounds), sum(r.connections for r in rounds)
            sys.stdout.write(
                f"{documents:>9,} documents {connections:>8,} connections {one.per_second:>7,.0f}/s  "
                f"RSS {one.resident_bytes / 2**20:6.1f} MB  PSS {one.proportional_bytes / 2**20:6.1f} MB  "
                f"{one.open_files} files  lost {one.lost}\n"
            )
            sys.stdout.flush()
    grown = bytes_per_document(rounds, warm_up=options.warm_up)
    sys.stdout.write(f"a document leaves {grown:.1f} bytes behind\n")
    return 1 if grown > options.most_bytes or any(one.lost for one in rounds) else 0


if __name__ == "__main__":
    sys.exit(main())
