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
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
import pytest_asyncio

from ofd_gateway.storage import EmbeddedPostgres, migrate

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
    """One server with a migrated template database."""

    def __init__(self, maintenance_dsn: str) -> None:
        self.maintenance_dsn = maintenance_dsn
        self.template = f"ofd_test_template_{_run}"
        self.made: list[str] = []

    async def prepare(self) -> None:
        await self._execute(f'CREATE DATABASE "{self.template}"')
        await migrate(with_database(self.maintenance_dsn, self.template))

    async def create(self, *, migrated: bool = True) -> str:
        name = f"ofd_test_{_run}_{next(_numbers)}"
        template = f' TEMPLATE "{self.template}"' if migrated else ""
        await self._execute(f'CREATE DATABASE "{name}"{template}')
        self.made.append(name)
        return with_database(self.maintenance_dsn, name)

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
    dsn = await embedded.start()
    server = Server(with_database(dsn, "postgres"))
    await server.prepare()
    yield server
    await embedded.stop()
    shutil.rmtree(state_dir)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def external_server() -> AsyncIterator[Server]:
    server = Server(EXTERNAL_DSN)
    await server.prepare()
    yield server
    await server.drop_all()


@pytest.fixture(params=servers())
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(f"{request.param}_server")
    return found


@pytest_asyncio.fixture(loop_scope="session")
async def dsn(server: Server) -> str:
    """A database of its own at the current schema."""
    return await server.create()


@pytest_asyncio.fixture(loop_scope="session")
async def empty_dsn(server: Server) -> str:
    """A database of its own without any schema."""
    return await server.create(migrated=False)
