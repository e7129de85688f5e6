"""The queries that grow with the data use their indexes."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
import pytest_asyncio

from ofd_gateway.storage import document_queries, documents, fns_outbox, intake_statements, receipts
from tests.postgres import Server, servers
from tests.storage.arrivals import NOW

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

FN = "8710000100000007"
FILL = """
INSERT INTO documents (fn, generation, fd, document_code, response_code, operator_message, received_at, ffd, peer,
                       connection_id, session_version, message_sign, operator_sign, trailer, container)
SELECT (8710000100000000 + n % 400)::text, 0, n / 400 + 1, 3, 0, 0, $1::timestamptz - make_interval(secs => n), '1.05',
       '192.0.2.1:1', 'c-1', '\\x0105', '\\x0102030405060708', '\\x0102030405060708', '\\x01020304050607080910',
       decode(repeat('00', 400), 'hex')
FROM generate_series(0, 59999) n
"""
FILL_STATES = """
INSERT INTO fn_states (fn, generation, max_fd, registration_number, facts)
SELECT (8710000100000000 + n)::text, 0, 150, n::text, '' FROM generate_series(0, 19999) n
"""
FILL_QUARANTINE = """
INSERT INTO quarantine (fn, fd, reason, detail, received_at, peer, connection_id, raw)
SELECT (8710000100000000 + n % 400)::text, 1, 'container_crc', '', $1::timestamptz - make_interval(secs => n),
       '192.0.2.1:1', 'c-1', decode(repeat('00', 100), 'hex')
FROM generate_series(0, 19999) n
"""


FILL_FNS = """
INSERT INTO fns_answers (fn, generation, fd, code, attempts, status, text, received_at, first_sent_at, decided_at)
SELECT fn, generation, fd, 0, 1, CASE WHEN fd % 50 = 0 THEN 'refused' ELSE 'accepted' END, '', received_at, $1, $1
FROM documents WHERE fd > 10
"""
FILL_FNS_QUEUE = """
INSERT INTO fns_queue (fn, generation, fd, queued_at)
SELECT fn, generation, fd, received_at FROM documents WHERE fd <= 10
"""


@pytest.fixture(scope="module", params=servers())
def planning_server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(f"{request.param}_server")
    return found


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def filled(planning_server: Server) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection to a database with enough in it that the planner has a choice."""
    connection = await asyncpg.connect(await planning_server.create())
    await connection.execute(FILL, NOW)
    await connection.execute(FILL_QUARANTINE, NOW)
    await connection.execute(FILL_STATES)
    await connection.execute(FILL_FNS, NOW)
    await connection.execute(FILL_FNS_QUEUE)
    await connection.execute("ANALYZE")
    yield connection
    await connection.close()


async def nodes(connection: asyncpg.Connection[asyncpg.Record], query: str, *arguments: object) -> list[dict[str, Any]]:
    """Every node of the plan that was carried out, the parts that were never started left out."""
    plan = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}", *arguments)

    def walk(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
        if node["Actual Loops"]:
            yield node
        for child in node.get("Plans", []):
            yield from walk(child)

    return list(walk(json.loads(plan)[0]["Plan"]))


def rows_read(found: list[dict[str, Any]]) -> int:
    """Rows that the scans have touched, those that a filter threw away included."""
    return sum(
        round((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"])
        for node in found
        if "Scan" in node["Node Type"]
    )


def scanned_whole(found: list[dict[str, Any]]) -> list[str]:
    return [node["Relation Name"] for node in found if node["Node Type"] == "Seq Scan"]


async def test_the_latest_documents_are_found_without_sorting_them_all(
    filled: asyncpg.Connection[asyncpg.Record],
) -> None:
    found = await nodes(filled, document_queries.LIST_LATEST, None, None, None, 100)
    assert scanned_whole(found) == []
    assert rows_read(found) <= 1000


async def test_documents_since_a_moment_are_found_by_it(filled: asyncpg.Connection[asyncpg.Record]) -> None:
    found = await nodes(filled, document_queries.LIST_ALL, None, None, NOW - timedelta(minutes=5))
    assert scanned_whole(found) == []
    assert rows_read(found) <= 1000


@pytest.mark.parametrize("query", [document_queries.LIST_LATEST, document_queries.LIST_ALL], ids=["latest", "all"])
async def test_documents_of_one_register_stay_in_its_partition(
    filled: asyncpg.Connection[asyncpg.Record], query: str
) -> None:
    limit = (100,) if query is document_queries.LIST_LATEST else ()
    found = await nodes(filled, query, FN, None, None, *limit)
    relations = sorted({node["Relation Name"] for node in found if "Relation Name" in node})
    assert [name.rstrip("0123456789") for name in relations] == ["documents_", "fns_answers_", "fns_queue"]


async def test_one_document_is_found_by_its_key(filled: asyncpg.Connection[asyncpg.Record]) -> None:
    found = await nodes(filled, document_queries.GET, FN, 10, None)
    assert scanned_whole(found) == []
    assert rows_read(found) <= 4


@pytest.mark.parametrize(("fn", "fd"), [(FN, 10), (FN, 10_000), ("0000000000000000", 0)], ids=["there", "fd", "fn"])
async def test_a_receipt_is_found_by_whole_keys(filled: asyncpg.Connection[asyncpg.Record], fn: str, fd: int) -> None:
    """No part of an FN's documents is read but the one asked for: how many there are is nobody's business."""
    found = await nodes(filled, receipts._FIND, fn, fd, [3, 31, 4, 41], datetime(2026, 1, 1), 1, 1, 1)
    assert scanned_whole(found) == []
    assert rows_read(found) <= 4
    conditions = [node["Index Cond"] for node in found if node.get("Relation Name", "").startswith("documents")]
    assert len(conditions) == 1
    assert all(f"({column} = " in conditions[0] for column in ("fn", "generation", "fd"))


async def test_repeats_are_found_by_their_keys(filled: asyncpg.Connection[asyncpg.Record]) -> None:
    fns = [f"{8710000100000000 + number:016d}" for number in range(100)]
    found = await nodes(filled, intake_statements.FIND_STORED, fns, [0] * 100, [5] * 100)
    assert scanned_whole(found) == []
    assert rows_read(found) <= 100 + 2 * 100


async def test_states_are_locked_by_their_keys(filled: asyncpg.Connection[asyncpg.Record]) -> None:
    fns = [f"{8710000100000000 + number:016d}" for number in range(100)]
    found = await nodes(filled, intake_statements.LOCK_STATES, fns)
    assert scanned_whole(found) == []
    assert rows_read(found) <= 2 * 100


async def test_states_are_written_by_their_keys(filled: asyncpg.Connection[asyncpg.Record]) -> None:
    fns = [f"{8710000100000000 + number:016d}" for number in range(100)]
    columns = (
        [0] * 100,
        [5] * 100,
        ["1"] * 100,
        ["2"] * 100,
        [NOW] * 100,
        [b"{}"] * 100,
        [False] * 100,
        [0] * 100,
        [None] * 100,
    )
    transaction = filled.transaction()
    await transaction.start()
    found = await nodes(filled, intake_statements.WRITE_STATES, fns, *columns)
    await transaction.rollback()
    assert scanned_whole(found) == []
    assert rows_read(found) <= 2 * 100


async def test_known_registers_are_found_by_index(filled: asyncpg.Connection[asyncpg.Record]) -> None:
    found = await nodes(filled, documents._IS_KNOWN, "none", "none")
    assert "fn_states" not in scanned_whole(found)


async def test_the_latest_quarantine_is_found_without_sorting_it_all(
    filled: asyncpg.Connection[asyncpg.Record],
) -> None:
    found = await nodes(filled, documents._LIST_QUARANTINE, None, None, None, 100)
    assert scanned_whole(found) == []
    assert rows_read(found) <= 200


@pytest.mark.parametrize("standing", ["queued", "accepted", "refused"])
async def test_documents_are_found_by_how_they_stand(
    filled: asyncpg.Connection[asyncpg.Record], standing: document_queries.FnsFilter
) -> None:
    latest, _ = document_queries.standing(standing, is_many=True)
    found = await nodes(filled, latest, None, None, None, standing, 100)
    assert scanned_whole(found) == []
    assert rows_read(found) <= {"queued": 2000, "accepted": 30_000, "refused": 3500}[standing]


async def test_lines_are_taken_by_steps_from_fn_to_fn(filled: asyncpg.Connection[asyncpg.Record]) -> None:
    """Each FN costs a step and a count of what it may get, however long its queue is."""
    found = await nodes(filled, fns_outbox._TAKE, "", NOW, timedelta(hours=1), 100, 5, 1)
    await filled.execute("SELECT pg_advisory_unlock_all()")
    assert scanned_whole(found) in ([], ["fns_lines"])
    assert rows_read(found) <= 3000


async def test_documents_of_lines_are_read_by_their_keys(filled: asyncpg.Connection[asyncpg.Record]) -> None:
    fns = [f"{8710000100000000 + number:016d}" for number in range(100)]
    found = await nodes(filled, fns_outbox._READ, fns, 5)
    assert set(scanned_whole(found)) <= {"fns_lines", "fns_endpoint"}
    assert rows_read(found) <= 100 * (1 + 2 * 5) + 200


@pytest.mark.parametrize("kind", ["custom", "generic"])
async def test_decisions_are_written_by_their_keys(filled: asyncpg.Connection[asyncpg.Record], kind: str) -> None:
    fns = [f"{8710000100000000 + number:016d}" for number in range(100)]
    columns = ([0] * 100, [5] * 100, [0] * 100, ["accepted"] * 100, [""] * 100, [NOW] * 100)
    transaction = filled.transaction()
    await transaction.start()
    await filled.execute(f"SET LOCAL plan_cache_mode = force_{kind}_plan")
    found = await nodes(filled, fns_outbox._DECIDE, fns, *columns, NOW, NOW)
    await transaction.rollback()
    assert scanned_whole(found) == []
    assert rows_read(found) <= 8 * 100


async def test_the_oldest_of_the_queue_is_found_by_its_index(filled: asyncpg.Connection[asyncpg.Record]) -> None:
    found = await nodes(filled, "SELECT min(queued_at) FROM fns_queue")
    assert scanned_whole(found) == []
    assert rows_read(found) == 1
