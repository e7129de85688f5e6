"""A database that has grown: many documents of many registers, as the intake would have stored them."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import asyncpg

from benchmarks.frames import fn_number, message

__all__ = ["grow", "seconds_to_list"]

_REGISTERS = 100_000
_AT_ONCE = 50_000
_FILL = """
INSERT INTO documents (fn, generation, fd, document_code, response_code, operator_message, operation_type, received_at,
                       issued_at_local, shift_number, receipt_number, total_kopecks, fiscal_sign, ffd,
                       registration_number, user_inn, peer, connection_id, session_version, message_sign,
                       operator_sign, trailer, container)
SELECT '8888' || lpad((n % $1)::text, 12, '0'), 0, n / $1 + 1, 3, 0, 0, 1, $2::timestamptz - make_interval(secs => n),
       $2::timestamp, 1, n / $1 + 1, 12345, n, '1.05', (n % $1)::text, '7802781104', '192.0.2.1:40000', 'c-1',
       '\\x0105', int8send(n), int8send(n), int8send(n), $3
FROM generate_series($4::bigint, $5::bigint) n
"""
_STATES = """
INSERT INTO fn_states (fn, generation, max_fd, registration_number, user_inn, facts)
SELECT '8888' || lpad(n::text, 12, '0'), 0, 1, n::text, '7802781104', '' FROM generate_series(0, $1::int - 1) n
"""


async def grow(dsn: str, documents: int) -> dict[str, float]:
    """Adds so many documents of 100,000 registers; the bytes that one takes with its indexes."""
    if not documents:
        return {}
    connection = await asyncpg.connect(dsn)
    try:
        before = await _size(connection)
        container = message(fn_number(1), 1)[30:]
        registers = min(_REGISTERS, documents)
        now = datetime.now(UTC)
        for first in range(0, documents, _AT_ONCE):
            last = min(first + _AT_ONCE, documents) - 1
            await connection.execute(_FILL, registers, now, container, first, last, timeout=600)
        stored = (await _size(connection) - before) / documents
        await connection.execute(_STATES, registers)
        await connection.execute("ANALYZE documents")
        return {"bytes_per_document": stored, "container_bytes": len(container)}
    finally:
        await connection.close()


async def seconds_to_list(dsn: str) -> float:
    """How long the latest hundred documents take to be read."""
    connection = await asyncpg.connect(dsn)
    try:
        started = time.perf_counter()
        await connection.fetch("SELECT * FROM documents ORDER BY received_at DESC LIMIT 100")
        return time.perf_counter() - started
    finally:
        await connection.close()


async def _size(connection: asyncpg.Connection[asyncpg.Record]) -> int:
    query = "SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits WHERE inhparent = 'documents'::regclass"
    return int(await connection.fetchval(query))
