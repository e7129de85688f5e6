"""Gateways that are killed with documents on their way to the tax service: each document arrives, in order."""

from __future__ import annotations

import asyncio
import contextlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.fns.peer import Peer, serving
from tests.messages import container, message
from tests.storage.watched import body

from .running import RunningGateway, read_confirmation

if TYPE_CHECKING:
    from pathlib import Path

REGISTERS = 20
DOCUMENTS = 6


def fn(number: int) -> str:
    return str(8710000100000000 + number)


def send(gateway: RunningGateway, number: int, fd: int) -> bool:
    """Whether the document was confirmed."""
    whole = container(fn(number), fd, body=body(fn(number), fd, 3, f"{number:016}", datetime.now(UTC)))
    with contextlib.suppress(OSError), gateway.connect() as link:
        link.sendall(message(whole, fn=fn(number)))
        return len(read_confirmation(link)) > 0
    return False


def send_all(gateways: list[RunningGateway], numbers: range) -> None:
    for fd in numbers:
        for number in range(REGISTERS):
            assert any(send(gateway, number, fd) for gateway in gateways)


def environment(peer: Peer) -> dict[str, str]:
    return {"OFD_GATEWAY_FNS__URL": peer.url, "OFD_GATEWAY_FNS__RETRY_MIN": "200ms", "OFD_GATEWAY_FNS__BATCH": "30"}


async def until_all_are_decided(peer: Peer) -> None:
    async with asyncio.timeout(60):
        while len(peer.order) < REGISTERS * DOCUMENTS:
            await asyncio.sleep(0.05)


@pytest.mark.faults
async def test_a_gateway_killed_in_the_middle_of_a_request(tmp_path: Path) -> None:
    peer = Peer()
    peer.gate = asyncio.Event()
    async with serving(peer):
        where = ("--listen", "127.0.0.1:0")
        gateway = await asyncio.to_thread(RunningGateway, tmp_path / "state", *where, environment=environment(peer))
        try:
            await asyncio.to_thread(send_all, [gateway], range(1, DOCUMENTS + 1))
            async with asyncio.timeout(30):
                await peer.at_gate.wait()
            await asyncio.to_thread(gateway.kill)
            assert peer.order == []
            peer.gate.set()
            peer.gate = None
            await asyncio.to_thread(gateway.close)
            gateway = await asyncio.to_thread(RunningGateway, tmp_path / "state", *where, environment=environment(peer))
            await until_all_are_decided(peer)
            await asyncio.to_thread(gateway.wait_event, "fns.sent")
            async with asyncio.timeout(30):
                while True:
                    done = await asyncio.to_thread(gateway.command, "fns", "status", "--json")
                    assert done.returncode == 0, done.stderr
                    if json.loads(done.stdout)["queued"] == 0:
                        break
            assert json.loads(done.stdout)["rate"] > 0
            listed = await asyncio.to_thread(gateway.command, "documents", "list", "--limit", "0", "--json")
            records = [json.loads(line) for line in listed.stdout.splitlines()]
            assert {(record["fns"], record["fns_code"]) for record in records} == {("accepted", 0)}
            assert len(records) == REGISTERS * DOCUMENTS
            assert await asyncio.to_thread(gateway.stop) == 0
        finally:
            await asyncio.to_thread(gateway.close)
    for number in range(REGISTERS):
        assert peer.order_of(fn(number)) == list(range(1, DOCUMENTS + 1))


@pytest.mark.faults
async def test_two_gateways_one_of_them_killed(dsn: str, tmp_path: Path) -> None:
    peer = Peer()
    connection = await asyncpg.connect(dsn)
    async with serving(peer):
        where = ("--listen", "127.0.0.1:0", "--database", dsn)
        gateways = [
            await asyncio.to_thread(RunningGateway, tmp_path / name, *where, environment=environment(peer))
            for name in ("first", "second")
        ]
        try:
            await asyncio.to_thread(send_all, gateways, range(1, 3))
            peer.gate = asyncio.Event()
            await asyncio.to_thread(send_all, gateways, range(3, DOCUMENTS))
            peer.at_gate.clear()
            async with asyncio.timeout(30):
                await peer.at_gate.wait()
            await asyncio.to_thread(gateways[1].kill)
            peer.gate.set()
            peer.gate = None
            await asyncio.to_thread(send_all, gateways[:1], range(DOCUMENTS, DOCUMENTS + 1))
            await until_all_are_decided(peer)
            async with asyncio.timeout(30):
                while await connection.fetchval("SELECT count(*) FROM fns_queue"):
                    await asyncio.sleep(0.05)
            answered = await connection.fetch("SELECT fn, fd, status FROM fns_answers")
            assert {row["status"] for row in answered} == {"accepted"}
            assert len(answered) == REGISTERS * DOCUMENTS
        finally:
            for gateway in gateways:
                await asyncio.to_thread(gateway.close)
            await connection.close()
    for number in range(REGISTERS):
        assert peer.order_of(fn(number)) == list(range(1, DOCUMENTS + 1))
