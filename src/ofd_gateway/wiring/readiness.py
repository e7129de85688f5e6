"""Whether documents can be stored now."""

from __future__ import annotations

import asyncio

from ofd_gateway.storage import (
    Database,
    DatabaseError,
)

__all__ = ["Readiness"]

_READY_TIMEOUT_S = 2.0


class Readiness:
    """Whether documents can be stored, asked with a time limit that holds even while the server hangs.

    A question that was not answered in time stays open, and no second one is asked before it ends.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._question: asyncio.Task[None] | None = None

    async def __call__(self) -> str | None:
        """None when the database answers and is fit, else the reason."""
        if self._question is None:
            self._question = asyncio.create_task(self._database.ping())
        await asyncio.wait({self._question}, timeout=_READY_TIMEOUT_S)
        if not self._question.done():
            return "database: no answer"
        question, self._question = self._question, None
        error = question.exception()
        if error is not None and not isinstance(error, DatabaseError):
            raise error
        return None if error is None else f"database: {error}"

    def close(self) -> None:
        """Lets go of a question that is still open."""
        if self._question is not None:
            self._question.cancel()
