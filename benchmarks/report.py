"""From the figures of `make bench-full` to the tables and plots of docs/performance.md."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Final

__all__ = ["main", "tables"]

_BEGIN: Final = "<!-- figures: written by benchmarks/report.py -->"
_END: Final = "<!-- end of figures -->"


def main() -> int:
    """Writes the figures into the page, between its two marks, and the plots beside it."""
    parser = argparse.ArgumentParser(prog="benchmarks.report", description=__doc__)
    parser.add_argument("figures", type=Path, nargs="?", default=Path("build/bench-full.json"))
    parser.add_argument("--page", type=Path, default=Path("docs/performance.md"))
    options = parser.parse_args()
    figures = json.loads(options.figures.read_text())
    page = options.page.read_text()
    before, _, rest = page.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    options.page.write_text(f"{before}{_BEGIN}\n\n{tables(figures)}\n{_END}{after}")
    _plot(figures, options.page.parent / "images")
    return 0


def tables(figures: dict[str, Any]) -> str:
    """Every table of the page, as Markdown."""
    parts = (
        f"Taken {figures['at'][:10]} on: {figures['machine']}; load generator, gateway and database together.",
        _bars(figures),
        _micro(figures["micro"]),
        _sweeps(figures["sweeps"]),
        _latency(figures["open_loop"]),
        _costs(figures["costs"]),
        _legs(figures["legs"]),
        _growth(figures["growth"]),
        _rest(figures),
    )
    return "\n\n".join(parts) + "\n"


def _bars(figures: dict[str, Any]) -> str:
    micro, two = figures["micro"], figures["sweeps"]["2"]
    kept, reconnecting = two["kept"]["500"]["per_second"], two["reconnecting"]["500"]["per_second"]
    calm, armed = figures["open_loop"]["10"], figures["deadlines"]
    commit_s = figures["open_loop"]["commit_s"]
    to_construct = micro["construct_us"] / micro["decode_and_checks_us"]
    of_eighth = kept / two["rows_per_second"] * 8
    rows = [
        ("decode + checks of a ten-item receipt", "20 × construct", to_construct, ">=", 20.0),
        ("confirmations, 2 workers, 500 connections", "1/8 of rows inserted", of_eighth, ">=", 1.0),
        ("the same", "5,000/s", kept, ">=", 5000.0),
        ("a connection per document", "half of that", reconnecting / kept, ">=", 0.5),
        ("latency at a tenth of the load, p50", "2 commits", calm["p50_s"] / commit_s, "<", 2.0),
        ("the same, p99", "10 commits", calm["p99_s"] / commit_s, "<", 10.0),
        ("memory of an idle connection", "40 KB", figures["idle_bytes"] / 1024, "<", 40.0),
        (f"CPU at rest, {armed['registers']:,} armed registers", "1 %", armed["cpu_share"] * 100, "<", 1.0),
        ("a due deadline fires after", "2 s", armed["late_s"], "<", 2.0),
    ]  # fmt: skip
    lines = ["## The bars", "", "| what | bar | found | met |", "|---|---|---:|---|"]
    for name, bar, found, relation, limit in rows:
        met = found >= limit if relation == ">=" else found < limit
        shown = _of_eight(found) if "1/8" in bar else f"{found:,.2f}" if found < 100 else f"{found:,.0f}"
        lines.append(f"| {name} | {bar} | {shown} | {'yes' if met else 'no'} |")
    return "\n".join(lines)


def _of_eight(found: float) -> str:
    return f"1/{8 / found:.1f}"


def _micro(micro: dict[str, float]) -> str:
    names = {
        "crc_us": "CRC of a container",
        "message_us": "session message parsed",
        "decode_us": "decode",
        "decode_and_checks_us": "decode + checks",
        "encode_us": "encode",
        "json_us": "decode + FNS JSON",
        "step_us": "rules of an ordinary receipt",
        "step_stored_us": "the same with its stored state",
        "construct_us": "construct declaration of the same format",
        "tables_us": "all tables of formats and checks read from their files",
    }
    lines = ["## One ten-item receipt (105 TLVs)", "", "| | µs | of decode |", "|---|---:|---:|"]
    lines += [f"| {name} | {micro[key]:.1f} | {micro[key] / micro['decode_us']:.2f} |" for key, name in names.items()]
    return "\n".join(lines)


def _sweeps(sweeps: dict[str, Any]) -> str:
    lines = [
        "## Confirmations per second",
        "",
        "Rows: what one connection inserts in batches of 500. CPU: microseconds a document, gateway / database.",
        "",
        "| workers | connections | kept | of rows | CPU | a connection per document | of kept | CPU |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for workers, sweep in sweeps.items():
        for connections, kept in sweep["kept"].items():
            again = sweep["reconnecting"][connections]
            lines.append(
                f"| {workers} | {connections} | {kept['per_second']:,.0f} "
                f"| 1/{sweep['rows_per_second'] / kept['per_second']:.1f} "
                f"| {kept['gateway_us']:.0f} / {kept['database_us']:.0f} | {again['per_second']:,.0f} "
                f"| {again['per_second'] / kept['per_second']:.0%} "
                f"| {again['gateway_us']:.0f} / {again['database_us']:.0f} |"
            )
    return "\n".join([*lines, "", "![Confirmations against connections](images/performance-connections.svg)"])


def _latency(loops: dict[str, Any]) -> str:
    commit_s = loops["commit_s"]
    lines = [
        "## Latency, open loop",
        "",
        f"Two workers, 500 connections; a commit of one row takes {commit_s * 1e3:.2f} ms.",
        "",
        "| load | documents/s | p50 | p90 | p99 | p99.9 | p50 in commits |",
        "|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for percent in ("10", "50", "80"):
        load = loops[percent]
        times = " | ".join(f"{load[key] * 1e3:.2f} ms" for key in ("p50_s", "p90_s", "p99_s", "p999_s"))
        lines.append(f"| {percent} % | {load['per_second']:,.0f} | {times} | {load['p50_s'] / commit_s:.1f} |")
    return "\n".join(lines)


def _costs(costs: dict[str, list[float]]) -> str:
    whole = _median(costs["everything on"])
    lines = [
        "## What each part costs",
        "",
        "Two workers, 500 connections, one after another; the median of the rounds.",
        "",
        "| | documents/s | to everything on |",
        "|---|---:|---:|",
    ]
    for name, found in costs.items():
        lines.append(f"| {name} | {_median(found):,.0f} | {_median(found) / whole:.0%} |")
    return "\n".join(lines)


def _legs(legs: dict[str, float]) -> str:
    off, planning = legs["off_per_second"], legs["contacts_per_second"]
    share = planning / legs["contacts_off_per_second"]
    names = {
        "off_per_second": "confirmations, the leg off",
        "queued_per_second": "confirmations, documents queued and nobody to take them",
        "sending_per_second": "confirmations while documents are sent as well",
    }
    lines = [
        "## The legs",
        "",
        "Two workers, 500 connections. The tax service accepts everything; no message to a buyer is paid for.",
        "",
        "| | a second | to the leg off |",
        "|---|---:|---:|",
        *(f"| {name} | {legs[key]:,.0f} | {legs[key] / off:.0%} |" for key, name in names.items()),
        f"| documents sent under that load | {legs['sent_meanwhile_per_second']:,.0f} | |",
        f"| documents sent once the load has ended | {legs['drained_per_second']:,.0f} | |",
        f"| confirmations of receipts with a contact, the leg off | {legs['contacts_off_per_second']:,.0f} | 100% |",
        f"| confirmations of receipts with a contact, planned as well | {planning:,.0f} | {share:.0%} |",
        f"| receipts planned once the load has ended | {legs['planned_per_second']:,.0f} | |",
    ]
    return "\n".join(lines)


def _growth(grown: list[dict[str, float]]) -> str:
    lines = [
        "## Growth",
        "",
        "| stored before | documents/s | the latest hundred listed in | bytes a document, of them container |",
        "|---:|---:|---:|---:|",
    ]
    for one in grown:
        size = f"{one['bytes_per_document']:,.0f}, {one['container_bytes']:,.0f}" if one["documents"] else ""
        lines.append(
            f"| {one['documents']:,.0f} | {one['per_second']:,.0f} | {one['listed_s'] * 1e3:.1f} ms | {size} |"
        )
    return "\n".join(lines)


def _rest(figures: dict[str, Any]) -> str:
    armed = figures["deadlines"]
    return "\n".join(
        (
            "## At rest",
            "",
            "| | |",
            "|---|---:|",
            f"| memory of an idle connection | {figures['idle_bytes'] / 1024:.1f} KB |",
            f"| start with {armed['registers']:,} armed registers | {armed['started_s']:.1f} s |",
            f"| CPU of the gateway meanwhile | {armed['cpu_share']:.2%} of a core |",
            f"| memory of the gateway | {armed['resident_mb']:.0f} MB |",
            f"| a due deadline fires after | {armed['late_s']:.2f} s |",
        )
    )


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def _plot(figures: dict[str, Any], folder: Path) -> None:
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "ofd-gateway"
    from matplotlib import pyplot as plt

    picture, axes = plt.subplots(figsize=(7, 3.6))
    for workers, sweep in figures["sweeps"].items():
        for kind, style in (("kept", "-o"), ("reconnecting", "--s")):
            loads = sweep[kind]
            name = "kept" if kind == "kept" else "a connection per document"
            axes.plot(
                [int(connections) for connections in loads],
                [load["per_second"] for load in loads.values()],
                style,
                label=f"{workers} workers, {name}" if workers != "1" else f"1 worker, {name}",
            )
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("connections")
    axes.set_ylabel("confirmations per second")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    picture.tight_layout()
    picture.savefig(folder / "performance-connections.svg", metadata={"Date": None})
    plt.close(picture)


if __name__ == "__main__":
    sys.exit(main())
