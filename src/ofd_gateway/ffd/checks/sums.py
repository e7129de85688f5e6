"""Sums of a receipt (суммы чека), in kopecks: price × quantity, items, payments. Rules R-S1 to R-S4."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ofd_gateway.ffd.checks.reading import money

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ofd_gateway.ffd.checks.place import Spot
    from ofd_gateway.ffd.checks.plan import Plan
    from ofd_gateway.ffd.checks.report import Report
    from ofd_gateway.ffd.checks.tally import Tally
    from ofd_gateway.ffd.tlv import Structure

__all__ = ["PAYMENTS", "TOTAL", "judge_item_sum", "judge_payments", "judge_total", "roubles"]

TOTAL, _ITEM_SUM, _STORNO, _MODIFIER, _MARKUP, _DISCOUNT = 1020, 1043, 1071, 1112, 1035, 1064
PAYMENTS: Final = (1031, 1081, 1215, 1216, 1217)
_ROUBLE: Final = 100


def judge_item_sum(amount: int, product: int, power: int, spot: Spot, report: Report) -> None:
    """R-S1: 1043 against price × quantity, which is `product / power` kopecks; one kopeck either way is allowed."""
    exact = (2 * product + power) // (2 * power)
    difference = abs(amount - exact)
    if difference > 1:
        report.add(
            "R-S1",
            path=spot.field(_ITEM_SUM),
            tag=_ITEM_SUM,
            offset=spot.offset_of(_ITEM_SUM),
            found=roubles(amount),
            expected=roubles(exact),
            lowered=difference < _ROUBLE,
        )


def judge_payments(spot: Spot, plan: Plan, report: Report) -> None:
    """R-S3: the payments add up to the total. Nothing is said when one of them is missing or cannot be read."""
    fields = spot.structure.by_tag
    total = money(fields, TOTAL)
    if total is None:
        return
    paid = 0
    for tag in PAYMENTS:
        payment = money(fields, tag)
        if payment is not None:
            paid += payment
        elif tag in fields or tag in plan.demanded:
            return
    if paid != total:
        report.add(
            "R-S3",
            path=spot.field(TOTAL),
            tag=TOTAL,
            offset=spot.offset_of(TOTAL),
            found=f"{roubles(total)}, payments {roubles(paid)}",
            expected="total = sum of the payments",
            lowered=plan.ffd == "1.0" and abs(paid - total) < _ROUBLE,
        )


def judge_total(spot: Spot, tally: Tally, plan: Plan, report: Report) -> None:
    """R-S2, in FFD 1.0 with storno or discounts R-S4: the items add up to the total; whole roubles must agree."""
    fields = spot.structure.by_tag
    total = money(fields, TOTAL)
    if total is None or not tally.is_known:
        return
    if plan.ffd == "1.0" and (_STORNO in fields or _MODIFIER in fields):
        _judge_legacy_total(spot, tally.total, total, report)
        return
    if total == tally.total:
        return
    report.add(
        "R-S2",
        path=spot.field(TOTAL),
        tag=TOTAL,
        offset=spot.offset_of(TOTAL),
        found=f"{roubles(total)}, items {roubles(tally.total)}",
        expected="total = sum of the items",
        lowered=abs(tally.total - total) < _ROUBLE,
    )


def roubles(kopecks: int) -> str:
    """A sum as registers print it: 1234.56."""
    return f"{kopecks // 100}.{kopecks % 100:02}"


def _judge_legacy_total(spot: Spot, items: int, total: int, report: Report) -> None:
    root = spot.structure
    storno = sum(_amount(one.by_tag, _ITEM_SUM) for one in root.structures(_STORNO))
    modifiers = root.structures(_MODIFIER)
    change = sum(_amount(one.by_tag, _MARKUP) - _amount(one.by_tag, _DISCOUNT) for one in modifiers)
    if total not in (items - storno, items - storno + change):
        report.add(
            "R-S4",
            path=spot.field(TOTAL),
            tag=TOTAL,
            offset=spot.offset_of(TOTAL),
            found=f"{roubles(total)}, items {roubles(items)}, storno {roubles(storno)}",
            expected="total = items less storno, with discounts",
        )


def _amount(fields: Mapping[int, bytes | Structure], tag: int) -> int:
    return money(fields, tag) or 0
