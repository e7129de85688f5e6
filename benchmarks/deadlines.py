"""100,000 registers with armed deadlines: start, rest, and how late one that falls due fires."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg

from benchmarks.frames import fn_number, receipt_body
from benchmarks.gateway import running_gateway
from benchmarks.processes import cpu_seconds, resident_bytes
from ofd_gateway.alerts import DocumentAccepted, Parameters, encode_state, register_state, step
from ofd_gateway.ffd import decode

__all__ = ["measure"]

_AT_ONCE = 5000


def measure(*, registers: int = 100_000, rest_s: float = 10.0) -> dict[str, float]:
    """Seconds to start, share of a core at rest, megabytes of the process, seconds from due to fired."""
    with tempfile.TemporaryDirectory(prefix="ofd-bench-") as directory:
        state_dir = Path(directory)
        with running_gateway(state_dir=state_dir) as gateway:
            asyncio.run(_fill(gateway.database, registers))
        began = time.monotonic()
        with running_gateway(state_dir=state_dir) as gateway:
            started_s = time.monotonic() - began
            time.sleep(2.0)
            used, at = cpu_seconds(gateway.pid), time.monotonic()
            time.sleep(rest_s)
            share = (cpu_seconds(gateway.pid) - used) / (time.monotonic() - at)
            late_s = asyncio.run(_fire(gateway.database))
            return {
                "registers": registers,
                "started_s": started_s,
                "cpu_share": share,
                "resident_mb": resident_bytes(gateway.pid) / 2**20,
                "late_s": late_s,
            }


async def _fill(dsn: str, registers: int) -> None:
    """Watches as a receipt of this moment leaves them, each with its own number."""
    now = datetime.now(UTC)
    fn = fn_number(1)
    event = DocumentAccepted(at=now, fn=fn, fd=1, document=decode(receipt_body(fn, 1)))
    result = step(register_state("1"), event, now, Parameters())
    state = encode_state(result.state)
    connection = await asyncpg.connect(dsn)
    for first in range(0, registers, _AT_ONCE):
        await connection.execute(
            "INSERT INTO watches (subject, customer_inn, state, next_check_at) "
            "SELECT 'rnm:' || n, '7802781104', $1, $2 FROM generate_series($3::int, $4::int) n",
            state,
            result.next_check_at,
            first,
            first + _AT_ONCE - 1,
        )
    await connection.close()


async def _fire(dsn: str) -> float:
    """Seconds by which the end of a paid term, thirty days ahead, is late in the table of alerts."""
    connection = await asyncpg.connect(dsn)
    due_at = datetime.now(UTC) + timedelta(seconds=1.5)
    stored = json.loads(await connection.fetchval("SELECT convert_from(state, 'UTF8') FROM watches LIMIT 1"))
    stored["facts"]["paid_until"] = (due_at + timedelta(days=30)).isoformat()
    stored["next_check_at"] = due_at.isoformat()
    await connection.execute(
        "UPDATE watches SET state = $1, next_check_at = $2 WHERE subject = 'rnm:77'",
        json.dumps(stored).encode(),
        due_at,
    )
    query = "SELECT 1 FROM alerts WHERE watch = 'rnm:77' AND rule = 'service_ending'"
    while await connection.fetchval(query) is None:
        if datetime.now(UTC) - due_at > timedelta(seconds=30):
            raise TimeoutError("the deadline did not fire within 30 seconds")
        await asyncio.sleep(0.01)
    late_s = (datetime.now(UTC) - due_at).total_seconds()
    await connection.close()
    return late_s
