"""Several fleets at once against one endpoint: what a scenario is made of."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ofd_gateway.simulator.fleet import run_fleet

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ofd_gateway.clock import Clock
    from ofd_gateway.simulator.order import FleetOrder, FleetReport, Progress
    from ofd_gateway.simulator.record import Recorder


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """How every fleet of a run did; `scenario` is the name of what was run, empty for a single fleet by options."""

    fleets: tuple[FleetReport, ...]
    scenario: str = ""

    @property
    def clean(self) -> bool:
        """Every fleet met what was expected."""
        return all(fleet.clean for fleet in self.fleets)


async def run_fleets(
    orders: Sequence[FleetOrder],
    *,
    scenario: str = "",
    recorder: Recorder | None = None,
    clock: Clock | None = None,
    stop: asyncio.Event | None = None,
    on_progress: Callable[[Sequence[Progress]], None] | None = None,
    progress_every_s: float = 1.0,
) -> RunReport:
    """Runs the fleets side by side; `on_progress` sees the latest of each that has said anything.

    Raises what `run_fleet` raises; then the other fleets are ended as well.
    """
    latest: dict[int, Progress] = {}

    def listener(nth: int) -> Callable[[Progress], None]:
        def heard(progress: Progress) -> None:
            latest[nth] = progress
            if on_progress is not None and nth == max(latest):
                on_progress(tuple(latest.values()))

        return heard

    runs = [
        asyncio.ensure_future(
            run_fleet(
                order,
                recorder=recorder,
                clock=clock,
                stop=stop,
                on_progress=listener(nth),
                progress_every_s=progress_every_s,
            )
        )
        for nth, order in enumerate(orders)
    ]
    try:
        reports = await asyncio.gather(*runs)
    finally:
        for run in runs:
            run.cancel()
        await asyncio.gather(*runs, return_exceptions=True)
    return RunReport(fleets=tuple(reports), scenario=scenario)
