"""Runs every check of one document that needs nothing but the document (ФЛК одного документа)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ofd_gateway.ffd.checks.fields import describe, examine_children
from ofd_gateway.ffd.checks.ordinary import PLAIN_RECEIPTS, is_in_order
from ofd_gateway.ffd.checks.place import Spot
from ofd_gateway.ffd.checks.plan import ITEM, root_plan
from ofd_gateway.ffd.checks.policy import DEFAULT
from ofd_gateway.ffd.checks.receipt import RECEIPTS, judge_receipt
from ofd_gateway.ffd.checks.registration import (
    REGISTRATIONS,
    judge_autonomous_report,
    judge_registration,
    judge_versions,
)
from ofd_gateway.ffd.checks.report import Report
from ofd_gateway.ffd.checks.shape import shape_of
from ofd_gateway.ffd.checks.totals import judge_counters
from ofd_gateway.ffd.values import as_local_datetime

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ofd_gateway.ffd.checks.plan import Plan
    from ofd_gateway.ffd.checks.policy import CheckPolicy
    from ofd_gateway.ffd.checks.violation import Violation
    from ofd_gateway.ffd.document import Document
    from ofd_gateway.ffd.tlv import Structure

__all__ = ["check"]

_DATE_TIME: Final = 1012
_DATE_BYTES: Final = 4
_FIRST_DAY: Final = 1472688000
"""2016-09-01, as unix time of the wall clock."""
_DAY: Final = 86_400
_REPORTS_WITH_COUNTERS: Final = frozenset({11, 21, 5, 6})
_REPORTS_WITH_VERSIONS: Final = frozenset({1, 11, 2})
_STATE_REPORT: Final = 21


def check(document: Document, *, now: datetime, policy: CheckPolicy = DEFAULT) -> tuple[Violation, ...]:
    """Every rule that a document breaks by itself, in the order of its fields; empty when it is sound.

    `now` is aware and bounds the date of the document. Never raises on a decoded document. At most `policy.limit`
    violations are listed, errors first; then one entry of rule R-M1 says how many were left out.
    """
    if policy.mode == "off":
        return ()
    root = document.root
    issued_at = _issued_at(root)
    plan = root_plan(document.ffd, document.code, issued_at)
    if (
        plan is not None
        and document.code in PLAIN_RECEIPTS
        and _is_dated(issued_at, now)
        and is_in_order(root, plan, issued_at)
    ):
        return ()
    report = Report(policy, document)
    spot = Spot(document, root)
    if plan is None:
        report.add("R-P2", path=spot.path, offset=0, found=document.code, expected="a document of the format")
        return report.violations()
    _judge_date(issued_at, plan, spot, now, report)
    items, positions, tags, values = _split(root)
    shape = shape_of(plan, tags)
    if not shape.is_clean(values) or (items and ITEM not in plan.rules):
        describe(spot, plan, shape_of(plan, root.tags), report)
    if plan.demands_items and not items:
        report.add("R-P1", path=spot.field(ITEM), tag=ITEM, offset=root.offset, expected="must be there")
    if shape.children:
        examine_children(spot, plan, report)
    code = document.code
    if code in RECEIPTS:
        judge_receipt(spot, plan, items, positions, issued_at, report)
    else:
        _judge_report(code, plan, spot, report)
    return report.violations()


def _judge_report(code: int, plan: Plan, spot: Spot, report: Report) -> None:
    if code in REGISTRATIONS:
        judge_registration(spot, plan, report)
    if code in _REPORTS_WITH_VERSIONS:
        judge_versions(spot, report)
    if code in _REPORTS_WITH_COUNTERS:
        judge_counters(spot, report)
    if code == _STATE_REPORT:
        judge_autonomous_report(spot, report)


def _issued_at(root: Structure) -> int | None:
    tags = root.tags
    if _DATE_TIME not in tags:
        return None
    raw = root.values[tags.index(_DATE_TIME)]
    return int.from_bytes(raw, "little") if isinstance(raw, bytes) and len(raw) == _DATE_BYTES else None


def _is_dated(issued_at: int | None, now: datetime) -> bool:
    return issued_at is None or _FIRST_DAY <= issued_at <= int(now.timestamp()) + _DAY


def _judge_date(issued_at: int | None, plan: Plan, spot: Spot, now: datetime, report: Report) -> None:
    """R-Q6. The register's clock has no zone, so a day of slack covers every zone and a clock that is a little fast."""
    if issued_at is None:
        return
    latest = int(now.timestamp()) + _DAY
    if _FIRST_DAY <= issued_at <= latest:
        return
    is_pilot = issued_at < _FIRST_DAY and plan.ffd == "1.0" and plan.document in REGISTRATIONS
    report.add(
        "R-Q6",
        path=spot.field(_DATE_TIME),
        tag=_DATE_TIME,
        offset=spot.offset_of(_DATE_TIME),
        found=as_local_datetime(issued_at).isoformat(),
        expected=f"2016-09-01 to {as_local_datetime(latest).isoformat()}",
        lowered=is_pilot,
    )


def _split(
    root: Structure,
) -> tuple[Sequence[Structure], Sequence[int], Sequence[int], Sequence[bytes | Structure]]:
    """The items with their positions, and tags and values of everything else.

    Receipts of one register differ in the number of items only: without them their roots are of one shape.
    """
    tags, values = root.tags, root.values
    count = tags.count(ITEM)
    if not count:
        return (), (), tags, values
    first = tags.index(ITEM)
    after = first + count
    if tags[first:after].count(ITEM) == count:
        items = values[first:after]
        return items, range(first, after), tags[:first] + tags[after:], values[:first] + values[after:]  # type: ignore[return-value]
    positions = [position for position, tag in enumerate(tags) if tag == ITEM]
    others = [position for position, tag in enumerate(tags) if tag != ITEM]
    return (
        [values[position] for position in positions],  # type: ignore[misc]  # an item is a structure
        positions,
        tuple([tags[position] for position in others]),
        tuple([values[position] for position in others]),
    )
