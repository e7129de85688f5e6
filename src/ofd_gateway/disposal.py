"""How a disposable gateway forgets everything while it goes on serving, for the next test of somebody's suite."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from ofd_gateway.storage import FaultBook
from ofd_gateway.storage.forgetting import forget_everything

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ofd_gateway.clock import Clock
    from ofd_gateway.faults import Fault
    from ofd_gateway.intake import Faults, IntakeServer
    from ofd_gateway.storage import Database, Directory

__all__ = ["Disposal"]


class Disposal:
    """Forgets what was stored and what is remembered of it. `registers` is set once registers are served.

    Afterwards the gateway is as after its start: configured faults are there again, with fresh counters, and those that
    people added are gone.
    """

    def __init__(
        self,
        database: Database,
        directory: Directory,
        faults: Faults | None,
        clock: Clock,
        *,
        configured: Iterable[Fault] | None,
    ) -> None:
        self._database = database
        self._directory = directory
        self._faults = faults
        self._clock = clock
        self._configured = configured
        self._log = structlog.get_logger()
        self.registers: IntakeServer | None = None

    async def forget(self) -> None:
        """Raises `DatabaseUnavailable`; then connections are dropped, and nothing else has happened."""
        if self.registers is not None:
            await self.registers.clear()
        await forget_everything(self._database)
        await FaultBook(self._database).switch(self._configured, self._clock.now())
        if self._faults is not None:
            await self._faults.refresh()
        async with self._database.reading() as connection:
            await self._directory.refresh(connection)
        self._log.info("data.forgotten")
