"""Memory that an idle connection costs the gateway."""

from __future__ import annotations

import asyncio

from benchmarks.processes import resident_bytes_of_gateway

__all__ = ["bytes_per_connection"]


async def bytes_per_connection(address: str, pid: int, *, connections: int) -> float:
    """Growth of the resident memory of gateway and workers while that many registers are connected and silent."""
    host, _, port = address.rpartition(":")
    before = resident_bytes_of_gateway(pid)
    links = []
    try:
        for _ in range(connections):
            links.append(await asyncio.open_connection(host, int(port)))  # noqa: PERF401  all of them are closed below
        await asyncio.sleep(1.0)
        return (resident_bytes_of_gateway(pid) - before) / connections
    finally:
        for _, writer in links:
            writer.close()
