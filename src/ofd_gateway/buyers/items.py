"""Items of a receipt (предметы расчёта) as a buyer sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ofd_gateway.buyers.view import NO_WORDS, Fact, ItemView, Words
from ofd_gateway.buyers.words import VAT_TAGS, label_of, rate_words, unit_words, value_words, verbatim
from ofd_gateway.ffd.values import plain_decimal
from ofd_gateway.plain_text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ofd_gateway.buyers.part import Part

__all__ = ["read_items"]

_MARKED_TYPES: Final = frozenset({31, 33})
_ALL_CHECKS: Final = 0b1111
_PRODUCT_CODES: Final = (*range(1300, 1310), *range(1320, 1326))
_AGENT: Final = (1044, 1073, 1074, 1075, 1026, 1005, 1016)
_SUPPLIER: Final = (1225, 1171)
_ORIGIN: Final = (1229, 1230, 1231)
_DATA_MATRIX: Final = b"DM"
_GTIN_BYTES: Final = 6


def read_items(receipt: Part, year: int | None) -> Iterator[ItemView]:
    """Every item in the order of the document, then those taken back (сторно, format of 2016)."""
    for item in receipt.parts(1059):
        yield _item(item, year)
    for item in receipt.parts(1071):
        yield _item(item, year, is_storno=True)


def _item(item: Part, year: int | None, *, is_storno: bool = False) -> ItemView:
    quantity = item.quantity(1023)
    vat, vat_kopecks = _vat(item, year)
    return ItemView(
        name=item.text(1030),
        price_kopecks=item.number(1079),
        quantity=quantity,
        quantity_text=_fraction(item) or ("" if quantity is None else plain_decimal(quantity)),
        unit=_unit(item),
        sum_kopecks=item.number(1043),
        vat=vat,
        vat_kopecks=vat_kopecks,
        payment_method=_named(item, 1214),
        item_type=_named(item, 1212),
        mark=_mark(item),
        is_storno=is_storno,
        facts=tuple(_facts(item)),
    )


def _vat(item: Part, year: int | None) -> tuple[Words, int | None]:
    """Rate and tax; in 1.0 the tag of the tax tells the rate."""
    rate = item.number(1199)
    if rate is not None:
        return rate_words(rate, year), item.number(1200)
    for tag, named in VAT_TAGS.items():
        kopecks = item.number(tag)
        if kopecks:
            return rate_words(named, year), kopecks if tag not in (1104, 1105) else None
    return NO_WORDS, None


def _unit(item: Part) -> Words:
    text = item.text(1197)
    if text:
        return verbatim(text)
    code = item.number(2108)
    return NO_WORDS if code is None else unit_words(code)


def _fraction(item: Part) -> str:
    """Part of a marked piece: `1/12`."""
    for fraction in item.parts(1291):
        text = fraction.text(1292)
        numerator, denominator = fraction.number(1293), fraction.number(1294)
        if text:
            return text
        if numerator is not None and denominator is not None:
            return f"{numerator}/{denominator}"
    return ""


def _named(item: Part, tag: int) -> Words:
    value = item.number(tag)
    return NO_WORDS if value is None else value_words(tag, value)


def _mark(item: Part) -> str:
    """The sign of marked goods: checked and sound, checked and doubtful, not checked."""
    checks = item.number(2106)
    if checks is None:
        return "[М]" if item.number(1212) in _MARKED_TYPES or any(item.parts(1163)) else ""
    if checks & _ALL_CHECKS == _ALL_CHECKS:
        return "[М+]"
    is_doubtful = checks & 0b0011 == 0b0001 or checks & 0b1100 == 0b0100
    return "[М-]" if is_doubtful else "[М]"


def _facts(item: Part) -> Iterator[Fact]:
    for codes in item.parts(1163):
        for fact in codes.facts(*_PRODUCT_CODES):
            yield Fact(label=label_of(1163), text=fact.text)
    code = item.raw(1162)
    if code:
        yield Fact(label=label_of(1162), text=verbatim(_product_code(code)))
    yield from item.facts(1222)
    for agent in item.parts(1223):
        yield from agent.facts(*_AGENT)
    for supplier in item.parts(1224):
        yield from supplier.facts(*_SUPPLIER)
    yield from item.facts(1226, *_ORIGIN, 1191)
    for requisite in item.parts(1260):
        text = requisite.line(1262, 1263, 1264, 1265)
        if text:
            yield Fact(label=label_of(1260), text=verbatim(text))


def _product_code(raw: bytes) -> str:
    """Code of a product before 1.2: Data Matrix as GTIN and serial number, everything else as hex bytes."""
    gtin, serial = raw[2 : 2 + _GTIN_BYTES], raw[2 + _GTIN_BYTES :]
    if raw.startswith(_DATA_MATRIX) and len(gtin) == _GTIN_BYTES:
        return f"{int.from_bytes(gtin, 'big'):014d} {clean(serial.decode('cp866'))}".rstrip()
    return raw.hex(" ").upper()
