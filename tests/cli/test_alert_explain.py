"""`alerts explain` on a real database: grounds, thresholds, history, letters, and what is decided now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest_asyncio

from tests.alerted import FULL_FD, HOUR, INN, REGISTER, START, Gateway, rows
from tests.messages import PLAIN_FN

from .test_alerts import FIELDS, Commands

if TYPE_CHECKING:
    from .running import Shell

MORE = [
    "episode",
    "critical",
    "raised_at",
    "end_reason",
    "acked_at",
    "silenced_until",
    "evidence",
    "now",
    "changes",
    "letters",
    "told",
    "delivery",
]
LETTER = """
WITH letter AS (
    INSERT INTO letters (recipient, address, subject, message_id, message, state, created_at)
    VALUES ($2, 'shop@example.org', 'ФН: заполнен', 'm-1', 'x', 'failed', $3) RETURNING id
), line AS (
    INSERT INTO letter_alerts (letter_id, alert_id, level, reason) SELECT id, $1, '80', 'FIRST' FROM letter
), attempt AS (
    INSERT INTO letter_attempts (letter_id, at, outcome, code, reply)
    SELECT id, $3::timestamptz + n * interval '1 min', outcome, code, reply
    FROM letter, (VALUES (1, 'deferred', NULL::int, 'time-out'), (2, 'refused', 550, E'no such \\x1b[31muser'))
        AS tried (n, outcome, code, reply) ORDER BY n
)
INSERT INTO told (alert_id, recipient, weight, told_at, ended) VALUES ($1, $2, 80, $3, false)
"""


@pytest_asyncio.fixture(loop_scope="session")
async def commands(dsn: str, shell: Shell) -> Commands:
    """An FN of a customer that is nearly full."""
    async with Gateway(dsn) as gateway:
        await gateway.customer()
        await gateway.document(FULL_FD)
    return Commands(shell, dsn)


async def explained(commands: Commands, rule: str = "fn_filling") -> dict[str, Any]:
    (explanation,) = await commands.records("alerts", "explain", await commands.id_of(rule))
    return explanation


async def test_what_and_why(commands: Commands) -> None:
    shown = await explained(commands)
    assert list(shown) == FIELDS + MORE
    assert (shown["rule"], shown["level"], shown["critical"], shown["episode"]) == ("fn_filling", "80", False, PLAIN_FN)
    assert shown["evidence"] == [
        {
            "source": "document",
            "value": FULL_FD,
            "fn": PLAIN_FN,
            "fd": FULL_FD,
            "tag": 1040,
            "document": {
                "kind": "receipt",
                "generation": 0,
                "received_at": START.isoformat(),
                "issued_at": "2026-03-01T12:00:00",
            },
        }
    ]
    assert shown["changes"] == [
        {"at": START.isoformat(), "kind": "opened", "level": "80", "who": "engine", "why": ""},
    ]


async def test_a_document_that_is_gone_is_said(commands: Commands) -> None:
    await rows(commands.dsn, "DELETE FROM documents")
    assert [evidence["document"] for evidence in (await explained(commands))["evidence"]] == [None]
    done = await commands("alerts", "explain", await commands.id_of("fn_filling"))
    assert "не хранится / not stored" in done.out


async def test_what_the_rule_says_now_and_by_which_thresholds(commands: Commands) -> None:
    judged = (await explained(commands))["now"]
    assert (judged["lasts"], judged["level"], judged["failure"]) == (True, "80", None)
    assert judged["parameters"]["fn_filling.percent"] == "80,90,95"
    assert judged["next_change_fd"] == 225_000
    assert judged["next_check_at"] == (START + 24 * HOUR).isoformat()


async def test_thresholds_of_the_customer_are_shown(dsn: str, shell: Shell) -> None:
    async with Gateway(dsn) as gateway:
        await gateway.customer(parameters={"fn_filling": {"percent": "50"}})
        await gateway.document(130_000)
    assert (await explained(Commands(shell, dsn)))["now"]["parameters"]["fn_filling.percent"] == "50"


async def test_an_episode_that_is_over(dsn: str, shell: Shell) -> None:
    async with Gateway(dsn) as gateway:
        await gateway.document(1, 2)
        await gateway.wait(25 * HOUR)
        await gateway.document(2, 5)
    commands = Commands(shell, dsn)
    shown = await explained(commands, "shift_too_long")
    assert (shown["state"], shown["end_reason"]) == ("resolved", "over")
    assert (shown["now"]["lasts"], shown["now"]["level"]) == (False, None)
    assert [(change["kind"], change["why"]) for change in shown["changes"]] == [("opened", ""), ("resolved", "over")]
    assert shown["delivery"] is None
    done = await commands("alerts", "explain", str(shown["id"]))
    assert "эпизод окончен / the episode is over" in done.out
    assert "сообщать некому / there is nobody to tell" in done.out


async def test_letters_with_the_answers_of_the_server(commands: Commands) -> None:
    number = await commands.id_of("fn_filling")
    await rows(commands.dsn, LETTER, int(number), INN, START + HOUR)
    shown = await explained(commands)
    (letter,) = shown["letters"]
    assert list(letter) == ["id", "address", "subject", "state", "created_at", "level", "reason", "attempts"]
    assert (letter["address"], letter["state"], letter["reason"]) == ("shop@example.org", "failed", "FIRST")
    assert [(tried["outcome"], tried["code"]) for tried in letter["attempts"]] == [("deferred", None), ("refused", 550)]
    assert shown["told"] == [
        {"recipient": INN, "at": (START + HOUR).isoformat(), "weight": 80.0, "ended": False},
    ]
    text = (await commands("alerts", "explain", number)).out
    assert "refused 550 no such \\x1b[31muser" in text


async def decision(commands: Commands) -> tuple[str, str]:
    delivery = (await explained(commands))["delivery"]
    assert delivery["recipient"] == INN
    return delivery["outcome"], delivery["reason"]


async def test_what_is_decided_for_the_customer_now(commands: Commands) -> None:
    number = await commands.id_of("fn_filling")
    assert await decision(commands) == ("send", "first notification")
    await commands.records("alerts", "silence", number, "--for", "2h")
    assert await decision(commands) == ("hold", "silenced")
    await commands.records("alerts", "ack", number)
    assert await decision(commands) == ("skip", "acknowledged")
    await commands.records("alerts", "unsilence", number)
    await commands.records("alerts", "unack", number)
    await rows(commands.dsn, LETTER, int(number), INN, START)
    assert await decision(commands) == ("skip", "nothing new")


async def test_an_address_that_is_dead_and_quiet_hours(commands: Commands) -> None:
    await rows(commands.dsn, "UPDATE customers SET quiet_hours = '00:00-24:00'")
    assert await decision(commands) == ("hold", "quiet hours")
    await rows(commands.dsn, "INSERT INTO dead_addresses VALUES ('shop@example.org', now(), 'no such user')")
    assert await decision(commands) == ("hold", "the address is paused")
    await rows(commands.dsn, "UPDATE customers SET notify = '{silence}'")
    assert await decision(commands) == ("skip", "the recipient does not want this type")


async def test_an_incident_of_the_operator_holds_letters(dsn: str, shell: Shell) -> None:
    async with Gateway(dsn) as gateway:
        await gateway.customer()
        await gateway.document(1)
        await gateway.wait(25 * HOUR)
    commands = Commands(shell, dsn)
    incident = """
    INSERT INTO alerts (watch, type, rule, subject_kind, subject, episode, level, weight, critical, opened_at,
                        raised_at, facts, evidence)
    VALUES ('gateway', 'operator', 'many_registers', 'gateway', 'gateway', 'one', 'incident', 1, true, $1, $1,
            '{"rule": "register_silent"}', '[]')
    """
    (alert,) = await commands.records("alerts", "list", "--rule", "register_silent")
    await rows(dsn, incident, START)
    delivery = (await explained(commands, "register_silent"))["delivery"]
    assert (delivery["outcome"], delivery["reason"]) == ("send", "first notification")
    await rows(dsn, "UPDATE alerts SET opened_at = now() - interval '1 h' WHERE rule = 'many_registers'")
    await rows(dsn, "UPDATE alerts SET opened_at = now() WHERE id = $1", alert["id"])
    delivery = (await explained(commands, "register_silent"))["delivery"]
    assert (delivery["outcome"], delivery["reason"]) == ("hold", "held by an incident of the operator")
    shown = await explained(commands, "many_registers")
    assert (shown["now"], shown["delivery"]["recipient"]) == (None, "operator")
    assert "больше не наблюдается" in (await commands("alerts", "explain", str(shown["id"]))).out


async def test_a_page_for_people(commands: Commands) -> None:
    number = await commands.id_of("fn_filling")
    await commands.records("alerts", "ack", number, "--who", "Анна", "--why", "заказан")
    await rows(commands.dsn, 'UPDATE alerts SET facts = facts || \'{"place": "\\u001b[31m[b]x[/b]"}\'')
    done = await commands("alerts", "explain", number)
    assert (done.code, done.err) == (0, "")
    for text in (
        f"fn_filling 80: {PLAIN_FN}",
        "состояние / state: принято / acknowledged",
        f"document, ФН {PLAIN_FN} ФД {FULL_FD}, тег 1040 = {FULL_FD}  (receipt, получен / received ",
        "alerts.fn_filling.percent = 80,90,95",
        f"registration_number: {REGISTER}",
        "place: \\x1b[31m[b]x[/b]",
        "acked 80, Анна: заказан",
        f"{INN}: skip (acknowledged)",
    ):
        assert text in done.out


async def test_a_rule_that_fails_is_said(commands: Commands, monkeypatch) -> None:
    from ofd_gateway.alerts import explain
    from ofd_gateway.alerts.rules import REGISTER_RULES

    def fails(*_: object) -> None:
        raise ValueError("broken")

    class Broken:
        name, type = "fn_filling", REGISTER_RULES[2].type
        judge = staticmethod(fails)

    monkeypatch.setattr(explain, "REGISTER_RULES", (Broken,))
    assert (await explained(commands))["now"]["failure"] == "ValueError('broken')"
    done = await commands("alerts", "explain", await commands.id_of("fn_filling"))
    assert "правило не ответило / the rule failed: ValueError('broken')" in done.out
