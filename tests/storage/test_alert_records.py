"""Findings become rows once: alerts, changes and groups of letters."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import asyncpg
import msgspec
import pytest_asyncio

from ofd_gateway.alerts.model import AlertType, EndReason, Evidence, Level, Subject, SubjectKind, Transition
from ofd_gateway.alerts.model import TransitionKind as Kind
from ofd_gateway.alerts.notices import NoticeParameters, Urgency
from ofd_gateway.storage.alert_records import OPERATOR, Finding, note_news, record_findings
from tests.storage.arrivals import NOW

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NOTICES = NoticeParameters()
INN = "7707083893"
MINUTE = timedelta(minutes=1)
LEVELS = {"80": Level("80", 80), "90": Level("90", 90), "99": Level("99", 99, critical=True)}


@pytest_asyncio.fixture(loop_scope="session")
async def connection(dsn: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    opened = await asyncpg.connect(dsn)
    yield opened
    await opened.close()


def change(kind: Kind = Kind.OPENED, level: str = "80", episode: str = "one", **others: Any) -> Finding:
    transition = Transition(
        kind=kind,
        rule="fn_filling",
        type=AlertType.FAULT,
        subject=Subject(SubjectKind.FN, "9999078900001234"),
        episode=episode,
        level=LEVELS[level],
        at=NOW,
        opened_at=NOW,
        facts={"fd": 200_000, "place": "Shop\0"},
        evidence=(Evidence("document", 200_000, "9999078900001234", 200_000, 1040),),
        end_reason=EndReason.OVER if kind is Kind.RESOLVED else None,
    )
    return Finding(watch="rnm:1", customer_inn=INN, change=msgspec.structs.replace(transition, **others))


async def alerts(connection: asyncpg.Connection[asyncpg.Record]) -> list[tuple[Any, ...]]:
    rows = await connection.fetch(
        "SELECT episode, level, critical, resolved_at IS NULL AS open FROM alerts ORDER BY id"
    )
    return [tuple(row) for row in rows]


async def changes(connection: asyncpg.Connection[asyncpg.Record]) -> list[tuple[Any, ...]]:
    rows = await connection.fetch("SELECT alert_id, kind, level, who, why FROM alert_changes ORDER BY id")
    first = min(row["alert_id"] for row in rows)
    return [(row["alert_id"] - first, *list(row)[1:]) for row in rows]


async def test_an_alert_opens_rises_and_ends(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    await record_findings(connection, [change(), change(Kind.RAISED, "99")], NOTICES, NOW)
    assert await alerts(connection) == [("one", "99", True, True)]
    await record_findings(connection, [change(Kind.RESOLVED, "99")], NOTICES, NOW)
    assert await alerts(connection) == [("one", "99", True, False)]
    assert await changes(connection) == [
        (0, "opened", "80", "engine", ""),
        (0, "raised", "99", "engine", ""),
        (0, "resolved", "99", "engine", "over"),
    ]
    facts = msgspec.json.decode(await connection.fetchval("SELECT facts FROM alerts"))
    assert facts == {"fd": 200_000, "place": "Shop\ufffd"}


async def test_what_was_told_is_not_told_again(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """A state that was lost finds the same again: neither while the alert is open nor afterwards is there a second."""
    await record_findings(connection, [change(), change()], NOTICES, NOW)
    await record_findings(connection, [change(level="90")], NOTICES, NOW)
    await record_findings(connection, [change(Kind.RESOLVED), change()], NOTICES, NOW)
    assert await alerts(connection) == [("one", "80", False, False)]
    await record_findings(connection, [change(level="90")], NOTICES, NOW)
    assert await alerts(connection) == [("one", "80", False, False), ("one", "90", False, True)]


async def test_the_end_of_an_unknown_alert_is_no_news_of_any_row(
    connection: asyncpg.Connection[asyncpg.Record],
) -> None:
    await record_findings(connection, [change(Kind.RESOLVED)], NOTICES, NOW)
    assert await alerts(connection) == []


async def test_an_alert_that_rises_opens_if_its_beginning_was_known_already(
    connection: asyncpg.Connection[asyncpg.Record],
) -> None:
    """As when an FN came back to a register: at the level that was told before nothing opened."""
    await record_findings(connection, [change(), change(Kind.RESOLVED), change()], NOTICES, NOW)
    await record_findings(connection, [change(Kind.RAISED, "90"), change(Kind.RAISED, "99")], NOTICES, NOW)
    assert await alerts(connection) == [("one", "80", False, False), ("one", "99", True, True)]
    assert [row[1:3] for row in await changes(connection)][2:] == [("opened", "90"), ("raised", "99")]
    await record_findings(connection, [change(Kind.RESOLVED, "99")], NOTICES, NOW)
    assert [row[3] for row in await alerts(connection)] == [False, False]


async def test_groups_wait_and_keep_their_distance(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    groups = "SELECT recipient, urgency, waiting_since, due_at FROM letter_groups ORDER BY 1, 2"
    daily = change(episode="two", type=AlertType.OPERATOR)
    urgent = change(episode="three", type=AlertType.OPERATOR, level="99")
    await record_findings(connection, [change(), daily, urgent], NOTICES, NOW)
    due_at = NOW + NOTICES.group_wait
    first = [
        (INN, "prompt", NOW, due_at),
        (OPERATOR, "daily", NOW, due_at),
        (OPERATOR, "prompt", NOW, due_at),
    ]
    assert [tuple(row) for row in await connection.fetch(groups)] == first
    await note_news(connection, {(INN, Urgency.PROMPT)}, NOW + MINUTE, NOTICES)
    assert [tuple(row) for row in await connection.fetch(groups)] == first
    await connection.execute("UPDATE letter_groups SET waiting_since = NULL, due_at = NULL, last_sent_at = $1", due_at)
    await note_news(connection, {(INN, Urgency.PROMPT), (OPERATOR, Urgency.DAILY)}, NOW + MINUTE, NOTICES)
    assert [tuple(row) for row in await connection.fetch(groups)] == [
        (INN, "prompt", NOW + MINUTE, due_at + NOTICES.group_interval),
        (OPERATOR, "daily", NOW + MINUTE, due_at + NOTICES.daily_interval),
        (OPERATOR, "prompt", None, None),
    ]


async def test_an_unowned_register_has_nobody_to_tell(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    await record_findings(connection, [msgspec.structs.replace(change(), customer_inn=None)], NOTICES, NOW)
    assert await alerts(connection) == [("one", "80", False, True)]
    assert await connection.fetchval("SELECT count(*) FROM letter_groups") == 0
