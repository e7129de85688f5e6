"""SIGKILL under load: whatever was reported as committed is there, byte for byte."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import random
import signal
import tempfile
from pathlib import Path

import asyncpg
import pytest

from ofd_gateway.storage import Database, DocumentStore, EmbeddedPostgres, StoreFailed, migrate
from tests.storage.arrivals import NOW, arrival, ledger

ROUNDS = 5
BATCH = 40
GROWTH = 400
"""Documents that must come through between two kills."""


class Load:
    """A batcher without registers: commits batch after batch and remembers what it was told."""

    def __init__(self, store: DocumentStore) -> None:
        self._store = store
        self.committed: dict[tuple[str, int], bytes] = {}
        self.failures: list[StoreFailed] = []

    async def run(self) -> None:
        for fd in itertools.count(1):
            batch = [arrival(f"{8710000100000000 + number:016d}", fd) for number in range(BATCH)]
            while True:
                try:
                    await self._store.commit(batch, ledger(), NOW)
                except StoreFailed as error:
                    self.failures.append(error)
                    await asyncio.sleep(0.02)
                else:
                    self.committed.update({one.key: one.container.raw for one in batch})
                    break

    async def grow(self, deadline_s: float = 25.0) -> None:
        goal = len(self.committed) + GROWTH
        async with asyncio.timeout(deadline_s):
            while len(self.committed) < goal:
                await asyncio.sleep(0.01)


def victims(postmaster: int, round_: int) -> list[int]:
    """The server's main process, one of its children, all children, everything: in turn."""
    children = [int(pid) for pid in Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()]
    return [[postmaster], [random.choice(children)], children, [*children, postmaster]][round_ % 4]


@pytest.mark.faults
async def test_every_committed_document_survives() -> None:
    with tempfile.TemporaryDirectory() as directory:
        server = EmbeddedPostgres(Path(directory) / "state")
        await migrate(await server.start())
        watch = asyncio.create_task(server.watch())
        database = await Database.connect(server.dsn)
        store = DocumentStore(database)
        load = Load(store)
        loading = asyncio.create_task(load.run())
        try:
            for round_ in range(ROUNDS):
                await load.grow()
                assert server.server_pid is not None
                for pid in victims(server.server_pid, round_):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            await load.grow()
            loading.cancel()
            await asyncio.wait([loading])
            connection = await asyncpg.connect(server.dsn)
            rows = await connection.fetch("SELECT fn, fd, container FROM documents")
            gaps = await connection.fetch(
                "SELECT s.fn FROM fn_states s JOIN documents d USING (fn, generation) "
                "GROUP BY s.fn, s.max_fd HAVING count(*) <> s.max_fd OR max(d.fd) <> s.max_fd"
            )
            await connection.close()
            stored = {(row["fn"], row["fd"]): row["container"] for row in rows}
            assert {key: stored.get(key) for key in load.committed} == load.committed
            assert gaps == []
            assert load.failures
            assert not watch.done()
        finally:
            loading.cancel()
            watch.cancel()
            await asyncio.wait([loading, watch])
            await store.close()
            await database.close()
            await server.stop()
