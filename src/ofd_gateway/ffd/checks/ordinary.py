"""The short way for an ordinary receipt: tells in one pass that there is nothing to say of it."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Final

from ofd_gateway.ffd.checks.agents import ROOT_AGENT, ROOT_AGENT_TAGS
from ofd_gateway.ffd.checks.forms import form_of, is_sound
from ofd_gateway.ffd.checks.items import CODES, CREDIT_PAYMENT, POWERS, item_roles
from ofd_gateway.ffd.checks.plan import ITEM
from ofd_gateway.ffd.checks.shape import shape_of
from ofd_gateway.ffd.checks.sums import PAYMENTS, TOTAL
from ofd_gateway.ffd.checks.vat import LEGACY_CODES, TURNOVER_SLACK, TURNOVERS, rates_at
from ofd_gateway.ffd.tlv import Structure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ofd_gateway.ffd.checks.plan import Plan
    from ofd_gateway.ffd.checks.shape import Shape
    from ofd_gateway.ffd.checks.vat import Rates

__all__ = ["PLAIN_RECEIPTS", "is_in_order"]

PLAIN_RECEIPTS: Final = frozenset({3, 4})
"""Documents that may go the short way: receipts (3) and BSO (4)."""
_LEGACY_PARTS: Final = frozenset({1071, 1112, 1115})
"""Storno, discounts and, in 1115, rates that have rules of their own."""
_INTERNET_FLAGS: Final = frozenset({1125, 1108})
_INTERNET_PLACE: Final = frozenset({1187, 1008})
_EXEMPT_CODES: Final = (5, 6)
_LAST_CODE: Final = 6
_AGENTS_WITH_DATA: Final = 0b1111
_NOTHING: Final = (0, 0, 0)
_as_number = int.from_bytes


class _ReceiptRoles:
    """Where the sums of a receipt stand in its root without the items. Made once for each shape."""

    __slots__ = ("children", "money", "taxes")

    def __init__(self, plan: Plan, shape: Shape) -> None:
        at = shape.at
        self.money = itemgetter(at[TOTAL], *(at[tag] for tag in PAYMENTS if tag in at))
        self.taxes = tuple((code, at[tag], tag in TURNOVERS) for tag, code in LEGACY_CODES.items() if tag in at)
        self.children = tuple((position, plan.child(rule.tag)) for position, rule in shape.children)


def is_in_order(root: Structure, plan: Plan, issued_at: int | None) -> bool:
    """Whether a receipt or a BSO breaks no rule but, perhaps, that of its date. False only says: look closer."""
    tags, values = root.tags, root.values
    count = tags.count(ITEM)
    if not count:
        return False
    first = tags.index(ITEM)
    behind = first + count
    shape = shape_of(plan, tags[:first] + tags[behind:])
    roles = shape.ordinary
    if roles is None:
        roles = shape.ordinary = _ReceiptRoles(plan, shape) if _is_usual(plan, shape) else False
    if not isinstance(roles, _ReceiptRoles):
        return False
    others = values[:first] + values[behind:]
    if not shape.is_clean(others):
        return False
    for position, child in roles.children:
        if not is_sound(others[position], child):
            return False
    sums = _add_up(values[first:behind], plan, rates_at(issued_at))  # type: ignore[arg-type]  # an item is a structure
    return sums is not None and _agree(others, roles, sums, count)


def _is_usual(plan: Plan, shape: Shape) -> bool:
    at = shape.at.keys()
    return (
        plan.document in PLAIN_RECEIPTS
        and shape.faultless
        and ITEM in plan.rules
        and ITEM not in at
        and TOTAL in at
        and at >= {tag for tag in PAYMENTS if tag in plan.demanded}
        and not at.isdisjoint(PAYMENTS)
        and at.isdisjoint(_LEGACY_PARTS)
        and (at.isdisjoint(_INTERNET_FLAGS) or at >= _INTERNET_PLACE)
        and (plan.ffd == "1.2" or ROOT_AGENT in at or at.isdisjoint(ROOT_AGENT_TAGS))
    )


def _add_up(items: Sequence[Structure], plan: Plan, rates: Rates) -> dict[int, list[int]] | None:
    """Count, sum and tax of the items by rate code, None when one of them is wrong or out of the ordinary."""
    item_plan, largest = plan.child(ITEM), plan.rules[ITEM].limit or 0
    known_form = item_plan.forms.get
    sums: dict[int, list[int]] = {}
    last_tags: tuple[int, ...] = ()
    last_rate: bytes | Structure = b""
    for item in items:
        layout = item.layout
        if layout is None:
            return None
        form = known_form(layout) or form_of(item_plan, layout)
        if layout.tags is not last_tags:
            last_tags = layout.tags
            roles = item_roles(form.shape)
            if not roles.is_usual:
                return None
            price_at, quantity_at, sum_at, has_product = roles.price, roles.quantity, roles.sum, roles.has_product
            rate_at, vat_at, method_at, agent_at = roles.rate, roles.vat, roles.method, roles.agent
            closed, known = form.shape.closed, form.shape.known
        values = item.values
        if form.size > largest or not ((form.is_quick and closed(values) in known) or form.is_sound(values)):
            return None
        amount = _as_number(values[sum_at], "little")  # type: ignore[arg-type]  # a leaf is bytes
        if has_product:
            quantity = _as_number(values[quantity_at], "little")  # type: ignore[arg-type]
            product = _as_number(values[price_at], "little") * (quantity >> 8)  # type: ignore[arg-type]
            power = POWERS[quantity & 0xFF]
            if abs(amount * power - product) * 2 > power:
                return None
        rate = values[rate_at]
        if rate != last_rate:
            last_rate = rate
            code = CODES.get(rate, _LAST_CODE + 1)  # type: ignore[arg-type]
            if code > _LAST_CODE:
                return None
            part, whole = rates[code]
            of_code = sums.setdefault(code, [0, 0, 0])
        of_code[0] += 1
        of_code[1] += amount
        if vat_at >= 0:
            vat = _as_number(values[vat_at], "little")  # type: ignore[arg-type]
            if abs(vat * whole - amount * part) > whole:
                return None
            of_code[2] += vat
        else:
            of_code[2] += (2 * amount * part + whole) // (2 * whole)
        if method_at >= 0 and values[method_at] == CREDIT_PAYMENT:
            return None
        if agent_at >= 0 and _as_number(values[agent_at], "little") & _AGENTS_WITH_DATA:  # type: ignore[arg-type]
            return None
    return sums


def _agree(others: Sequence[bytes | Structure], roles: _ReceiptRoles, sums: dict[int, list[int]], count: int) -> bool:
    """Whether total, payments and taxes of the root are those of the items."""
    total, *payments = [_as_number(raw, "little") for raw in roles.money(others)]
    if total != sum(payments) or total != sum([amount for _, amount, _ in sums.values()]):
        return False
    covered = sum([sums[code][0] for code in _EXEMPT_CODES if code in sums])
    for code, position, is_turnover in roles.taxes:
        stated = _as_number(others[position], "little")  # type: ignore[arg-type]  # a leaf is bytes
        items, turnover, vat = sums.get(code, _NOTHING)
        if is_turnover:
            if not stated or abs(stated - turnover) > TURNOVER_SLACK:
                return False
        else:
            covered += items
            if abs(stated - vat) > (items or 1):
                return False
    return covered == count
