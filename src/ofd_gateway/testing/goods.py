"""Items of a receipt (предметы расчёта, 1059) as a test names them, written for a virtual register."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ofd_gateway.simulator.fields import kopecks, quantity, text, tlv, u8
from ofd_gateway.simulator.formats import Ffd
from ofd_gateway.simulator.settlement import VatRate

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Item", "write_item"]

_KEYS: Final = ("name", "price", "quantity", "sum", "nds", "paymentType", "productType")
_FULL_SETTLEMENT: Final = 4
_GOODS: Final = 1
_PIECE: Final = 0
_MOST_DECIMALS: Final = 8


class Item(NamedTuple):
    """One item as written: its TLV, its sum, its VAT."""

    tlv: bytes
    sum_kopecks: int
    rate: VatRate


def write_item(item: Mapping[str, Any], ffd: Ffd) -> Item:
    """The item with names of FNS JSON: `name`, `price` (kopecks), `quantity` (1), `sum` (price × quantity), `nds` (6).

    Raises:
        ValueError: a name that is not known here, or a value without sense.
    """
    if unknown := item.keys() - set(_KEYS):
        raise ValueError(f"an item has {', '.join(_KEYS)}, not {', '.join(sorted(unknown))}")
    price = _whole("price", item.get("price", 0))
    amount = Decimal(str(item.get("quantity", 1)))
    exponent = amount.as_tuple().exponent
    if not isinstance(exponent, int) or amount < 0 or exponent < -_MOST_DECIMALS:
        raise ValueError(f"quantity: {amount} is no quantity")
    decimals = max(0, -exponent)
    usual = int((price * amount).quantize(Decimal(1), ROUND_HALF_UP))
    sum_kopecks = _whole("sum", item.get("sum", usual))
    rate = VatRate(item.get("nds", VatRate.NO_VAT))
    parts = [
        text(1030, str(item.get("name", "Товар"))),
        kopecks(1079, price),
        quantity(1023, int(amount.scaleb(decimals)), decimals),
        kopecks(1043, sum_kopecks),
        u8(1199, rate),
    ]
    if ffd.names_its_version:
        if rate is not VatRate.NO_VAT:
            parts.append(kopecks(1200, rate.included_kopecks(sum_kopecks)))
        parts += [u8(1214, item.get("paymentType", _FULL_SETTLEMENT)), u8(1212, item.get("productType", _GOODS))]
        parts.append(u8(2108, _PIECE) if ffd is Ffd.V1_2 else text(1197, "шт"))
    return Item(tlv(1059, b"".join(parts)), sum_kopecks, rate)


def _whole(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{name}: sums are whole kopecks, not {value!r}")
    return value
