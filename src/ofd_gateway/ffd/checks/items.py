"""Where the fields of an item stand (предмет расчёта), and how those are read that sums are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ofd_gateway.ffd.checks.vat import LEGACY_CODES, RATE_CODES

if TYPE_CHECKING:
    from ofd_gateway.ffd.checks.shape import Shape

__all__ = ["AGENT", "CODES", "CREDIT_PAYMENT", "NAME", "POWERS", "PRICE", "QUANTITY", "ItemRoles", "item_roles"]

NAME, PRICE, QUANTITY, _SUM, _RATE, _VAT, _METHOD, AGENT = 1030, 1079, 1023, 1043, 1199, 1200, 1214, 1222
_SUPPLIER_INN: Final = 1226
_NEEDED: Final = frozenset({NAME, PRICE, QUANTITY, _SUM, _RATE})
_NOT_A_PRODUCT: Final = frozenset({1112, 1291})
"""A discount or a fraction: then the sum is not price times quantity."""

CREDIT_PAYMENT: Final = b"\x07"
"""The value of 1214 that says so."""
CODES: Final = {bytes((code,)): code for code in range(1, RATE_CODES)}
"""Rate codes by the value of 1199."""
POWERS: Final = tuple(10**places for places in range(256))
"""By the first byte of a quantity, its decimal places."""


class ItemRoles:
    """Where the fields of an item stand; -1 when absent. Made once for each shape.

    `is_usual`: what sums are made of is there, and an agent's supplier is named.
    """

    __slots__ = (
        "agent",
        "has_product",
        "is_special",
        "is_usual",
        "legacy_vat",
        "method",
        "money",
        "price",
        "quantity",
        "rate",
        "sum",
        "vat",
    )

    def __init__(self, shape: Shape) -> None:
        at = shape.at
        self.price, self.quantity, self.sum = at.get(PRICE, -1), at.get(QUANTITY, -1), at.get(_SUM, -1)
        self.rate, self.vat, self.method = at.get(_RATE, -1), at.get(_VAT, -1), at.get(_METHOD, -1)
        self.agent = at.get(AGENT, -1)
        self.money = [position for position in (self.price, self.quantity, self.sum, self.vat) if position >= 0]
        self.has_product = min(self.price, self.quantity, self.sum) >= 0 and _NOT_A_PRODUCT.isdisjoint(at)
        self.legacy_vat = tuple((code, tag) for tag, code in LEGACY_CODES.items() if tag in at)
        is_described = NAME in at and self.price >= 0 and self.quantity >= 0
        self.is_special = AGENT in at or bool(self.legacy_vat) or not is_described
        self.is_usual = at.keys() >= _NEEDED and (AGENT not in at or _SUPPLIER_INN in at)


def item_roles(shape: Shape) -> ItemRoles:
    """The roles in items of that shape."""
    roles = shape.roles
    if not isinstance(roles, ItemRoles):
        roles = shape.roles = ItemRoles(shape)
    return roles
