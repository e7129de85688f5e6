"""What a serving process is given before anything else: a patient collector and a clock."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import structlog

from ofd_gateway.clock import SystemClock, VirtualClock, forget_clock, leave_clock

if TYPE_CHECKING:
    from ofd_gateway.clock import Clock
    from ofd_gateway.settings import Settings

__all__ = ["make_clock", "share_clock", "spare_the_collector"]

_GC_THRESHOLDS = (50_000, 20, 20)


def spare_the_collector() -> None:
    """Cycles are looked for less often: a document is a hundred objects that all go at once, and what is here stays."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)


def make_clock(settings: Settings) -> Clock:
    """The machine's clock, or the virtual one of the settings."""
    setting = settings.clock.setting()
    return SystemClock() if setting is None else VirtualClock(setting)


def share_clock(settings: Settings) -> None:
    """Says that time is not real, and leaves the clock to the commands that use the same state directory."""
    setting = settings.clock.setting()
    if setting is None:
        forget_clock(settings.state_dir)
        return
    leave_clock(settings.state_dir, setting)
    structlog.get_logger().warning(
        "clock.virtual", start=setting.start.isoformat(), rate=setting.rate, anchor=setting.anchor.isoformat()
    )
