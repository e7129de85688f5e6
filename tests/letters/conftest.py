from __future__ import annotations

from typing import TYPE_CHECKING

import pytest_asyncio

from ofd_gateway.storage import Database
from tests.letters.scene import Scene

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest_asyncio.fixture(loop_scope="session")
async def scene(dsn: str) -> AsyncIterator[Scene]:
    database = await Database.connect(dsn, pool_size=12)
    yield Scene(database)
    await database.close()
