"""The shell of the room: receipts planned, sent and forgotten, until cancelled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from ofd_gateway.pace import Retention

if TYPE_CHECKING:
    from datetime import timedelta

    from ofd_gateway.buyers.mailing import ReceiptMailer
    from ofd_gateway.buyers.planner import ReceiptPlanner
    from ofd_gateway.buyers.texting import Texter
    from ofd_gateway.pace import Erasure, Pace

__all__ = ["BuyerService"]

_GRACE_S: Final = 5.0


class BuyerService:
    """Runs what is given: without a planner nothing is looked at, without a mailer or a texter nothing goes that way.

    `parallel` letters are sent at the same time; contacts are kept for `keep`, by the clock of `pace`.
    """

    def __init__(
        self,
        pace: Pace,
        planner: ReceiptPlanner | None,
        mailer: ReceiptMailer | None,
        texter: Texter | None,
        erasure: Erasure,
        *,
        parallel: int,
        keep: timedelta,
    ) -> None:
        self._pace = pace
        self._planner = planner
        self._mailer = mailer
        self._texter = texter
        self._retention = Retention(pace, erasure, keep, self._say_erased)
        self._parallel = parallel
        self._log = structlog.get_logger()

    def wake(self) -> None:
        """There may be something to do now."""
        self._pace.wake()

    async def run(self) -> None:
        """Works until cancelled; what is in hand is finished when the servers are quick enough."""
        work = [self._retention.run()]
        if self._planner is not None:
            work.append(self._plan_endlessly(self._planner))
        if self._mailer is not None:
            work += [self._pace.endlessly(self._mailer.step, self._mailer.next_at) for _ in range(self._parallel)]
        if self._texter is not None:
            work.append(self._texter.run())
        await self._pace.run(*work, grace_s=_GRACE_S)

    async def _plan_endlessly(self, planner: ReceiptPlanner) -> None:
        async def step() -> bool:
            planned = await planner.step()
            if planned:
                self._pace.wake()
            return planned

        await self._pace.endlessly(step, planner.count)

    def _say_erased(self, count: int) -> None:
        self._log.info("buyers.erased", messages=count)
