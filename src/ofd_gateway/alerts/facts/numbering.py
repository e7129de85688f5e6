"""Numbers of documents (номера ФД) that were left out, and what fills them."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

__all__ = ["MAX_GAPS", "Gap", "gaps_after", "is_whole"]

MAX_GAPS: Final = 32


class Gap(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Documents `first_fd` to `last_fd` did not arrive, `left` of them still have not."""

    first_fd: int
    last_fd: int
    left: int
    noticed_at: datetime


def gaps_after(gaps: tuple[Gap, ...], max_fd: int, fd: int, at: datetime) -> tuple[Gap, ...]:
    """The gaps once document `fd` has arrived, `max_fd` being the largest before it.

    A gap keeps its bounds until nothing of it is missing, so that it stays one alert. Beyond MAX_GAPS new ones widen
    the last: only documents never seen before are counted, so it still closes exactly.
    """
    if fd == max_fd + 1:
        return gaps
    if fd > max_fd:
        new = Gap(max_fd + 1, fd - 1, fd - 1 - max_fd, at)
        if len(gaps) < MAX_GAPS:
            return (*gaps, new)
        last = gaps[-1]
        return (*gaps[:-1], Gap(last.first_fd, new.last_fd, last.left + new.left, last.noticed_at))
    return tuple(
        narrowed for gap in gaps if (narrowed := _less(gap) if gap.first_fd <= fd <= gap.last_fd else gap).left > 0
    )


def is_whole(gaps: tuple[Gap, ...], first_fd: int, last_fd: int) -> bool:
    """Whether no gap touches the documents `first_fd` to `last_fd`."""
    return all(gap.last_fd < first_fd or gap.first_fd > last_fd for gap in gaps)


def _less(gap: Gap) -> Gap:
    return Gap(gap.first_fd, gap.last_fd, gap.left - 1, gap.noticed_at)
