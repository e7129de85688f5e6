"""Value added tax (НДС): of each item by its rate, and of the receipt by its items. Rules R-P7, R-S5, R-S6."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ofd_gateway.ffd.checks.reading import money, number
from ofd_gateway.ffd.checks.sums import roubles
from ofd_gateway.ffd.tlv import Structure

if TYPE_CHECKING:
    from ofd_gateway.ffd.checks.place import Spot
    from ofd_gateway.ffd.checks.report import Report
    from ofd_gateway.ffd.checks.tally import Tally

__all__ = [
    "LEGACY_CODES",
    "NO_CODE",
    "RATE_CODES",
    "TURNOVERS",
    "TURNOVER_SLACK",
    "Rates",
    "judge_item_vat",
    "judge_receipt_vat",
    "rates_at",
]

Rates = tuple[tuple[int, int], ...]
"""By rate code (1199): tax as a part of the sum with tax, (20, 120) for 20 %; (0, 1) for none."""

NO_CODE: Final = 0
RATE_CODES: Final = 13

LEGACY_CODES: Final = {1102: 1, 1103: 2, 1106: 3, 1107: 4, 1104: 5, 1105: 6}
"""Tags that hold the tax of a receipt, in FFD 1.0 also of an item, and the rate codes they stand for."""

TURNOVERS: Final = frozenset({1104, 1105})
"""These hold what was sold, not the tax on it."""
TURNOVER_SLACK: Final = 99
"""Kopecks that a turnover may differ by, as the total may be rounded to whole roubles."""

_ITEM_VAT, _RATE, _SUMS, _ENTRY, _ENTRY_SUM, _NO_VAT = 1200, 1199, 1115, 1119, 1120, 1105
_ITEM: Final = 1059
_FIRST_NEW_CODE: Final = 7
_CODES_OF_2026: Final = (11, 12)

_SINCE_2019: Final = 1546300800
_SINCE_2025: Final = 1735689600
_SINCE_2026: Final = 1767225600


def _rates(base: int) -> Rates:
    base_rate, ten, five, seven, new = (base, 100 + base), (10, 110), (5, 105), (7, 107), (22, 122)
    none = (0, 1)
    return (none, base_rate, ten, base_rate, ten, none, none, five, seven, five, seven, new, new)


_RATES_20: Final = _rates(20)
_RATES_18: Final = _rates(18)


def rates_at(issued_at: int | None) -> Rates:
    """The rates in force at a 1012: codes 1 and 3 meant 18 % before 2019."""
    return _RATES_18 if issued_at is not None and issued_at < _SINCE_2019 else _RATES_20


def judge_item_vat(
    vat: int, amount: int, rate: tuple[int, int], spot: Spot, report: Report, tag: int = _ITEM_VAT
) -> None:
    """R-S5 of one item: the tax is that part of the sum, one kopeck either way."""
    part, whole = rate
    exact = (2 * amount * part + whole) // (2 * whole)
    if abs(vat - exact) > 1:
        report.add(
            "R-S5",
            path=spot.field(tag),
            tag=tag,
            offset=spot.offset_of(tag),
            found=roubles(vat),
            expected=f"{roubles(exact)}: {part}/{whole} of {roubles(amount)}" if part else "0.00",
        )


def judge_receipt_vat(spot: Spot, tally: Tally, issued_at: int | None, report: Report) -> None:
    """R-P7 and R-S5 of the whole receipt against its items, R-S6 of the rates they use."""
    fields = spot.structure.by_tag
    counts = tally.counts
    is_lone_zero = _NO_VAT in fields and _is_lone_zero(spot)
    if is_lone_zero:
        report.add(
            "R-P7",
            path=spot.field(_NO_VAT),
            tag=_NO_VAT,
            offset=spot.offset_of(_NO_VAT),
            found="0.00",
            expected="a sum, or no 1105",
        )
    for tag, code in LEGACY_CODES.items():
        if tag in fields:
            if tally.count and not is_lone_zero:
                _judge_sum(spot, tag, code, tally, money(fields, tag), report)
        elif counts[code] and tag not in TURNOVERS and tally.vats[code]:
            _missing(spot, tag, code, report)
    if _SUMS in fields or any(counts[_FIRST_NEW_CODE:]):
        _judge_new_rates(spot, tally, issued_at, report)


def _judge_sum(spot: Spot, tag: int, code: int, tally: Tally, stated: int | None, report: Report) -> None:
    if stated is None or not tally.is_known or tally.unrated:
        return
    is_turnover = tag in TURNOVERS
    expected = tally.bases[code] if is_turnover else tally.vats[code]
    allowed = TURNOVER_SLACK if is_turnover else max(1, tally.counts[code])
    if abs(stated - expected) > allowed:
        _differs(spot, tag, stated, expected, report)


def _is_lone_zero(spot: Spot) -> bool:
    """Whether 1105=0 is all the receipt says of its tax: drivers refuse such receipts."""
    fields = spot.structure.by_tag
    others = (_SUMS, *(tag for tag in LEGACY_CODES if tag != _NO_VAT))
    return money(fields, _NO_VAT) == 0 and not any(tag in fields for tag in others)


def _judge_new_rates(spot: Spot, tally: Tally, issued_at: int | None, report: Report) -> None:
    stated: dict[int, int] = {}
    sums = spot.structure.by_tag.get(_SUMS)
    if isinstance(sums, Structure):
        for entry in sums.structures(_ENTRY):
            code = number(entry.by_tag, _RATE, 1)
            if code is not None:
                stated[code] = stated.get(code, 0) + (money(entry.by_tag, _ENTRY_SUM) or 0)
    for code in range(_FIRST_NEW_CODE, RATE_CODES):
        if code in stated:
            if tally.count and tally.is_known and not tally.unrated:
                expected = tally.vats[code]
                if abs(stated[code] - expected) > max(1, tally.counts[code]):
                    _differs(spot, _SUMS, stated[code], expected, report)
        elif tally.vats[code]:
            _missing(spot, _SUMS, code, report)
        since = _SINCE_2026 if code in _CODES_OF_2026 else _SINCE_2025
        if issued_at is not None and issued_at < since and (tally.counts[code] or code in stated):
            report.add(
                "R-S6",
                path=spot.path,
                tag=_RATE,
                offset=spot.structure.offset,
                found=f"rate code {code}",
                expected="2026-01-01 or later" if code in _CODES_OF_2026 else "2025-01-01 or later",
            )


def _missing(spot: Spot, tag: int, code: int, report: Report) -> None:
    report.add(
        "R-P7",
        path=spot.field(tag),
        tag=tag,
        offset=spot.structure.offset,
        expected=f"the tax of the items with rate code {code}",
    )


def _differs(spot: Spot, tag: int, stated: int, expected: int, report: Report) -> None:
    report.add(
        "R-S5",
        path=spot.field(tag),
        tag=tag,
        offset=spot.offset_of(tag),
        found=roubles(stated),
        expected=f"{roubles(expected)} by the items",
    )
