"""Two gateways on one database, one of them killed under load: every alert reaches the mailbox, none twice."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.letters.peer import Peer, serving
from tests.messages import container, message
from tests.storage.watched import TAXPAYER, body

from .running import RunningGateway, read_confirmation

if TYPE_CHECKING:
    from pathlib import Path

REGISTERS = 60
FILLED = 200_000
LETTERS = """
SELECT l.message_id, l.state, count(*) AS alerts FROM letters l JOIN letter_alerts a ON a.letter_id = l.id
GROUP BY l.id ORDER BY l.id
"""
TOLD = """
SELECT a.subject, count(*) AS times FROM alerts a JOIN letter_alerts l ON l.alert_id = a.id
WHERE a.rule = 'fn_filling' GROUP BY a.subject
"""


class SlowPeer(Peer):
    """Takes its time over each letter, so that a process dies with one in hand."""

    async def handle_DATA(self, server: object, session: object, envelope: object) -> str:  # noqa: N802  aiosmtpd's name
        answer = await super().handle_DATA(server, session, envelope)
        await asyncio.sleep(0.2)
        return answer


def send(gateway: RunningGateway, number: int) -> bool:
    """Whether the document of that register was confirmed."""
    fn = str(8710000100000000 + number)
    whole = container(fn, FILLED, body=body(fn, FILLED, 3, f"{number:016}", datetime.now(UTC)))
    with contextlib.suppress(OSError), gateway.connect() as link:
        link.sendall(message(whole, fn=fn))
        return len(read_confirmation(link)) > 0
    return False


def send_all(gateways: list[RunningGateway], victim: RunningGateway) -> None:
    for number in range(REGISTERS):
        if number == REGISTERS // 2:
            victim.kill()
        if not send(gateways[number % 2], number):
            assert send(gateways[0], number)


@pytest.mark.faults
async def test_a_killed_process_loses_and_doubles_no_letter(dsn: str, tmp_path: Path) -> None:
    connection = await asyncpg.connect(dsn)
    async with serving(SlowPeer()) as peer:
        environment = {
            "OFD_GATEWAY_SMTP__HOST": "127.0.0.1",
            "OFD_GATEWAY_SMTP__PORT": str(peer.port),
            "OFD_GATEWAY_SMTP__RETRY_MIN": "200ms",
            "OFD_GATEWAY_ALERTS__GROUP_WAIT": "0s",
            "OFD_GATEWAY_ALERTS__GROUP_INTERVAL": "0s",
        }
        where = ("--listen", "127.0.0.1:0", "--database", dsn)
        gateways = [
            await asyncio.to_thread(RunningGateway, tmp_path / name, *where, environment=environment)
            for name in ("first", "second")
        ]
        try:
            added = await asyncio.to_thread(
                gateways[0].command,
                *("customers", "add", "--inn", TAXPAYER, "--email", "owner@example.org", "--database", dsn),
            )
            assert added.returncode == 0, added.stderr
            await asyncio.to_thread(send_all, gateways, gateways[1])

            async with asyncio.timeout(60):
                while await connection.fetchval("SELECT count(*) FROM letters WHERE state <> 'sent'") or (
                    len(await connection.fetch(TOLD)) < REGISTERS
                ):
                    await asyncio.sleep(0.05)
            assert {row["times"] for row in await connection.fetch(TOLD)} == {1}
            letters = await connection.fetch(LETTERS)
            received = Counter(str(one["Message-ID"]) for one in peer.messages)
            assert set(received) == {row["message_id"] for row in letters}
            assert max(received.values()) <= 2
            subjects = {row["subject"] for row in await connection.fetch(TOLD)}
            assert subjects == {str(8710000100000000 + number) for number in range(REGISTERS)}
        finally:
            for gateway in gateways:
                await asyncio.to_thread(gateway.close)
            await connection.close()
