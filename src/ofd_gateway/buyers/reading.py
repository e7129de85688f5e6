"""A document becomes what a buyer sees of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ofd_gateway.buyers.items import read_items
from ofd_gateway.buyers.part import Part
from ofd_gateway.buyers.view import NO_WORDS, Fact, ReceiptView, Sum, Words
from ofd_gateway.buyers.words import (
    OPERATIONS,
    PAYMENTS,
    TITLES,
    VAT_TAGS,
    label_of,
    value_words,
    vat_label,
    verbatim,
)
from ofd_gateway.errors import OfdGatewayError
from ofd_gateway.ffd.domain import ReceiptQr, format_fiscal_sign
from ofd_gateway.plain_text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ofd_gateway.ffd import Document

__all__ = ["NotAReceipt", "receipt_view"]

_OUTGOING: Final = frozenset({2, 3})
_DEBUG_FN: Final = "9999"
_BUYER: Final = (1227, 1228, 1254)
_BEFORE_1_2: Final = (1227, 1228)
_AGENT: Final = (1057, 1044, 1045, 1073, 1074, 1075, 1082, 1083, 1119, 1026, 1005, 1016, 1171)
_AGENT_OF_2016: Final = (1024, 1003, 1025, 1004, 1027, 1006, 1028, 1007, 1010, 1011)
_ELECTRONIC: Final = (1236, 1237, 1238)


class NotAReceipt(OfdGatewayError):
    """The document is none that buyers get: nothing can be shown of it."""


def receipt_view(document: Document) -> ReceiptView:
    """What a buyer sees of a receipt, a strict form or a correction of any format version.

    A requisite that is absent or malformed is left out; nothing is made up. Data of identity papers in 1256 and texts
    for the operator (1069) are left out as well.

    Raises:
        NotAReceipt: the document is of another kind.
    """
    if document.code not in TITLES:
        raise NotAReceipt(f"a {document.kind} is no receipt")
    part = Part(document.root, document.code, document.ffd)
    moment = document.issued_at_local
    year = None if moment is None else moment.year
    operation = document.operation_type
    sign = document.fiscal_sign
    taxation = document.taxation
    fn = document.fn or ""
    return ReceiptView(
        code=document.code,
        ffd=document.ffd,
        title=TITLES[document.code],
        operation=OPERATIONS.get(operation, NO_WORDS) if operation is not None else NO_WORDS,
        gives_money=operation in _OUTGOING,
        is_trial=fn.startswith(_DEBUG_FN),
        seller_name=part.text(1048),
        seller_inn=clean(document.user_inn or ""),
        address=part.text(1009),
        place=part.text(1187),
        cashier=part.text(1021),
        cashier_inn=part.text(1203),
        machine_number=part.text(1036),
        shift_number=document.shift_number,
        receipt_number=document.receipt_number,
        issued_at_local=moment,
        items=tuple(read_items(part, year)),
        total_kopecks=document.total_kopecks,
        payments=tuple(_payments(part)),
        vat=tuple(_vat(part, year)),
        taxation=value_words(1055, taxation) if taxation is not None else NO_WORDS,
        facts=tuple(_facts(part)),
        registration_number=clean(document.registration_number or ""),
        fn=fn,
        fd=document.fd,
        fiscal_sign="" if sign is None else format_fiscal_sign(sign),
        fns_site=part.text(1060) or part.text(1115),
        sender_email=part.text(1117),
        qr=ReceiptQr.of(document),
    )


def _payments(part: Part) -> Iterator[Sum]:
    """The forms of payment that were used; registers print no others."""
    for tag, label in PAYMENTS.items():
        kopecks = part.number(tag)
        if kopecks:
            yield Sum(label=label, kopecks=kopecks)


def _vat(part: Part, year: int | None) -> Iterator[Sum]:
    """Sums by rate: a tag for each of the old rates, pairs inside 1115 for those of 2025 and later."""
    for tag, rate in VAT_TAGS.items():
        kopecks = part.number(tag)
        if kopecks:
            yield Sum(label=vat_label(rate, year), kopecks=kopecks)
    for sums in part.parts(1115):
        for entry in sums.parts(1119):
            named, kopecks = entry.number(1199), entry.number(1120)
            if named is not None and kopecks:
                yield Sum(label=vat_label(named, year), kopecks=kopecks)


def _facts(part: Part) -> Iterator[Fact]:
    yield from part.facts(1173)
    for basis in part.parts(1174):
        yield from basis.facts(1178, 1179, 1177)
    yield from part.facts(1008, *_BEFORE_1_2)
    for buyer in part.parts(1256):
        yield from buyer.facts(*_BUYER)
    yield from part.facts(*_AGENT, *_AGENT_OF_2016)
    for payments in part.parts(1234):
        for payment in payments.parts(1235):
            yield from payment.facts(*_ELECTRONIC)
    if part.number(1125):
        yield Fact(label=label_of(1125), text=Words("да", "yes"))
    yield from part.facts(1192)
    for requisite in part.parts(1084):
        name, value = requisite.text(1085), requisite.text(1086)
        if name or value:
            yield Fact(label=verbatim(name) if name else label_of(1084), text=verbatim(value))
    for tag, inner in ((1261, (1262, 1263, 1264, 1265)), (1270, (1271, 1272, 1273))):
        for requisite in part.parts(tag):
            text = requisite.line(*inner)
            if text:
                yield Fact(label=label_of(tag), text=verbatim(text))
