"""The database of a worker that starts, waited for while it is away."""

from __future__ import annotations

import asyncio
import time
from typing import Final

import structlog

from ofd_gateway.signals import wait_for_either
from ofd_gateway.storage import Database, DatabaseUnavailable

__all__ = ["awaited_database"]

_WAIT_S: Final = 12.0
"""Less than the supervisor waits for a worker that starts (20 s)."""
_PAUSE_S: Final = 0.2


async def awaited_database(dsn: str, stop: asyncio.Event) -> Database:
    """Connects; while the database is away it is tried again.

    What killed the worker before this one may have hit the database too, and workers that ended for that at once would
    be counted as a crash loop. Raises DatabaseUnavailable when it takes too long, or when the worker is to stop.
    """
    deadline_s = time.monotonic() + _WAIT_S
    awaited = False
    while True:
        try:
            return await Database.connect(dsn, application_name="ofd-gateway worker", pool_size=2)
        except DatabaseUnavailable as error:
            if stop.is_set() or time.monotonic() > deadline_s:
                raise
            if not awaited:
                structlog.get_logger().warning("worker.database_awaited", reason=str(error))
            awaited = True
        await wait_for_either(stop.wait(), asyncio.sleep(_PAUSE_S))
