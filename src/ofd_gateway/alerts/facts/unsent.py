"""Documents stuck in the FN (непереданные ФД): what a report says of them, and what shows that they came.

A report speaks for the moment it was made. An FN sends in order, so a report that comes late comes after the very
documents it calls unsent; one that is printed while a receipt is on its way counts that receipt. Neither is a backlog:
when the documents are here, numbered and dated as the report says, the statement is out of date. A backlog remains
when they are missing, or when those we hold under these numbers have other dates.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from ofd_gateway.alerts.facts.fn import DayRun, FnFacts, Unsent
from ofd_gateway.alerts.facts.numbering import is_whole
from ofd_gateway.alerts.facts.tags import day, flag, number
from ofd_gateway.alerts.timeline import start_of_day

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from ofd_gateway.ffd import Document

__all__ = ["MAX_RUNS", "after_arrival", "after_report", "runs_after"]

MAX_RUNS: Final = 40
_RUNS_KEPT: Final = 2
_FLAG_AGE: Final = timedelta(days=2)
_SLACK: Final = timedelta(hours=1)
_CURRENT_STATE: Final = 21
_LONGEST_STUCK: Final = timedelta(days=40)


def runs_after(
    runs: tuple[DayRun, ...], issued: date, fd: int, at: datetime, before_at: datetime | None
) -> tuple[DayRun, ...]:
    """The days of an FN's documents, once `fd` of a new day has arrived, `before_at` being the arrival before it."""
    if runs and before_at is not None:
        last = runs[-1]
        runs = (*runs[:-1], DayRun(last.day, last.first_fd, before_at))
    return (*runs[-MAX_RUNS + 1 :], DayRun(issued, fd, at))


def after_report(fn: FnFacts, document: Document, fd: int, at: datetime, place: ZoneInfo) -> Unsent | None:
    """What is stuck in the FN after a report (documents 2, 5, 21); `fn` has already counted the report itself.

    Days before the oldest document that the FN still counts are forgotten.
    """
    count = number(document, 1097, 4)
    flagged = flag(document, 1053) is True
    if count == 0:
        fn.runs = fn.runs[-_RUNS_KEPT:]
        return None
    if count is None:
        return _by_flag(fn, document, fd, at) if flagged else _without_flag(fn, document)
    dated = day(document, 1098)
    first_fd = number(document, 1116, 4) or None
    if dated is not None and _delivered(fn, first_fd or fd - count, fd, dated):
        fn.runs = tuple(run for run in fn.runs[:-_RUNS_KEPT] if run.day >= dated) + fn.runs[-_RUNS_KEPT:]
        return None
    known = fn.unsent
    if first_fd is None and known is not None and known.dated == dated:
        first_fd = known.first_fd
    return Unsent(
        key=_key(fn, dated, first_fd, fd),
        since=_since(document, dated, at, place),
        report_fd=fd,
        report_code=document.code,
        count=count,
        dated=dated,
        first_fd=first_fd,
    )


def after_arrival(unsent: Unsent, fd: int, issued: date | None) -> Unsent | None:
    """What is stuck after a document older than the last one has arrived: nothing more is known once it was the first.

    The first is known by its number (1116) or by its date (1098).
    """
    if fd >= unsent.report_fd:
        return unsent
    if unsent.first_fd is not None:
        return None if fd == unsent.first_fd else unsent
    return None if unsent.dated is None or issued == unsent.dated else unsent


def _without_flag(fn: FnFacts, document: Document) -> Unsent | None:
    """An absent flag is a flag not set, in the documents that carry it; it says nothing of a count."""
    if fn.unsent is not None and fn.unsent.told_by_flag and document.code != _CURRENT_STATE:
        return None
    return fn.unsent


def _by_flag(fn: FnFacts, document: Document, fd: int, at: datetime) -> Unsent | None:
    if fn.unsent is not None:
        return fn.unsent
    made_at = document.issued_at_local
    if made_at is not None and not fn.gaps and _came_late(fn, made_at.date() - _FLAG_AGE, at):
        return None
    since = at - _FLAG_AGE
    return Unsent(key=f"{fn.key}:1053:{fd}", since=since, report_fd=fd, report_code=document.code, told_by_flag=True)


def _came_late(fn: FnFacts, day_before: date, at: datetime) -> bool:
    """Whether documents dated that day or before came only just now: the flag was set while they were waiting."""
    return any(run.day <= day_before and at - run.arrived_at < _FLAG_AGE - _SLACK for run in fn.runs)


def _delivered(fn: FnFacts, first_fd: int, report_fd: int, dated: date) -> bool:
    """Whether the documents a report calls unsent are here, by numbers and by the date of the first.

    Some registers count the report itself; then the first is one number higher.
    """
    return any(
        fn.first_fd <= first <= report_fd and is_whole(fn.gaps, first, report_fd) and _dated(fn, first) == dated
        for first in (first_fd, first_fd + 1)
    )


def _dated(fn: FnFacts, fd: int) -> date | None:
    return next((run.day for run in reversed(fn.runs) if run.first_fd <= fd), None)


def _key(fn: FnFacts, dated: date | None, first_fd: int | None, fd: int) -> str:
    """The name of the backlog: kept while the report speaks of the same oldest document."""
    known = fn.unsent
    if known is not None:
        if known.told_by_flag or (dated is not None and known.dated == dated):
            return known.key
        if first_fd is not None and known.first_fd == first_fd:
            return known.key
    return f"{fn.key}:{first_fd or dated or fd}"


def _since(document: Document, dated: date | None, at: datetime, place: ZoneInfo) -> datetime:
    """From when the oldest waits: by our clock or, when that is out of the question, by the register's own."""
    if dated is None:
        return at
    age = max(timedelta(), at - start_of_day(dated, place))
    made_at = document.issued_at_local
    if made_at is None:
        return at - age
    told = max(timedelta(), made_at - datetime.combine(dated, datetime.min.time()))
    if age > _LONGEST_STUCK >= told:
        return at - told
    return at - max(age, told)
