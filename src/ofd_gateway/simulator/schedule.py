"""When documents of a fleet are due (нагрузка): rates one after another, and outages of the registers' network."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadStep:
    """A rate that holds for a while; `for_s` None holds it to the end."""

    rate_per_s: float
    for_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """The registers are cut off `after_s` from the start, for `for_s`; they go on selling meanwhile."""

    after_s: float
    for_s: float

    @property
    def ends_s(self) -> float:
        """When everybody comes back."""
        return self.after_s + self.for_s


class Schedule:
    """The moment at which each document of a fleet is due, in seconds from the start, by number from 0.

    Due times do not depend on answers: a stalled operator does not slow the load down (open loop), and what it delays
    is measured from here.
    """

    __slots__ = ("_counts", "_starts_s", "_steps")

    def __init__(self, steps: Sequence[LoadStep]) -> None:
        """Raises ValueError for rates that are not above zero, and for a step without an end before the last."""
        if not steps:
            raise ValueError("a load has at least one step")
        if any(step.rate_per_s <= 0 for step in steps):
            raise ValueError("a rate is above zero")
        if any(step.for_s is None or step.for_s <= 0 for step in steps[:-1]):
            raise ValueError("every step of a load but the last has a duration")
        self._steps = tuple(steps)
        self._starts_s = [0.0]
        self._counts = [0.0]
        for step in steps[:-1]:
            for_s = step.for_s or 0.0
            self._starts_s.append(self._starts_s[-1] + for_s)
            self._counts.append(self._counts[-1] + for_s * step.rate_per_s)

    @property
    def duration_s(self) -> float | None:
        """When the load ends; None when it goes on."""
        last = self._steps[-1].for_s
        return None if last is None else self._starts_s[-1] + last

    def due_s(self, number: int) -> float:
        """When that document is due; beyond the end of the load it goes on at the last rate."""
        at = bisect_right(self._counts, number) - 1
        return self._starts_s[at] + (number - self._counts[at]) / self._steps[at].rate_per_s

    def due_until(self, moment_s: float) -> int:
        """How many documents are due before that moment."""
        at = bisect_right(self._starts_s, max(0.0, moment_s)) - 1
        due = self._counts[at] + (max(0.0, moment_s) - self._starts_s[at]) * self._steps[at].rate_per_s
        return -int(-due // 1)


def cut_off_until(outages: Sequence[Outage], moment_s: float) -> float | None:
    """When the outage of that moment ends; None when there is none."""
    return max((outage.ends_s for outage in outages if outage.after_s <= moment_s < outage.ends_s), default=None)
