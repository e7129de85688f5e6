"""The queries of messages to buyers use their indexes when years of messages lie in the tables."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import asyncpg
import pytest
import pytest_asyncio

from ofd_gateway.storage import buyer_archive, buyer_erasure, buyer_mail, buyer_queue, buyer_sms
from tests.buyers.sending.scene import NOON
from tests.postgres import Server, servers
from tests.storage.test_plans import FILL, FILL_STATES, nodes, rows_read, scanned_whole

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

FILL_MESSAGES = """
INSERT INTO buyer_messages
    (fn, generation, fd, channel, customer_inn, contact, state, planned_at, next_attempt_at, sender)
SELECT (8710000100000000 + n % 400)::text, 0, n / 400 + 1, CASE WHEN n % 2 = 0 THEN 'email' ELSE 'sms' END,
    (100 + n % 200)::text, CASE WHEN n < 30000 OR n % 500 < 2 THEN 'buyer' || n || '@example.com' END,
    CASE WHEN n % 500 = 0 THEN 'queued' WHEN n % 500 = 1 THEN 'queued' WHEN n % 5000 = 2 THEN 'sending' ELSE 'sent' END,
    $1::timestamptz - make_interval(mins => n),
    CASE WHEN n % 500 < 2 THEN $1::timestamptz + make_interval(secs => n) END,
    CASE WHEN n % 5000 = 2 THEN 7 END
FROM generate_series(0, 59999) n
"""
FILL_ATTEMPTS = """
INSERT INTO buyer_attempts (fn, generation, fd, channel, at, outcome, reply)
SELECT fn, generation, fd, channel, planned_at, 'sent', 'x' FROM buyer_messages
"""
FILL_PARTS = """
INSERT INTO sms_parts (fn, generation, fd, part, smsc_id, accepted_at)
SELECT fn, generation, fd, 1, fn || fd, planned_at FROM buyer_messages WHERE channel = 'sms'
"""
FILL_QUEUE = """
INSERT INTO buyer_queue SELECT (8710000100000000 + n % 400)::text, 0, n / 400 + 1, $1 FROM generate_series(0, 4999) n
"""
BIG = {"buyer_messages", "buyer_attempts", "sms_parts", "fn_states"} | {f"documents_{n:02}" for n in range(16)}
FN = "8710000100000007"
KEYS = ([FN] * 10, [0] * 10, list(range(1, 11)))
QUERIES = {
    "receipts to look at": (buyer_queue._TAKE, (100,), 1200),
    "what is known of them": (buyer_queue._EXISTING, KEYS, 40),
    "which may be planned anew": (buyer_queue._FREE, KEYS, 40),
    "a letter that is due": (buyer_mail._TAKE, (NOON + timedelta(days=1),), 20),
    "when the next letter is due": (buyer_mail._NEXT, (), 10),
    "messages that are due": (buyer_sms._CLAIM, (NOON + timedelta(days=1), 10, 1), 120),
    "when the next message is due": (buyer_sms._NEXT, (), 10),
    "senders": (buyer_sms._SENDERS, (1,), 100),
    "orphans": (buyer_sms._ORPHANS, (7,), 100),
    "the part of a report": (buyer_sms._FIND_PART, ([FN + "3", "x"], FN + "3", "+7999"), 20),
    "messages of a receipt": (buyer_archive._OF_RECEIPT, (FN, 5, None), 20),
    "messages of a contact": (buyer_archive._OF_CONTACT, ("Buyer7@example.com",), 10),
    "the latest messages": (buyer_archive._LIST, (None, None, 100), 400),
    "the latest messages of a customer": (buyer_archive._LIST_OF_CUSTOMER, (None, "107", 20), 400),
    "the backlog": (buyer_archive._BACKLOG, (), 6000),
    "payers of a contact": (
        buyer_erasure._PAYERS.format(which="lower(contact) = lower($1)"),
        ("buyer7@example.com",),
        10,
    ),
    "contacts that are old": (
        buyer_erasure._ERASE.format(which=buyer_erasure._OLD),
        (NOON, NOON - timedelta(minutes=29_900), 500),
        1000,
    ),
}


@pytest.fixture(scope="module", params=servers())
def planning_server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(f"{request.param}_server")
    return found


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def filled(planning_server: Server) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    connection = await asyncpg.connect(await planning_server.create())
    await connection.execute(FILL, NOON)
    await connection.execute(FILL_STATES)
    await connection.execute(FILL_MESSAGES, NOON)
    await connection.execute(FILL_ATTEMPTS)
    await connection.execute(FILL_PARTS)
    await connection.execute(FILL_QUEUE, NOON)
    await connection.execute("ANALYZE")
    yield connection
    await connection.close()


@pytest.mark.parametrize("name", QUERIES)
async def test_it_reads_what_it_needs(filled: asyncpg.Connection[asyncpg.Record], name: str) -> None:
    query, arguments, most = QUERIES[name]
    transaction = filled.transaction()
    await transaction.start()
    found = await nodes(filled, query, *arguments)
    await transaction.rollback()
    assert BIG & set(scanned_whole(found)) == set()
    assert rows_read(found) <= most


async def test_every_unique_key_with_an_fn_begins_with_it(filled: asyncpg.Connection[asyncpg.Record]) -> None:
    rows = await filled.fetch("""
        SELECT c.relname, a.attname FROM pg_index AS i
        JOIN pg_class AS c ON c.oid = i.indrelid
        JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
        WHERE i.indisunique AND c.relname IN ('buyer_queue', 'buyer_messages', 'buyer_attempts', 'sms_parts')
    """)
    assert {row["relname"] for row in rows} == {"buyer_queue", "buyer_messages", "buyer_attempts", "sms_parts"}
    assert {row["attname"] for row in rows} == {"fn"}
