"""The queries of letters use their indexes when years of alerts and letters lie in the tables."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import asyncpg
import pytest
import pytest_asyncio

from ofd_gateway.storage import dead_addresses, letter_archive, letter_groups, letters
from tests.letters.scene import NOON
from tests.postgres import Server, servers
from tests.storage.test_plans import nodes, rows_read, scanned_whole

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

INN = "100"
FILL = """
INSERT INTO alerts (watch, type, rule, subject_kind, subject, episode, customer_inn, level, weight, critical,
    opened_at, raised_at, resolved_at, facts, evidence)
SELECT 'rnm:' || n, CASE WHEN n % 10 = 0 THEN 'operator' ELSE 'service' END, 'service_ending', 'register', n, n,
    (100 + n % 200)::text, '7d', 1, false, $1::timestamptz - make_interval(hours => n), $1,
    CASE WHEN n % 50 < 48 THEN $1::timestamptz - make_interval(hours => n) END, '{}', '[]'
FROM generate_series(1, 60000) n
"""
FILL_TOLD = "INSERT INTO told SELECT id, customer_inn, 1, opened_at, resolved_at IS NOT NULL FROM alerts"
FILL_LETTERS = """
INSERT INTO letters (recipient, address, subject, message_id, message, state, created_at, next_attempt_at)
SELECT (100 + n % 200)::text, n % 200 || '@test.ru', 's', n::text, '\\x00',
    CASE WHEN n % 400 = 0 THEN 'queued' ELSE 'sent' END,
    $1, CASE WHEN n % 400 = 0 THEN $1::timestamptz + make_interval(secs => n) END
FROM generate_series(1, 40000) n
"""
FILL_LETTER_ALERTS = "INSERT INTO letter_alerts SELECT id, id % 1000, '7d', 'FIRST' FROM letters"
FILL_ATTEMPTS = "INSERT INTO letter_attempts (letter_id, at, outcome, reply) SELECT id, $1, 'sent', '' FROM letters"


@pytest.fixture(scope="module", params=servers())
def planning_server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(f"{request.param}_server")
    return found


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def filled(planning_server: Server) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    connection = await asyncpg.connect(await planning_server.create())
    await connection.execute(FILL, NOON)
    await connection.execute(FILL_TOLD)
    await connection.execute(FILL_LETTERS, NOON)
    await connection.execute(FILL_LETTER_ALERTS)
    await connection.execute(FILL_ATTEMPTS, NOON)
    await connection.execute("ANALYZE")
    yield connection
    await connection.close()


BIG = {"alerts", "told", "letters", "letter_alerts", "letter_attempts"}
WINDOW = (NOON - timedelta(days=31), NOON - timedelta(days=7), ["fns_rejected"])
QUERIES = {
    "open alerts of a customer": (letter_groups._CUSTOMER_OPEN, (INN,), 100),
    "ends of a customer": (letter_groups._CUSTOMER_ENDED, (INN, *WINDOW), 100),
    "open alerts of the operator": (letter_groups._OPERATOR_OPEN, ("operator", True), 100),
    "ends of the operator": (letter_groups._OPERATOR_ENDED, ("operator", *WINDOW, False), 600),
    "incidents": (letter_groups._INCIDENTS, ("many_registers", "fns_delayed"), 12),
    "a letter that is due": (letters._TAKE, (NOON + timedelta(seconds=800),), 20),
    "when the next letter is due": ("SELECT min(next_attempt_at) FROM letters", (), 5),
    "letters of an alert": (letter_archive._OF_ALERT, (500,), 200),
    "letters to a dead address": (dead_addresses._HOLD, ("1@test.ru",), 600),
    "letters that wait for an address": (dead_addresses._RELEASE, (["1@test.ru"], NOON), 10),
    "alerts about an address": (dead_addresses._OPEN_ALERTS, ("address_dead", INN, ["1@test.ru"], []), 10),
}


@pytest.mark.parametrize("name", QUERIES)
async def test_it_reads_what_it_needs(filled: asyncpg.Connection[asyncpg.Record], name: str) -> None:
    query, arguments, most = QUERIES[name]
    transaction = filled.transaction()
    await transaction.start()
    found = await nodes(filled, query, *arguments)
    await transaction.rollback()
    assert BIG & set(scanned_whole(found)) == set()
    assert rows_read(found) <= most
