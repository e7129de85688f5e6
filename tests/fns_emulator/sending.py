"""A sender for tests: documents of virtual registers in envelopes, and an emulator on a free port."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from ofd_gateway.ffd import decode, to_fns_json, to_json_bytes
from ofd_gateway.fns_emulator import EmulatorOrder, Script, read_script, serve_emulator
from ofd_gateway.simulator import Endpoint, Ffd, FleetOrder, Plan
from ofd_gateway.simulator.fleet import deal_tills
from ofd_gateway.sockets import bind_socket

NOW = datetime(2026, 3, 2, 6, 30, tzinfo=UTC)
PLAN = Plan(receipts=12, receipts_per_shift=5, correction_every=6, closes_archive=True)
ORDER = FleetOrder(endpoint=Endpoint(host="127.0.0.1", port=1), registers=3, plan=PLAN)

Envelope = dict[str, Any]


@dataclass
class SetClock:
    """A clock that stands until somebody moves it."""

    moment: datetime = NOW + timedelta(days=1)

    def now(self) -> datetime:
        return self.moment

    def forward(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


class _Morning:
    def now(self) -> datetime:
        return NOW


def enveloped(plain: bytes, sign: bytes, *, ffd: str, fn: str, fd: int) -> Envelope:
    """A document as a gateway sends it."""
    document = decode(plain, version_hint=ffd)
    return {
        "fn": fn,
        "generation": 0,
        "fd": fd,
        "ffd": document.ffd,
        "kind": document.kind,
        "received_at": "2026-03-02T06:30:05.123456Z",
        "document": to_fns_json(document, message_sign=sign),
    }


def lives(ffd: Ffd = Ffd.V1_2, registers: int = 1) -> list[list[Envelope]]:
    """Every document of some registers, from registration to the closing of the archive."""
    order = replace(ORDER, registers=registers, ffd_mix=(ffd,))
    return [list(_life(till, ffd)) for till in deal_tills(order, _Morning())]


def _life(till: Any, ffd: Ffd) -> Iterator[Envelope]:
    now = NOW
    while True:
        issued = till.issue_next(now)
        if issued is None:
            if till.fn.oldest is None:
                return
            till.fn.confirm(till.fn.oldest.fd)
            continue
        container = issued.container
        yield enveloped(container[32:-10], container[-10:-2], ffd=ffd.value, fn=till.fn.number, fd=issued.fd)
        now += timedelta(minutes=30)


def wire(documents: list[Envelope]) -> bytes:
    return to_json_bytes({"documents": documents})


class Sender:
    """Talks to one emulator."""

    def __init__(self, client: httpx.AsyncClient, clock: SetClock) -> None:
        self.client = client
        self.clock = clock

    async def post(self, content: bytes, **headers: str) -> httpx.Response:
        return await self.client.post(
            "v1/documents", content=content, headers={"content-type": "application/json", **headers}
        )

    async def send(self, *documents: Envelope) -> list[dict[str, Any]]:
        """The answers to documents that are answered at all."""
        response = await self.post(wire(list(documents)))
        assert response.status_code == 200, response.text
        answers = response.json()["answers"]
        assert [(one["fn"], one["generation"], one["fd"]) for one in answers] == [
            (one["fn"], one["generation"], one["fd"]) for one in documents
        ]
        return answers

    async def statuses(self, *documents: Envelope) -> list[tuple[str, int]]:
        return [(one["status"], one["code"]) for one in await self.send(*documents)]

    async def summary(self, **query: Any) -> dict[str, Any]:
        return (await self.client.get("v1/summary", params=query)).raise_for_status().json()

    async def page(self, **query: Any) -> tuple[list[dict[str, Any]], int | None]:
        page = (await self.client.get("v1/documents", params=query)).raise_for_status().json()
        return page["documents"], page["next"]

    async def replace_script(self, text: str) -> None:
        (await self.client.put("v1/script", content=text.encode())).raise_for_status()


@asynccontextmanager
async def emulator(script: str = "", *, headers: dict[str, str] | None = None, **order: Any) -> AsyncIterator[Sender]:
    """An emulator on a free port until the block ends."""
    clock = SetClock()
    stop = asyncio.Event()
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    written = read_script(script.encode()) if script else Script()
    with bind_socket("127.0.0.1", 0) as sock:
        serving = asyncio.create_task(
            serve_emulator(
                EmulatorOrder(script=written, **order), sock, clock=clock, stop=stop, on_ready=ready.set_result
            )
        )
        await asyncio.wait((serving, ready), return_when=asyncio.FIRST_COMPLETED, timeout=20)
        if serving.done():
            await serving
        try:
            async with httpx.AsyncClient(base_url=f"{ready.result()}/", headers=headers, timeout=20) as client:
                yield Sender(client, clock)
        finally:
            stop.set()
            await serving


def copied(document: Envelope) -> Envelope:
    """A deep copy that may be spoilt."""
    return json.loads(to_json_bytes(document))
