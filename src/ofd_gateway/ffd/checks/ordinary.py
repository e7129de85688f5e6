"""The short way for an ordinary receipt: tells that there is nothing to say of its sums."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Final

from ofd_gateway.ffd.checks.sums import PAYMENTS, TOTAL
from ofd_gateway.ffd.checks.vat import LEGACY_CODES, TURNOVER_SLACK, TURNOVERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ofd_gateway.ffd.checks.plan import Plan
    from ofd_gateway.ffd.checks.shape import Shape
    from ofd_gateway.ffd.checks.tally import Tally
    from ofd_gateway.ffd.tlv import Structure

__all__ = ["Ordinary", "ordinary_of"]

_PLAIN_RECEIPTS: Final = frozenset({3, 4})
_SPECIAL_TAGS: Final = frozenset(
    {1115, 1125, 1108, 1071, 1112, 1005, 1016, 1026, 1044, 1073, 1074, 1075, 1171},
)
"""Tags of the root that bring rules of their own: new rates, the internet, storno, discounts, agents."""
_EXEMPT_CODES: Final = (5, 6)
_as_number = int.from_bytes


class Ordinary:
    """Where the sums of a receipt stand in its root. Made once for each shape."""

    __slots__ = ("_covered", "_money", "_taxes")

    def __init__(self, shape: Shape) -> None:
        at = shape.at
        self._money = itemgetter(at[TOTAL], *(at[tag] for tag in PAYMENTS if tag in at))
        self._taxes = tuple((code, at[tag], tag in TURNOVERS) for tag, code in LEGACY_CODES.items() if tag in at)
        self._covered = tuple({*_EXEMPT_CODES, *(code for code, _, _ in self._taxes)})

    def is_in_order(self, values: Sequence[bytes | Structure], tally: Tally) -> bool:
        """Whether payments, items and taxes agree, and no item needs a second look. False only says: look closer."""
        if tally.needs_look:
            return False
        total, *payments = [_as_number(raw, "little") for raw in self._money(values)]
        if total != tally.total or total != sum(payments):
            return False
        counts = tally.counts
        if sum([counts[code] for code in self._covered]) != tally.count:
            return False
        for code, position, is_turnover in self._taxes:
            stated = _as_number(values[position], "little")  # type: ignore[arg-type]  # a leaf is bytes
            if is_turnover:
                if not stated or abs(stated - tally.bases[code]) > TURNOVER_SLACK:
                    return False
            elif abs(stated - tally.vats[code]) > (counts[code] or 1):
                return False
        return True


def ordinary_of(plan: Plan, shape: Shape) -> Ordinary | None:
    """The short way for roots of a shape, None when it has tags that ask for more."""
    known = shape.roles
    if known is None:
        known = shape.roles = _make(plan, shape)
    return known if isinstance(known, Ordinary) else None


def _make(plan: Plan, shape: Shape) -> Ordinary | bool:
    at = shape.at
    is_whole = TOTAL in at and all(tag in at for tag in PAYMENTS if tag in plan.demanded)
    has_payment = any(tag in at for tag in PAYMENTS)
    if plan.document in _PLAIN_RECEIPTS and is_whole and has_payment and not _SPECIAL_TAGS & at.keys():
        return Ordinary(shape)
    return False
