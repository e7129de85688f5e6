from __future__ import annotations

from typing import TYPE_CHECKING

import pytest_asyncio

from tests.buyers.sending.scene import Scene, opened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest_asyncio.fixture(loop_scope="session")
async def scene(dsn: str) -> AsyncIterator[Scene]:
    async with opened(dsn) as scene:
        yield scene
