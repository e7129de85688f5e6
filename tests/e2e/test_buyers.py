"""Receipts from a register to a buyer's mailbox and phone, through the real command; also when it is killed."""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import TYPE_CHECKING, Any

import asyncpg
import httpx
import pytest

from tests.buyers.sending.smsc import Smsc
from tests.buyers.sending.smsc import serving as smsc_serving
from tests.letters.peer import Peer
from tests.letters.peer import serving as mail_serving
from tests.messages import PLAIN_FN, container, document_body, message

from .running import RunningGateway, exchange

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

INN = "7802781104"
EMAIL, PHONE = "i@example.com", "+79991234567"


def receipt(fd: int, contact: str) -> bytes:
    body = document_body(PLAIN_FN, fd, t1008=contact.encode(), t1048=b"Romashka", t1054=b"\x01")
    return message(container(PLAIN_FN, fd, body=body), fn=PLAIN_FN)


@contextlib.asynccontextmanager
async def gateway(state_dir: Path, dsn: str, environment: dict[str, str]) -> AsyncIterator[RunningGateway]:
    where = ("--listen", "127.0.0.1:0", "--database", dsn)
    started = await asyncio.to_thread(RunningGateway, state_dir, *where, environment=environment)
    try:
        yield started
    finally:
        await asyncio.to_thread(started.close)


async def command(running: RunningGateway, dsn: str, *words: str) -> str:
    done = await asyncio.to_thread(running.command, *words, "--database", dsn)
    assert done.returncode == 0, done.stderr
    return done.stdout


async def customer(running: RunningGateway, dsn: str, messages: int) -> None:
    await command(running, dsn, "customers", "add", "--inn", INN, "--email", "owner@example.org")
    await command(running, dsn, "packages", "topup", "--customer", INN, "--messages", str(messages))


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(40):
        while True:
            held = condition()
            if await held if asyncio.iscoroutine(held) else held:
                return
            await asyncio.sleep(0.05)


async def test_a_receipt_reaches_mailbox_and_phone(dsn: str, tmp_path: Path) -> None:
    async with mail_serving(Peer()) as peer, smsc_serving(Smsc()) as smsc:
        environment = {
            "OFD_GATEWAY_SMTP__HOST": "127.0.0.1",
            "OFD_GATEWAY_SMTP__PORT": str(peer.port),
            "OFD_GATEWAY_SMS__HOST": "127.0.0.1",
            "OFD_GATEWAY_SMS__PORT": str(smsc.port),
            "OFD_GATEWAY_SMS__SYSTEM_ID": "gateway",
            "OFD_GATEWAY_SMS__PASSWORD": "secret08",
            "OFD_GATEWAY_SMS__SENDER": "OFD",
        }
        async with gateway(tmp_path, dsn, environment) as running:
            await customer(running, dsn, messages=51)
            confirmation = await asyncio.to_thread(exchange, running, receipt(1, f"{EMAIL}, {PHONE}"))
            assert confirmation
            await until(lambda: smsc.submitted and EMAIL in peer.recipients)
            text = bytes(smsc.submitted[0].short_message).decode()
            link = re.search(r"http://\S+", text)
            assert text.startswith("Romashka 123.45 ")
            assert link is not None
            assert link[0].startswith(f"{running.http}/check?")
            async with httpx.AsyncClient() as client:
                page = await client.get(link[0])
            assert page.status_code == 200
            assert "Romashka" in page.text
            await smsc.report("id-1", "DELIVRD")
            await asyncio.to_thread(running.wait_event, "buyer_message.reported", state="delivered")
            opened = await asyncio.to_thread(running.wait_event, "alert.opened", rule="messages_low")
            assert opened["alert_level"] == "50"
            listed = await command(running, dsn, "buyers", "list", "--json")
            assert listed.count("\n") == 2
            logged = str(running.records)
            assert EMAIL not in logged
            assert PHONE.removeprefix("+") not in logged
            async with httpx.AsyncClient() as client:
                metrics = (await client.get(f"{running.http}/metrics")).text
            assert 'ofd_gateway_buyer_messages_total{channel="sms",outcome="delivered"} 1.0' in metrics
            assert await asyncio.to_thread(running.stop) == 0
        assert smsc.unbinds == 1


async def test_a_gateway_without_buyers_leaves_nothing(dsn: str, tmp_path: Path) -> None:
    async with gateway(tmp_path, dsn, {}) as running:
        assert await asyncio.to_thread(exchange, running, receipt(1, EMAIL))
    connection = await asyncpg.connect(dsn)
    assert await connection.fetchval("SELECT count(*) FROM buyer_queue") == 0
    await connection.close()


@pytest.mark.faults
async def test_a_gateway_killed_between_submit_and_answer(dsn: str, tmp_path: Path) -> None:
    """What it had in hand is known to be unknown, and another gateway sends it again at the same cost."""
    async with smsc_serving(Smsc()) as smsc:
        environment = {
            "OFD_GATEWAY_SMS__HOST": "127.0.0.1",
            "OFD_GATEWAY_SMS__PORT": str(smsc.port),
            "OFD_GATEWAY_SMS__RETRY_MIN": "100ms",
            "OFD_GATEWAY_SMS__WINDOW": "5",
        }
        smsc.script = ["silent"] * 5
        connection = await asyncpg.connect(dsn)
        async with gateway(tmp_path / "first", dsn, environment) as first:
            await customer(first, dsn, messages=100)
            for fd in range(1, 21):
                assert await asyncio.to_thread(exchange, first, receipt(fd, f"+7999123{fd:04}"))
            await until(lambda: len(smsc.submitted) == 5)
            await asyncio.to_thread(first.kill)
        in_hand = "SELECT count(*) FROM buyer_messages WHERE state = 'sending'"
        assert await connection.fetchval(in_hand) == 5
        async with gateway(tmp_path / "second", dsn, environment) as second:

            async def all_sent() -> bool:
                return bool(await connection.fetchval("SELECT count(*) FROM buyer_messages WHERE state = 'sent'") == 20)

            await until(all_sent)
            assert len(second.events("buyer_message.unknown")) == 5
        assert len(smsc.submitted) == 25
        assert set(smsc.destinations) == {f"7999123{fd:04}" for fd in range(1, 21)}
        assert await connection.fetchval("SELECT balance FROM packages") == 80
        outcomes = await connection.fetch(
            "SELECT outcome, count(*) FROM buyer_attempts GROUP BY outcome ORDER BY outcome"
        )
        assert [tuple(row) for row in outcomes] == [("sent", 20), ("unknown", 5)]
        await connection.close()
