"""Tables that are kept by FN can be distributed by FN: every unique key of theirs begins with it."""

from __future__ import annotations

import asyncpg

TABLES_BY_FN = """
SELECT c.oid, c.relname AS name
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'fn' AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
ORDER BY c.relname
"""
UNIQUE_KEYS = """
SELECT i.relname AS name, ARRAY(
    SELECT a.attname::text FROM unnest(x.indkey::int2[]) WITH ORDINALITY AS k (number, place)
    JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = k.number ORDER BY k.place
) AS columns
FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
WHERE x.indrelid = $1 AND x.indisunique
"""
FOREIGN_KEYS = """
SELECT k.conrelid::regclass::text AS name, k.confrelid::regclass::text AS target
FROM pg_constraint k WHERE k.contype = 'f' AND k.conparentid = 0
"""


async def test_every_unique_key_of_a_table_by_fn_begins_with_fn(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        tables = await connection.fetch(TABLES_BY_FN)
        keys = {table["name"]: await connection.fetch(UNIQUE_KEYS, table["oid"]) for table in tables}
    finally:
        await connection.close()
    assert {"documents", "fn_states", "quarantine"} <= set(keys)
    assert {name for name, found in keys.items() if not found} == set()
    wrong = {key["name"]: key["columns"] for found in keys.values() for key in found if key["columns"][0] != "fn"}
    assert wrong == {}


async def test_no_table_by_fn_refers_to_another_table(dsn: str) -> None:
    """A distributed table may refer to one that is distributed alike, and only by a key with `fn`; ours do to none."""
    connection = await asyncpg.connect(dsn)
    try:
        tables = {table["name"] for table in await connection.fetch(TABLES_BY_FN)}
        references = await connection.fetch(FOREIGN_KEYS)
    finally:
        await connection.close()
    assert [dict(one) for one in references if tables & {one["name"], one["target"]}] == []
