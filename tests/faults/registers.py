"""Registers whose drives remember what was confirmed to them, to be compared with what the database has."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from typing import TYPE_CHECKING, NamedTuple

import asyncpg

from ofd_gateway.protocol import parse_confirmation, parse_container
from tests.intake.running import read_answer
from tests.messages import container, message

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.e2e.running import RunningGateway

DEADLINE_S = 40.0


class Told(NamedTuple):
    """What of a confirmation has to be the same whenever the document is sent again."""

    code: int
    operator_sign: bytes
    trailer: bytes


class Registers:
    """Sends documents of any FN; `confirmed` is what the drives would have let go."""

    def __init__(self, gateway: RunningGateway) -> None:
        self._gateway = gateway
        self.confirmed: dict[tuple[str, int], Told] = {}
        self.given_up = 0

    async def send(self, fn: str, fd: int) -> Told | None:
        """Sends it once; None when the gateway closed without a byte."""
        try:
            reader, writer = await asyncio.open_connection(*self._gateway.address)
        except OSError:
            return None
        try:
            writer.write(message(container(fn, fd), fn=fn))
            answer = await read_answer(reader)
        finally:
            writer.close()
        if not answer:
            self.given_up += 1
            return None
        read = parse_confirmation(parse_container(answer[30:], kind=0x5A))
        assert (read.fn, read.fd) == (fn, fd)
        told = Told(read.response_code, read.operator_sign, read.trailer)
        assert self.confirmed.setdefault((fn, fd), told) == told
        return told

    async def confirm(self, fn: str, fd: int) -> Told:
        """Sends it until it is confirmed."""
        async with asyncio.timeout(DEADLINE_S):
            while (told := await self.send(fn, fd)) is None:
                await asyncio.sleep(0.05)
        return told

    @contextlib.asynccontextmanager
    async def load(self, first_fn: int, count: int = 6) -> AsyncIterator[None]:
        """So many registers, each with one document after another, each sent until it is confirmed."""

        async def work(fn: str) -> None:
            for fd in itertools.count(1):
                await self.confirm(fn, fd)

        async with asyncio.TaskGroup() as tasks:
            working = [tasks.create_task(work(str(first_fn + number))) for number in range(count)]
            yield
            for task in working:
                task.cancel()

    async def grow(self, by: int) -> None:
        """Returns once so many more documents are confirmed."""
        goal = len(self.confirmed) + by
        async with asyncio.timeout(DEADLINE_S):
            while len(self.confirmed) < goal:
                await asyncio.sleep(0.02)

    async def compare(self, dsn: str) -> None:
        """Everything that was confirmed is stored, byte for byte; nothing twice, and FD numbers without a gap."""
        connection = await asyncpg.connect(dsn)
        try:
            rows = await connection.fetch("SELECT fn, fd, container FROM documents")
        finally:
            await connection.close()
        stored = [(row["fn"], row["fd"]) for row in rows]
        assert len(stored) == len(set(stored))
        contents = {(row["fn"], row["fd"]): row["container"] for row in rows}
        assert {key: contents.get(key) for key in self.confirmed} == {key: container(*key) for key in self.confirmed}
