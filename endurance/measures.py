"""What the processes of the gateway hold: memory and open descriptors, out of /proc (Linux)."""

from __future__ import annotations

import contextlib
import statistics
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.processes import proportional_bytes

from endurance.children import gateway_processes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["descriptors", "growth_findings", "median_mb", "memory_mb", "sockets"]


def memory_mb(pid: int) -> float:
    """Memory of a supervisor and its workers; what they share is counted once (PSS)."""
    total = 0
    for process in gateway_processes(pid):
        with contextlib.suppress(OSError):
            total += proportional_bytes(process)
    return total / 2**20


def descriptors(pid: int) -> int:
    """Open descriptors of a supervisor and its workers."""
    return sum(1 for _ in _open_files(pid))


def sockets(pid: int) -> int:
    """Open sockets among them; the rest are pipes, logs, and the files that metrics are kept in."""
    return sum(name.startswith("socket:") for name in _open_files(pid))


def growth_findings(rounds_mb: Sequence[float], *, share: float, more_mb: float) -> list[str]:
    """Memory of calm rounds, the first of which warms up: the last is no more than a little above the second."""
    if len(rounds_mb) < 3:
        return []
    first, last = rounds_mb[1], rounds_mb[-1]
    most = first * (1 + share) + more_mb
    if last <= most:
        return []
    return [f"memory grew from {first:.1f} to {last:.1f} MB over {len(rounds_mb) - 1} calm rounds, {most:.1f} allowed"]


def median_mb(samples: Sequence[float]) -> float:
    """What one round used; 0 without samples."""
    return statistics.median(samples) if samples else 0.0


def _open_files(pid: int) -> Iterator[str]:
    for process in gateway_processes(pid):
        with contextlib.suppress(OSError):
            for descriptor in list(Path(f"/proc/{process}/fd").iterdir()):
                with contextlib.suppress(OSError):
                    yield str(descriptor.readlink())
