"""`make bench`: every figure and the ratios between them, taken in one run on one machine."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import ceiling, deadlines, idle, micro
from benchmarks.gateway import running_gateway
from benchmarks.machine import machine
from benchmarks.runs import Loads


def main() -> int:
    """Runs the measurements and prints a table; `--json FILE` keeps the raw figures."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="length of each load")
    parser.add_argument("--connections", type=int, default=100)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--idle", type=int, default=1000, help="idle connections for the memory figure")
    parser.add_argument("--registers", type=int, default=100_000, help="registers with armed deadlines")
    parser.add_argument("--only", choices=["micro", "e2e", "deadlines"], help="only one part")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    figures: dict[str, Any] = {"machine": machine()}
    if options.only in (None, "micro"):
        figures["micro"] = micro.measure()
    if options.only in (None, "e2e"):
        figures["e2e"] = _end_to_end(options)
    if options.only in (None, "deadlines"):
        figures["deadlines"] = deadlines.measure(registers=options.registers)
    _print(figures)
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=2))
    return 0


def _end_to_end(options: argparse.Namespace) -> dict[str, Any]:
    with running_gateway(workers=options.workers) as gateway:
        dsn, loads = gateway.database, Loads(gateway)
        # Before any load: memory that a load has left behind would be used again and hide what connections cost.
        idle_bytes = asyncio.run(idle.bytes_per_connection(gateway.ofd, gateway.pid, connections=options.idle))
        figures: dict[str, Any] = {
            "idle_bytes": idle_bytes,
            "commit_s": asyncio.run(ceiling.commit_seconds(dsn)),
            "rows_per_second": asyncio.run(ceiling.rows_per_second(dsn, seconds=options.seconds)),
            "lone": loads.run(connections=1, seconds=min(options.seconds, 3.0)),
            "kept": loads.run(connections=options.connections, seconds=options.seconds),
            "reconnecting": loads.run(connections=options.connections, seconds=options.seconds, reconnect=True),
        }
    return figures


def _print(figures: dict[str, Any]) -> None:
    table = Table(title=f"ofd-gateway on {figures['machine']}")
    table.add_column("measurement")
    table.add_column("figure", justify="right")
    table.add_column("ratio", justify="right")
    table.add_column("to what")
    if "micro" in figures:
        small = figures["micro"]
        oracle = small["construct_us"]
        table.add_row("CRC of a container", f"{small['crc_us']:.1f} µs", "", "")
        table.add_row("session message parsed", f"{small['message_us']:.1f} µs", "", "")
        table.add_row("construct declaration of a receipt", f"{oracle:.0f} µs", "1", "itself")
        for key, name in (("decode_us", "decode"), ("decode_and_checks_us", "decode + checks")):
            table.add_row(
                f"{name} of a ten-item receipt", f"{small[key]:.1f} µs", f"{oracle / small[key]:.1f} x", "construct"
            )
        for key, name in (("step_us", "rules of an ordinary receipt"), ("step_stored_us", "  with its stored state")):
            share = f"{small[key] / small['decode_us']:.0%}"
            table.add_row(name, f"{small[key]:.1f} µs", share, "decode")
    if "e2e" in figures:
        whole = figures["e2e"]
        rows = whole["rows_per_second"]
        table.add_row("rows inserted, one connection, batches of 500", f"{rows:,.0f}/s", "1", "itself")
        table.add_row("a commit of one row", f"{whole['commit_s'] * 1e3:.2f} ms", "1", "itself")
        for key, name in (("kept", "confirmations"), ("reconnecting", "confirmations, a connection per document")):
            load = whole[key]
            table.add_row(name, f"{load['per_second']:,.0f}/s", f"1/{rows / load['per_second']:.1f}", "rows inserted")
            table.add_row("  p50 / p99", f"{load['p50_s'] * 1e3:.1f} / {load['p99_s'] * 1e3:.1f} ms", "", "")
            table.add_row("  load generator's CPU", f"{load['cpu_share']:.0%}", "", "one core")
            table.add_row(
                "  CPU of gateway / database",
                f"{load['gateway_us']:.0f} / {load['database_us']:.0f} µs",
                "",
                "a document",
            )
        lone = whole["lone"]
        table.add_row(
            "a lone document, p50",
            f"{lone['p50_s'] * 1e3:.2f} ms",
            f"{lone['p50_s'] / whole['commit_s']:.1f} x",
            "a commit",
        )
        table.add_row("memory of an idle connection", f"{whole['idle_bytes'] / 1024:.1f} KB", "", "")
    if "deadlines" in figures:
        armed = figures["deadlines"]
        table.add_row(f"start with {armed['registers']:,} armed registers", f"{armed['started_s']:.2f} s", "", "")
        table.add_row("  CPU at rest", f"{armed['cpu_share']:.2%}", "", "one core")
        table.add_row("  memory of the gateway", f"{armed['resident_mb']:.0f} MB", "", "")
        table.add_row("  a due one fires late by", f"{armed['late_s']:.2f} s", "", "")
    Console(width=110).print(table)


if __name__ == "__main__":
    sys.exit(main())
