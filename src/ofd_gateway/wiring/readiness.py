"""Whether documents can be stored now."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ofd_gateway.storage import (
    Database,
    DatabaseError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Readiness"]

_READY_TIMEOUT_S = 2.0


class Readiness:
    """Whether documents can be stored, asked with a time limit that holds even while the server hangs.

    A question that was not answered in time stays open, and no second one is asked before it ends. `is_storing` says
    whether the intake's own transactions work: they need more than an answer, space on the disk for one.
    """

    def __init__(self, database: Database, is_storing: Callable[[], bool]) -> None:
        self._database = database
        self._is_storing = is_storing
        self._question: asyncio.Task[None] | None = None

    async def __call__(self) -> str | None:
        """None when the database answers and is fit, else the reason."""
        if self._question is None:
            self._question = asyncio.create_task(self._database.ping(for_writing=True))
        await asyncio.wait({self._question}, timeout=_READY_TIMEOUT_S)
        if not self._question.done():
            return "database: no answer"
        question, self._question = self._question, None
        error = question.exception()
        if error is not None and not isinstance(error, DatabaseError):
            raise error
        if error is not None:
            return f"database: {error}"
        return None if self._is_storing() else "database: the last transaction failed, see store.failed in the log"

    def close(self) -> None:
        """Lets go of a question that is still open."""
        if self._question is not None:
            self._question.cancel()
