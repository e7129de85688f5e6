"""Memory that an idle connection costs the gateway."""

from __future__ import annotations

import asyncio
from pathlib import Path

__all__ = ["bytes_per_connection"]


async def bytes_per_connection(address: str, pid: int, *, connections: int) -> float:
    """Growth of the gateway's resident memory while that many registers are connected and silent."""
    host, _, port = address.rpartition(":")
    before = _resident_bytes(pid)
    links = []
    try:
        for _ in range(connections):
            links.append(await asyncio.open_connection(host, int(port)))  # noqa: PERF401  all of them are closed below
        await asyncio.sleep(1.0)
        return (_resident_bytes(pid) - before) / connections
    finally:
        for _, writer in links:
            writer.close()


def _resident_bytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"no VmRSS of {pid}")
