"""What the processes of a gateway use: CPU and memory, out of /proc (Linux)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

__all__ = [
    "cpu_seconds",
    "cpu_seconds_by_kind",
    "descendants",
    "is_database",
    "open_files",
    "parent_of",
    "proportional_bytes",
    "resident_bytes",
    "resident_bytes_of_gateway",
]

_TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")
_USER_TICKS, _SYSTEM_TICKS, _PARENT = 11, 12, 1


def cpu_seconds(pid: int) -> float:
    """User and system seconds of one process."""
    fields = _stat(pid)
    return (int(fields[_USER_TICKS]) + int(fields[_SYSTEM_TICKS])) / _TICKS_PER_SECOND


def cpu_seconds_by_kind(pid: int) -> dict[str, float]:
    """The same for a gateway and all its children: `gateway` (workers included) and `database`."""
    used = {"gateway": 0.0, "database": 0.0}
    for process in [pid, *descendants(pid)]:
        try:
            used["database" if is_database(process) else "gateway"] += cpu_seconds(process)
        except OSError:
            continue
    return used


def resident_bytes_of_gateway(pid: int) -> int:
    """Resident memory of a gateway and its workers, without the database."""
    return sum(resident_bytes(process) for process in [pid, *descendants(pid)] if not is_database(process))


def resident_bytes(pid: int) -> int:
    """Resident memory of one process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def proportional_bytes(pid: int) -> int:
    """Memory of one process in which what it shares counts in part (PSS)."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"no PSS of {pid}")


def open_files(pid: int) -> int:
    """Descriptors that one process has open."""
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def is_database(pid: int) -> bool:
    """Whether it is a process of PostgreSQL's; raises OSError when it is gone."""
    return b"postgres" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]


def parent_of(pid: int) -> int:
    """The parent of a process; raises OSError when it is gone."""
    return int(_stat(pid)[_PARENT])


def descendants(pid: int) -> list[int]:
    """The children of a process, their children, and so on."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                children.setdefault(parent_of(int(entry.name)), []).append(int(entry.name))
            except OSError:
                continue
    found, queue = [], [pid]
    while queue:
        for child in children.get(queue.pop(), []):
            found.append(child)
            queue.append(child)
    return found


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
