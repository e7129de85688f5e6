"""`fns status`, `fns resend`, and documents by how they stand with the tax service."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from tests.messages import DEBUG_FN, PLAIN_FN

from .filled import START, fill
from .running import Commands, Shell

ANSWER = """
INSERT INTO fns_answers (fn, generation, fd, code, attempts, status, text, received_at, first_sent_at, decided_at)
SELECT fn, generation, fd, $4, 2, $5, $6, received_at, received_at, received_at FROM documents
WHERE fn = $1 AND generation = $2 AND fd = $3
"""
QUEUE = (
    "INSERT INTO fns_queue (fn, generation, fd, queued_at, attempts, last_error) VALUES ($1, $2, $3, $4, 1, 'timeout')"
)
LINE = """
INSERT INTO fns_lines (fn, generation, fd, failures, failing_since, next_attempt_at, trouble, is_told)
VALUES ($1, 0, 6, 3, $2, $3, 'timeout: no answer', true)
"""


class Database:
    def __init__(self, connection: asyncpg.Connection[asyncpg.Record], dsn: str) -> None:
        self.connection = connection
        self.dsn = dsn

    async def queued(self) -> list[tuple[Any, ...]]:
        return [
            tuple(row)
            for row in await self.connection.fetch("SELECT fn, generation, fd FROM fns_queue ORDER BY 1, 2, 3")
        ]


@pytest_asyncio.fixture(loop_scope="session")
async def filled(dsn: str):
    await fill(dsn)
    connection = await asyncpg.connect(dsn)
    await connection.execute(ANSWER, DEBUG_FN, 0, 1, 0, "accepted", "")
    await connection.execute(ANSWER, DEBUG_FN, 1, 1, 7, "soft_quarantine", "нет данных")
    await connection.execute(ANSWER, PLAIN_FN, 0, 5, 507, "refused", "сумма \x1b[31m")
    await connection.execute(QUEUE, PLAIN_FN, 0, 6, datetime.now(UTC) - timedelta(minutes=2))
    yield Database(connection, dsn)
    await connection.close()


@pytest.fixture
def commands(shell: Shell, filled: Database) -> Commands:
    return Commands(shell, filled.dsn)


async def test_documents_show_how_they_stand(commands: Commands) -> None:
    records = await commands.records("documents", "list")
    assert [(record["fns"], record["fns_code"]) for record in records] == [
        ("accepted", 0),
        ("soft_quarantine", 7),
        ("refused", 507),
        ("queued", None),
    ]
    assert await commands.records("documents", "list", "--limit", "0") == records


@pytest.mark.parametrize(
    ("standing", "expected"),
    [
        ("queued", [(PLAIN_FN, 0, 6)]),
        ("accepted", [(DEBUG_FN, 0, 1)]),
        ("soft_quarantine", [(DEBUG_FN, 1, 1)]),
        ("hard_quarantine", []),
        ("refused", [(PLAIN_FN, 0, 5)]),
    ],
)
@pytest.mark.parametrize("limit", ["0", "100"])
async def test_documents_by_how_they_stand(
    commands: Commands, standing: str, expected: list[tuple[str, int, int]], limit: str
) -> None:
    for more in ((), ("--since", "2026-03-01T09:00:00+00:00")):
        found = await commands.records("documents", "list", "--fns", standing, "--limit", limit, *more)
        assert [(record["fn"], record["generation"], record["fd"]) for record in found] == expected
    assert (
        await commands.records("documents", "list", "--fns", standing, "--limit", limit, "--kind", "closeArchive") == []
    )
    others = await commands.records("documents", "list", "--fns", standing, "--limit", limit, "--fn", "1" * 16)
    assert others == []


async def test_many_queued_are_found_from_the_side_of_the_documents(commands: Commands, filled: Database) -> None:
    await filled.connection.execute("INSERT INTO fns_queue SELECT '1', 0, n, now() FROM generate_series(1, 10001) AS n")
    found = await commands.records("documents", "list", "--fns", "queued")
    assert [(record["fn"], record["fd"]) for record in found] == [(PLAIN_FN, 6)]


async def test_what_is_sent_again_counts_as_queued(commands: Commands) -> None:
    await commands("fns", "resend", "--fn", PLAIN_FN)
    records = await commands.records("documents", "list", "--fn", PLAIN_FN)
    assert [(record["fns"], record["fns_code"]) for record in records] == [("queued", None), ("queued", None)]
    assert await commands.records("documents", "list", "--fns", "refused") == []


async def test_the_tree_tells_the_answer(commands: Commands) -> None:
    done = await commands("documents", "show", PLAIN_FN, "5")
    (told,) = [line for line in done.lines if line.startswith("ФНС / tax service")]
    assert told.startswith("ФНС / tax service: refused 507 «сумма \\x1b[31m», ")
    assert told.endswith("попыток / attempts: 2")
    done = await commands("documents", "show", PLAIN_FN, "6")
    assert "ФНС / tax service: queued «timeout», попыток / attempts: 1" in done.lines


async def test_a_table_for_people(commands: Commands) -> None:
    done = await commands("documents", "list", "--fns", "refused")
    assert "refused 507" in done.out


async def test_status(commands: Commands, filled: Database) -> None:
    now = datetime.now(UTC)
    await filled.connection.execute(LINE, PLAIN_FN, now - timedelta(minutes=1), now + timedelta(minutes=1))
    await filled.connection.execute("INSERT INTO fns_pace VALUES ($1, 90), ($2, 1000)", now, now - timedelta(minutes=5))
    status = await commands.record("fns", "status")
    assert 120 <= status.pop("oldest_seconds") < 300
    (paused,) = status.pop("paused")
    assert (paused["fn"], paused["fd"], paused["failures"]) == (PLAIN_FN, 6, 3)
    assert paused["last_error"] == "timeout: no answer"
    assert status == {
        "queued": 1,
        "rate": 1.5,
        "endpoint": "up",
        "failing_since": None,
        "failures": 0,
        "next_attempt_at": None,
        "last_error": None,
        "paused_fns": 1,
        "not_accepted": {"refused": 1, "soft_quarantine": 1},
    }
    done = await commands("fns", "status")
    assert (done.code, done.err) == (0, "")
    for text in ("в очереди / queued: 1", "last minute: 1.5", "refused: 1", f"  {PLAIN_FN} ФД 6: timeout: no answer"):
        assert text in done.out


async def test_status_of_an_empty_queue_and_of_a_silent_endpoint(commands: Commands, filled: Database) -> None:
    await filled.connection.execute("DELETE FROM fns_queue")
    await filled.connection.execute(
        "UPDATE fns_endpoint SET failing_since = $1, failures = 2, next_attempt_at = $1, trouble = 'unreachable: no'",
        START,
    )
    status = await commands.record("fns", "status")
    assert (status["queued"], status["oldest_seconds"], status["rate"]) == (0, 0, 0)
    assert (status["endpoint"], status["failures"], status["last_error"]) == ("down", 2, "unreachable: no")
    assert "silent since" in (await commands("fns", "status")).out


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--fn", DEBUG_FN), [(DEBUG_FN, 0, 1), (DEBUG_FN, 1, 1)]),
        (("--fn", PLAIN_FN, "--fd", "5"), [(PLAIN_FN, 0, 5)]),
        (("--since", "2026-03-01T11:00:00+00:00"), [(PLAIN_FN, 0, 5)]),
        (("--status", "refused", "--status", "accepted"), [(DEBUG_FN, 0, 1), (PLAIN_FN, 0, 5)]),
        (("--status", "hard_quarantine"), []),
        (("--status", "unsent"), []),
    ],
)
async def test_resend(commands: Commands, filled: Database, options: tuple[str, ...], expected: list[Any]) -> None:
    assert await commands.record("fns", "resend", *options) == {"queued": len(expected)}
    assert await filled.queued() == sorted([*expected, (PLAIN_FN, 0, 6)])
    assert "queued: 0" in (await commands("fns", "resend", *options)).out


async def test_documents_stored_without_the_leg_are_queued(commands: Commands, filled: Database) -> None:
    await filled.connection.execute("DELETE FROM fns_queue")
    assert await commands.record("fns", "resend", "--status", "unsent") == {"queued": 1}
    assert await filled.queued() == [(PLAIN_FN, 0, 6)]


async def test_to_send_again_ends_the_pause_of_the_fn(commands: Commands, filled: Database) -> None:
    later = datetime.now(UTC) + timedelta(minutes=5)
    await filled.connection.execute(LINE, PLAIN_FN, START, later)
    await commands("fns", "resend", "--fn", PLAIN_FN)
    assert await filled.connection.fetchval("SELECT next_attempt_at FROM fns_lines") < later


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("fns", "resend"), "--fn, --since or --status"),
        (("fns", "resend", "--since", "1h", "--fd", "1"), "--fd goes with --fn"),
        (("fns", "resend", "--status", "lost"), "'lost' is none of unsent"),
        (("documents", "list", "--fns", "lost"), "'lost' is none of queued"),
    ],
)
async def test_what_makes_no_sense_is_refused(commands: Commands, words: tuple[str, ...], complaint: str) -> None:
    done = await commands(*words)
    assert (done.code, done.out) == (2, "")
    assert complaint in " ".join(done.err.replace("│", " ").split())
