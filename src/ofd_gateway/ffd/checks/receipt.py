"""What a receipt, a BSO or a correction must agree on with itself (чек, БСО, коррекция)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from ofd_gateway.ffd.checks.agents import judge_root_agent
from ofd_gateway.ffd.checks.plan import ITEM
from ofd_gateway.ffd.checks.reading import number
from ofd_gateway.ffd.checks.sums import judge_payments, judge_total
from ofd_gateway.ffd.checks.tally import Tally, tally_items
from ofd_gateway.ffd.checks.vat import judge_receipt_vat, rates_at
from ofd_gateway.ffd.presence import Era
from ofd_gateway.ffd.tlv import Structure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ofd_gateway.ffd.checks.place import Spot
    from ofd_gateway.ffd.checks.plan import Plan
    from ofd_gateway.ffd.checks.report import Report

__all__ = ["CORRECTIONS", "RECEIPTS", "judge_receipt"]

RECEIPTS: Final = frozenset({3, 4, 31, 41})
"""Receipts (3), BSO (4) and their corrections (31, 41)."""
CORRECTIONS: Final = frozenset({31, 41})

_OPERATION, _TAXATION, _RATE = 1054, 1055, 1199
_SITE, _BUYER_CONTACT, _INTERNET_FLAGS = 1187, 1008, (1125, 1108)
_CORRECTION_TYPE, _BASIS, _BASIS_DATE, _BASIS_NUMBER = 1173, 1174, 1178, 1179
_ITEM_DESCRIPTION: Final = (1030, 1079, 1023)
_RETURNS: Final = frozenset({2, 4})
_GENERAL_TAXATION: Final = 1
_BY_ORDER: Final = 1
_SPECIAL_REGIMES_DESCRIBE_ITEMS: Final = 1612137600
"""2021-02-01, as unix time of the wall clock."""


def judge_receipt(
    spot: Spot,
    plan: Plan,
    items: Sequence[Structure],
    positions: Sequence[int],
    issued_at: int | None,
    report: Report,
) -> None:
    """The items, the sums, the tax, and the rules that tie fields of the root together."""
    item_rule = plan.rules.get(ITEM)
    if item_rule is None or not items:
        tally = Tally(0)
    else:
        rates = rates_at(issued_at)
        tally = tally_items(items, positions, spot, item_rule, plan.child(ITEM), rates, report)
        judge_total(spot, tally, plan, report)
        _judge_items(spot, plan, tally, issued_at, report)
    judge_payments(spot, plan, report)
    judge_receipt_vat(spot, tally, issued_at, report)
    if plan.document in CORRECTIONS:
        _judge_correction(spot, plan, report)
    if plan.ffd != "1.2":
        judge_root_agent(spot, report)
    fields = spot.structure.by_tag
    for flag in _INTERNET_FLAGS:
        if flag in fields:
            _judge_internet(spot, flag, report)


def _judge_items(spot: Spot, plan: Plan, tally: Tally, issued_at: int | None, report: Report) -> None:
    if tally.credits and tally.count > 1:
        for position in tally.credits:
            report.add(
                "R-X4",
                path=spot.field_at(position),
                tag=ITEM,
                offset=spot.offset_at(position),
                found=f"1214=7 beside {tally.count - 1} more",
                expected="the only item",
            )
    if plan.ffd == "1.0":
        return
    if tally.undescribed and issued_at is not None and issued_at >= _SPECIAL_REGIMES_DESCRIBE_ITEMS:
        demanded = plan.child(ITEM).demanded
        wanted = [tag for tag in _ITEM_DESCRIPTION if tag not in demanded]
        for position in tally.undescribed:
            _judge_description(spot, position, wanted, report)
    if tally.unrated and number(spot.structure.by_tag, _TAXATION, 1) == _GENERAL_TAXATION:
        for position in tally.unrated:
            _lacks(spot, position, _RATE, report)


def _judge_description(spot: Spot, position: int, wanted: list[int], report: Report) -> None:
    item = _item_at(spot, position)
    for tag in wanted:
        if tag not in item.by_tag:
            _lacks(spot, position, tag, report)


def _lacks(spot: Spot, position: int, tag: int, report: Report) -> None:
    item = _item_at(spot, position)
    place = spot.child(item, position)
    report.add("R-P8", path=place.field(tag), tag=tag, offset=item.offset, expected="should be there")


def _item_at(spot: Spot, position: int) -> Structure:
    return cast("Structure", spot.structure.values[position])


def _judge_correction(spot: Spot, plan: Plan, report: Report) -> None:
    fields = spot.structure.by_tag
    is_recent = plan.ffd == "1.2" or (plan.ffd == "1.1" and plan.era in (Era.SECOND_ORDER, Era.UNDATED))
    operation = number(fields, _OPERATION, 1)
    if not is_recent and operation in _RETURNS:
        report.add(
            "R-X3",
            path=spot.field(_OPERATION),
            tag=_OPERATION,
            offset=spot.offset_of(_OPERATION),
            found=operation,
            expected="1 or 3",
        )
    basis = fields.get(_BASIS)
    if not isinstance(basis, Structure) or plan.ffd not in ("1.1", "1.2") or plan.era is not Era.SECOND_ORDER:
        return
    place = spot.child(basis, spot.structure.tags.index(_BASIS))
    wanted = [_BASIS_DATE]
    if number(fields, _CORRECTION_TYPE, 1) == _BY_ORDER:
        wanted.append(_BASIS_NUMBER)
    for tag in wanted:
        if tag not in basis.by_tag:
            report.add("R-P12", path=place.field(tag), tag=tag, offset=basis.offset, expected="must be there")


def _judge_internet(spot: Spot, flag: int, report: Report) -> None:
    fields = spot.structure.by_tag
    if number(fields, flag, 1) != 1:
        return
    for tag in (_SITE, _BUYER_CONTACT):
        if tag not in fields:
            report.add(
                "R-P10",
                path=spot.field(tag),
                tag=tag,
                offset=spot.structure.offset,
                expected=f"beside {flag}=1",
            )
