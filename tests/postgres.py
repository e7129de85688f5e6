"""Real PostgreSQL for tests: the embedded one and, where OFD_GATEWAY_TEST_DATABASE names one, that server too.

Every test that asks for `dsn` gets a database of its own, cloned from a migrated template.
"""

from __future__ import annotations

import itertools
import os
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
import pytest_asyncio

from ofd_gateway.storage import EmbeddedPostgres, cluster, migrate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

EXTERNAL_DSN = os.environ.get("OFD_GATEWAY_TEST_DATABASE", "")
"""Read once: tests that want no settings of the machine empty the environment while a server is asked for."""

_numbers = itertools.count(1)
_run = secrets.token_hex(3)


def servers() -> list[str]:
    return ["embedded", *(["external"] if EXTERNAL_DSN else [])]


def with_database(dsn: str, name: str) -> str:
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))


class Server:
    """One server with a migrated template database. In memory a checkpoint is cheap, and room is dear."""

    def __init__(self, maintenance_dsn: str, *, in_memory: bool) -> None:
        self.maintenance_dsn = maintenance_dsn
        self.in_memory = in_memory
        self.template = f"ofd_test_template_{_run}"
        self.made: list[str] = []

    async def prepare(self) -> None:
        await self._execute(f'CREATE DATABASE "{self.template}"')
        await migrate(with_database(self.maintenance_dsn, self.template))

    async def create(self, *, migrated: bool = True) -> str:
        name = f"ofd_test_{_run}_{next(_numbers)}"
        template = f' TEMPLATE "{self.template}"' if migrated else ""
        strategy = " STRATEGY FILE_COPY" if self.in_memory else ""
        await self._execute(f'CREATE DATABASE "{name}"{template}{strategy}')
        self.made.append(name)
        return with_database(self.maintenance_dsn, name)

    async def drop(self, dsn: str) -> None:
        """Makes room at once in memory; elsewhere at the end."""
        if self.in_memory:
            name = urlsplit(dsn).path.removeprefix("/")
            self.made.remove(name)
            await self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    async def drop_all(self) -> None:
        for name in [*self.made, self.template]:
            await self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self.maintenance_dsn)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def embedded_server() -> AsyncIterator[Server]:
    state_dir = Path(tempfile.mkdtemp(prefix="ofd-test-"))
    embedded = EmbeddedPostgres(state_dir)
    in_memory = state_dir.is_relative_to("/dev/shm")
    with mock.patch.dict(cluster._SERVER_SETTINGS, {"max_wal_size": "128MB"} if in_memory else {}):
        dsn = await embedded.start()
    server = Server(with_database(dsn, "postgres"), in_memory=in_memory)
    await server.prepare()
    yield server
    await embedded.stop()
    shutil.rmtree(state_dir)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def external_server() -> AsyncIterator[Server]:
    server = Server(EXTERNAL_DSN, in_memory=False)
    await server.prepare()
    yield server
    await server.drop_all()


@pytest.fixture(params=servers())
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(f"{request.param}_server")
    return found


@pytest_asyncio.fixture(loop_scope="session")
async def dsn(server: Server) -> AsyncIterator[str]:
    """A database of its own at the current schema."""
    made = await server.create()
    yield made
    await server.drop(made)


@pytest_asyncio.fixture(loop_scope="session")
async def empty_dsn(server: Server) -> AsyncIterator[str]:
    """A database of its own without any schema."""
    made = await server.create(migrated=False)
    yield made
    await server.drop(made)
