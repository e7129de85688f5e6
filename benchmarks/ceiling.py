"""The ceiling: rows a second that one connection inserts into the same database, same bytes, fsync on."""

from __future__ import annotations

import time

import asyncpg

from benchmarks.frames import fn_number, message

__all__ = ["commit_seconds", "rows_per_second"]

_BATCH = 500


async def rows_per_second(dsn: str, *, seconds: float) -> float:
    """`INSERT … SELECT unnest`, batches of 500 rows, one transaction each."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("DROP TABLE IF EXISTS bench_rows")
        await connection.execute("CREATE TABLE bench_rows (fn text, fd bigint, container bytea, PRIMARY KEY (fn, fd))")
        container = message(fn_number(1), 1)[30:]
        insert = await connection.prepare(
            "INSERT INTO bench_rows SELECT * FROM unnest($1::text[], $2::bigint[], $3::bytea[]) ON CONFLICT DO NOTHING"
        )
        started, rows = time.perf_counter(), 0
        while time.perf_counter() - started < seconds:
            fns = [fn_number(index) for index in range(_BATCH)]
            await insert.fetch(fns, [rows // _BATCH + 1] * _BATCH, [container] * _BATCH)
            rows += _BATCH
        return rows / (time.perf_counter() - started)
    finally:
        await connection.execute("DROP TABLE IF EXISTS bench_rows")
        await connection.close()


async def commit_seconds(dsn: str, *, rounds: int = 200) -> float:
    """The median duration of a transaction that inserts one row."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("DROP TABLE IF EXISTS bench_commits")
        await connection.execute("CREATE TABLE bench_commits (number bigint, container bytea)")
        container = message(fn_number(1), 1)[30:]
        durations = []
        for number in range(rounds):
            started = time.perf_counter()
            await connection.execute("INSERT INTO bench_commits VALUES ($1, $2)", number, container)
            durations.append(time.perf_counter() - started)
        return sorted(durations)[rounds // 2]
    finally:
        await connection.execute("DROP TABLE IF EXISTS bench_commits")
        await connection.close()
