"""Counters of a report (счётчики итогов 1157, 1158, 1194): do they add up? Rule R-S7."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ofd_gateway.ffd.checks.reading import money, number
from ofd_gateway.ffd.checks.sums import roubles
from ofd_gateway.ffd.tlv import Structure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ofd_gateway.ffd.checks.place import Spot
    from ofd_gateway.ffd.checks.report import Report

__all__ = ["COUNTERS", "GROUPS", "judge_counters"]

COUNTERS: Final = (1157, 1158, 1194)
GROUPS: Final = {1129: 1, 1130: 2, 1131: 3, 1132: 4}
"""Counters of one operation type (1054)."""

_CORRECTIONS, _ALL_COUNT, _COUNT, _CORRECTION_COUNT, _TOTAL = 1133, 1134, 1135, 1144, 1201
_CORRECTION_GROUPS: Final = (1145, 1232, 1146, 1233)
_PAYMENTS: Final = (1136, 1138, 1218, 1219, 1220)


def judge_counters(spot: Spot, report: Report) -> None:
    """Each group's total is the sum of its payments, and the count of all that of the groups (warnings)."""
    fields = spot.structure.by_tag
    for tag in COUNTERS:
        counters = fields.get(tag)
        if isinstance(counters, Structure):
            _judge_block(spot.child(counters, spot.structure.tags.index(tag)), report)


def _judge_block(spot: Spot, report: Report) -> None:
    fields = spot.structure.by_tag
    count = 0
    for tag in GROUPS:
        group = fields.get(tag)
        if isinstance(group, Structure):
            count += number(group.by_tag, _COUNT, 4) or 0
            _judge_group(spot.child(group, spot.structure.tags.index(tag)), report)
    corrections = fields.get(_CORRECTIONS)
    corrected = 0
    if isinstance(corrections, Structure):
        corrected = _judge_corrections(spot.child(corrections, spot.structure.tags.index(_CORRECTIONS)), report)
    stated = number(fields, _ALL_COUNT, 4)
    if stated is not None and stated not in (count, count + corrected):
        report.add(
            "R-S7",
            path=spot.field(_ALL_COUNT),
            tag=_ALL_COUNT,
            offset=spot.offset_of(_ALL_COUNT),
            found=stated,
            expected=count if not corrected else f"{count} or {count + corrected}",
        )


def _judge_corrections(spot: Spot, report: Report) -> int:
    fields = spot.structure.by_tag
    for tag in _CORRECTION_GROUPS:
        group = fields.get(tag)
        if isinstance(group, Structure):
            _judge_group(spot.child(group, spot.structure.tags.index(tag)), report)
    return number(fields, _CORRECTION_COUNT, 4) or 0


def _judge_group(spot: Spot, report: Report) -> None:
    fields = spot.structure.by_tag
    total = money(fields, _TOTAL)
    parts = _parts(fields)
    if total is not None and parts is not None and total != parts:
        report.add(
            "R-S7",
            path=spot.field(_TOTAL),
            tag=_TOTAL,
            offset=spot.offset_of(_TOTAL),
            found=roubles(total),
            expected=f"{roubles(parts)}, the sum of the payments",
        )


def _parts(fields: Mapping[int, bytes | Structure]) -> int | None:
    """The sum of the payments; None when not one of them is there: then the total stands alone."""
    amounts = [money(fields, tag) for tag in _PAYMENTS if tag in fields]
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if known and len(known) == len(amounts) else None
