"""The order watch: whether each FN's documents came in the order of their numbers, without gaps and doubles."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from ofd_gateway.fns_emulator.contract import Status

__all__ = ["Breach", "FnSummary", "OrderWatch", "Outcome", "Summary"]

Outcome: TypeAlias = Literal["decided", "repeat", "conflict", "postponed"]

_REMEMBERED_LINES: Final = 100_000


class Breach(msgspec.Struct, frozen=True, kw_only=True):
    """A document that came where another was due. `what`: `out_of_order` behind a later one, `gap` before its time."""

    what: Literal["out_of_order", "gap"]
    fn: str
    generation: int
    fd: int
    expected: int


class FnSummary(msgspec.Struct, kw_only=True):
    """One FN's life: what came of it. `in_order` is false after any breach, conflict or overlap."""

    fn: str
    generation: int
    in_order: bool = True
    documents: Annotated[int, Meta(description="Different documents that were decided")] = 0
    first_fd: int | None = None
    last_fd: Annotated[int | None, Meta(description="The highest number")] = None
    repeats: Annotated[int, Meta(description="Documents that came again with the same sign")] = 0
    conflicts: Annotated[int, Meta(description="Other content under the number of a decided document")] = 0
    out_of_order: Annotated[int, Meta(description="New documents with a lower number than one before")] = 0
    gaps: Annotated[int, Meta(description="New documents whose predecessor was not decided yet")] = 0
    overlaps: Annotated[int, Meta(description="Requests that came while another with the FN was in hand")] = 0
    postponed: Annotated[int, Meta(description="Answers `postponed`")] = 0
    by_status: dict[str, int] = {}


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """Everything since the start, decided documents of earlier runs included where they were kept."""

    in_order: bool
    documents: int
    requests: int
    refused_requests: Annotated[int, Meta(description="Answered with a problem")]
    faults: Annotated[int, Meta(description="Requests in which a fault was played")]
    repeats: int
    conflicts: int
    out_of_order: int
    gaps: int
    overlaps: int
    by_status: Annotated[dict[str, int], Meta(description="Answers of each status, repeats included")]
    fns: list[FnSummary]


class OrderWatch:
    """Counts for each FN and generation; the 100,000 that spoke last are remembered, the sums are of all."""

    def __init__(self) -> None:
        self.requests = self.refused_requests = self.faults = 0
        self._lines: OrderedDict[tuple[str, int], FnSummary] = OrderedDict()
        self._sums: Counter[str] = Counter()
        self._answers: Counter[str] = Counter()
        self._in_hand: Counter[str] = Counter()

    def begin(self, fns: Iterable[tuple[str, int]]) -> list[str]:
        """A request with documents of these FNs is in hand; the FNs of which another one is as well."""
        overlapping = []
        for fn, generation in fns:
            if self._in_hand[fn]:
                overlapping.append(fn)
                self._count(self._line(fn, generation), "overlaps")
            self._in_hand[fn] += 1
        return overlapping

    def end(self, fns: Iterable[tuple[str, int]]) -> None:
        """The request has been answered, or its sender is gone."""
        for fn, _ in fns:
            self._in_hand[fn] -= 1
            if not self._in_hand[fn]:
                del self._in_hand[fn]

    def note(self, fn: str, generation: int, fd: int, outcome: Outcome, status: Status) -> Breach | None:
        """One document was answered; returns what was wrong with its place."""
        line = self._line(fn, generation)
        self._answers[status] += 1
        line.by_status[status] = line.by_status.get(status, 0) + 1
        if outcome == "postponed":
            line.postponed += 1
            return None
        if outcome == "repeat":
            line.repeats += 1
            self._sums["repeats"] += 1
            return None
        if outcome == "conflict":
            self._count(line, "conflicts")
            return None
        return self._decided(line, fd)

    def summary(self, fn: str | None = None, limit: int | None = None) -> Summary:
        """The sums of everything, and the last `limit` lines, or those of one FN."""
        lines = [line for line in self._lines.values() if fn is None or line.fn == fn]
        sums = self._sums
        breaches = ("conflicts", "out_of_order", "gaps", "overlaps")
        return Summary(
            in_order=not any(sums[name] for name in breaches),
            documents=sums["documents"],
            requests=self.requests,
            refused_requests=self.refused_requests,
            faults=self.faults,
            repeats=sums["repeats"],
            conflicts=sums["conflicts"],
            out_of_order=sums["out_of_order"],
            gaps=sums["gaps"],
            overlaps=sums["overlaps"],
            by_status=dict(self._answers),
            fns=lines if limit is None else lines[len(lines) - min(limit, len(lines)) :],
        )

    def _decided(self, line: FnSummary, fd: int) -> Breach | None:
        line.documents += 1
        self._sums["documents"] += 1
        last, line.last_fd = line.last_fd, max(fd, line.last_fd or fd)
        line.first_fd = fd if line.first_fd is None else min(fd, line.first_fd)
        if last is None or fd == last + 1:
            return None
        what: Literal["out_of_order", "gap"] = "out_of_order" if fd <= last else "gap"
        self._count(line, "out_of_order" if fd <= last else "gaps")
        return Breach(what=what, fn=line.fn, generation=line.generation, fd=fd, expected=last + 1)

    def _count(self, line: FnSummary, name: str) -> None:
        setattr(line, name, getattr(line, name) + 1)
        line.in_order = False
        self._sums[name] += 1

    def _line(self, fn: str, generation: int) -> FnSummary:
        line = self._lines.get((fn, generation))
        if line is None:
            if len(self._lines) >= _REMEMBERED_LINES:
                self._lines.popitem(last=False)
            line = self._lines[fn, generation] = FnSummary(fn=fn, generation=generation)
        else:
            self._lines.move_to_end((fn, generation))
        return line
