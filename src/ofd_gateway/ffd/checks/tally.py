"""What the items of a receipt add up to (предметы расчёта): one pass that judges each item and keeps the sums."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ofd_gateway.ffd.checks.agents import judge_agent
from ofd_gateway.ffd.checks.fields import describe, examine_children, report_length
from ofd_gateway.ffd.checks.forms import form_of
from ofd_gateway.ffd.checks.items import (
    AGENT,
    CODES,
    CREDIT_PAYMENT,
    NAME,
    POWERS,
    PRICE,
    QUANTITY,
    ItemRoles,
    item_roles,
)
from ofd_gateway.ffd.checks.shape import shape_of
from ofd_gateway.ffd.checks.sums import judge_item_sum
from ofd_gateway.ffd.checks.vat import NO_CODE, RATE_CODES, judge_item_vat

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ofd_gateway.ffd.checks.place import Spot
    from ofd_gateway.ffd.checks.plan import Plan, TagRule
    from ofd_gateway.ffd.checks.report import Report
    from ofd_gateway.ffd.checks.shape import Shape
    from ofd_gateway.ffd.checks.vat import Rates
    from ofd_gateway.ffd.tlv import Structure

__all__ = ["Tally", "tally_items"]

_NUMBER_BYTES: Final = 8
_as_number = int.from_bytes


class Tally:
    """Sums over the items of one receipt. Lists are indexed by VAT rate code (1199); 0 is "no code known".

    `is_known` is False when an item has no readable sum: then totals cannot be compared. `credits`, `unrated` and
    `undescribed` are positions, in the root, of items with 1214=7, without a rate, and without 1030, 1079 or 1023.
    """

    __slots__ = ("bases", "count", "counts", "credits", "is_known", "total", "undescribed", "unrated", "vats")

    def __init__(self, count: int) -> None:
        self.count = count
        self.total = 0
        self.is_known = True
        self.counts = [0] * RATE_CODES
        self.bases = [0] * RATE_CODES
        self.vats = [0] * RATE_CODES
        self.credits: list[int] = []
        self.unrated: list[int] = []
        self.undescribed: list[int] = []


def tally_items(  # noqa: C901 - one flat pass: this is where a receipt's time goes
    items: Sequence[Structure],
    positions: Sequence[int],
    root: Spot,
    rule: TagRule,
    plan: Plan,
    rates: Rates,
    report: Report,
) -> Tally:
    """Judges every item and adds them up.

    `positions` are those of the items in the root; `rule` is that of an item in the root,
    `plan` that of the fields of an item.
    """
    tally = Tally(len(items))
    counts, bases, vats = tally.counts, tally.bases, tally.vats
    largest = rule.limit or 0
    last_tags: tuple[int, ...] | None = None
    last_rate: bytes | Structure = b""
    code, part, whole = NO_CODE, *rates[NO_CODE]
    for position, item in zip(positions, items, strict=True):
        if last_tags is None or item.tags != last_tags:
            last_tags = item.tags
            shape = shape_of(plan, last_tags)
            roles = item_roles(shape)
            price_at, quantity_at, sum_at = roles.price, roles.quantity, roles.sum
            rate_at, vat_at, method_at, has_product = roles.rate, roles.vat, roles.method, roles.has_product
            is_plain = shape.faultless and shape.bounded_bytes <= largest
            closed, known, limits = shape.closed, shape.known, shape.limits
            is_quick = is_plain and shape.is_quick
        values = item.values
        is_sound = is_quick and closed(values) in known
        if is_sound:
            for at, limit in limits:
                if len(values[at]) > limit:  # type: ignore[arg-type]  # a leaf is bytes
                    is_sound = False
                    break
        if not (is_sound or (is_plain and shape.has_sound_leaves(values)) or _is_sound(item, plan, largest)):
            spot = root.child(item, position)
            _judge_fields(spot, rule, plan, shape, report)
            if sum_at < 0 or not _is_readable(item, roles):
                tally.is_known = False
                continue
        amount = _as_number(values[sum_at], "little")  # type: ignore[arg-type]  # a leaf is bytes
        tally.total += amount
        if has_product:
            quantity = _as_number(values[quantity_at], "little")  # type: ignore[arg-type]  # a leaf is bytes
            product = _as_number(values[price_at], "little") * (quantity >> 8)  # type: ignore[arg-type]
            power = POWERS[quantity & 0xFF]
            if abs(amount * power - product) * 2 > power:
                judge_item_sum(amount, product, power, root.child(item, position), report)
        if rate_at >= 0:
            rate = values[rate_at]
            if rate != last_rate:
                last_rate = rate
                code = CODES.get(rate, NO_CODE)  # type: ignore[arg-type]  # a leaf is bytes
                part, whole = rates[code]
            counts[code] += 1
            bases[code] += amount
            if vat_at >= 0:
                vat = _as_number(values[vat_at], "little")  # type: ignore[arg-type]  # a leaf is bytes
                vats[code] += vat
                if abs(vat * whole - amount * part) > whole and code:
                    judge_item_vat(vat, amount, (part, whole), root.child(item, position), report)
            else:
                vats[code] += (2 * amount * part + whole) // (2 * whole)
        else:
            tally.unrated.append(position)
        if method_at >= 0 and values[method_at] == CREDIT_PAYMENT:
            tally.credits.append(position)
        if roles.is_special:
            _judge_special(root.child(item, position), roles, amount, tally, rates, report)
    return tally


def _is_sound(item: Structure, plan: Plan, largest: int) -> bool:
    layout = item.layout
    return layout is not None and layout.size <= largest and form_of(plan, layout).is_sound(item.values)


def _judge_fields(spot: Spot, rule: TagRule, plan: Plan, shape: Shape, report: Report) -> None:
    item = spot.structure
    if rule.limit is not None and shape.bounded_bytes > rule.limit and (size := item.size) > rule.limit:
        report_length(spot.above or spot, spot.position, rule, size, report)
    if not shape.is_clean(item.values):
        describe(spot, plan, shape, report)
    if shape.children:
        examine_children(spot, plan, report)


def _is_readable(item: Structure, roles: ItemRoles) -> bool:
    return all(len(item.values[position]) <= _NUMBER_BYTES for position in roles.money)  # type: ignore[arg-type]


def _judge_special(spot: Spot, roles: ItemRoles, amount: int, tally: Tally, rates: Rates, report: Report) -> None:
    fields = spot.structure.by_tag
    if AGENT in fields:
        judge_agent(spot, report)
    if not (NAME in fields and PRICE in fields and QUANTITY in fields):
        tally.undescribed.append(spot.position)
    if roles.rate >= 0 or not roles.legacy_vat:
        return
    tally.unrated.pop()
    for code, tag in roles.legacy_vat:
        raw = fields[tag]
        vat = _as_number(raw, "little") if isinstance(raw, bytes) and len(raw) <= _NUMBER_BYTES else 0
        tally.counts[code] += 1
        part, whole = rates[code]
        tally.bases[code] += amount
        if part:
            tally.vats[code] += vat
            if len(roles.legacy_vat) == 1:
                judge_item_vat(vat, amount, (part, whole), spot, report, tag)
