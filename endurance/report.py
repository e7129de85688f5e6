"""How a soak is shown: a line a round, a summary, an object for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from endurance.order import RoundFigures
    from endurance.soak import SoakReport

__all__ = ["HEADER", "report_object", "round_line", "summary_lines"]

HEADER: Final = " round      s  confirmed     /s     stored  wrong     MB   fds  faults"


def round_line(figures: RoundFigures) -> str:
    """One round: what was confirmed, what is stored, what is wrong, what the processes hold, what was done to them."""
    faults = " ".join(kind.value for kind in figures.faults) or "-"
    return (
        f"{figures.number:>6} {figures.seconds:>6.1f} {figures.confirmed:>10,} {figures.per_second:>6.0f} "
        f"{figures.stored:>10,} {len(figures.findings):>6} {figures.memory_mb:>6.1f} {figures.descriptors:>5}  "
        f"{'calm' if figures.calm else faults}"
    )


def summary_lines(report: SoakReport) -> list[str]:
    """The whole: figures first, then every finding."""
    faults = ", ".join(f"{kind.value} {count}" for kind, count in report.faults)
    rows = [
        ("seed", str(report.order.seed)),
        ("time", f"{report.seconds:.0f} s"),
        ("faults", faults or "none"),
        ("documents stored", f"{report.documents:,}"),
        ("alerts", f"{report.alerts:,}, of them {report.resolved:,} resolved, {report.premature:,} premature"),
        ("letters", f"{report.letters:,}, {report.copies:,} arrived once more"),
        ("memory of calm rounds", f"{report.first_memory_mb:.1f} MB first, {report.last_memory_mb:.1f} MB last"),
        ("sockets", f"{report.idle_sockets} before the load, {report.last_sockets} after it"),
        ("found wrong", str(len(report.findings))),
    ]
    return [*(f"{name:<24}{value}" for name, value in rows), *(f"  {finding}" for finding in report.findings)]


def report_object(report: SoakReport) -> dict[str, Any]:
    """The whole for programs; times in seconds, memory in MB."""
    return {
        "seed": report.order.seed,
        "clean": report.clean,
        "seconds": round(report.seconds, 1),
        "documents": report.documents,
        "alerts": report.alerts,
        "alerts_resolved": report.resolved,
        "alerts_premature": report.premature,
        "letters": report.letters,
        "letter_copies": report.copies,
        "faults": {kind.value: count for kind, count in report.faults},
        "memory_mb": {"first": round(report.first_memory_mb, 1), "last": round(report.last_memory_mb, 1)},
        "sockets": {"before": report.idle_sockets, "after": report.last_sockets},
        "findings": list(report.findings),
        "rounds": [
            {
                "number": one.number,
                "calm": one.calm,
                "seconds": round(one.seconds, 1),
                "confirmed": one.confirmed,
                "per_second": round(one.per_second, 1),
                "stored": one.stored,
                "faults": [kind.value for kind in one.faults],
                "memory_mb": round(one.memory_mb, 1),
                "descriptors": one.descriptors,
                "findings": list(one.findings),
            }
            for one in report.rounds
        ],
    }
