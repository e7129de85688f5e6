"""When a letter that could not be delivered is tried again."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import msgspec

__all__ = ["RetryParameters", "pause_after"]

_JITTER: Final = 0.2


class RetryParameters(msgspec.Struct, frozen=True, kw_only=True):
    """The first pause, which doubles up to the longest; after `attempts` the letter is given up."""

    first: timedelta = timedelta(seconds=30)
    longest: timedelta = timedelta(hours=1)
    attempts: int = 40


def pause_after(attempts: int, parameters: RetryParameters, draw: float) -> timedelta:
    """The pause after so many failed attempts. `draw`, from 0 to 1, shortens it by up to a fifth: letters spread."""
    pause = parameters.first
    for _ in range(attempts - 1):
        if pause >= parameters.longest:
            break
        pause *= 2
    return min(pause, parameters.longest) * (1 - _JITTER * draw)
