"""A receipt laid out in one language: the lines that the page, the letter and the till roll all show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import msgspec

from ofd_gateway.buyers.amounts import money_text
from ofd_gateway.buyers.view import LANGUAGES, Fact, ItemView, Language, ReceiptView, Sum, Words

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

__all__ = ["ItemLines", "Row", "Sheet", "lay_out", "moment_text"]

_TOTAL: Final = Words("Итог", "Total")
_NO_NAME: Final = Words("Без названия", "Unnamed")
_STORNO: Final = Words("сторно", "taken back")
_TRIAL: Final = Words(
    "Пробный чек отладочного ФН: юридической силы не имеет", "A trial receipt of a debug drive, void before the law"
)
_INN: Final = Words("ИНН", "INN")
_CASHIER: Final = Words("Кассир", "Cashier")
_CASHIER_INN: Final = Words("ИНН кассира", "Cashier's INN")
_MACHINE: Final = Words("Автомат", "Machine")
_MOMENT: Final = Words("Дата и время", "Date and time")
_SHIFT: Final = Words("Смена", "Shift")
_RECEIPT: Final = Words("Чек за смену", "Receipt of the shift")
_TAXATION: Final = Words("СНО", "Taxation")
_RNM: Final = Words("РН ККТ", "Register No. (РН ККТ)")
_FN: Final = Words("ФН", "Fiscal drive (ФН)")
_FD: Final = Words("ФД", "Document (ФД)")
_FP: Final = Words("ФП", "Fiscal sign (ФП)")
_FFD: Final = Words("ФФД", "Format (ФФД)")
_SITE: Final = Words("Сайт ФНС", "Tax service")
_SENDER: Final = Words("Отправитель чека", "Sender")


class Row(msgspec.Struct, frozen=True):
    """A name and what stands beside it."""

    label: str
    value: str


class ItemLines(msgspec.Struct, frozen=True, kw_only=True):
    """One item: `calculation` is price × quantity, `note` the words on VAT, method and subject in one line."""

    number: int
    name: str
    mark: str
    calculation: str
    sum: str
    note: str
    rows: tuple[Row, ...]


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """All lines of a receipt in the order of paper; a row without a value is not there."""

    language: Language
    title: str
    title_beside: str
    operation: str
    gives_money: bool
    trial: str
    seller: str
    seller_lines: tuple[str, ...]
    moment: str
    items: tuple[ItemLines, ...]
    total: Row
    total_beside: str
    payments: tuple[Row, ...]
    vat: tuple[Row, ...]
    details: tuple[Row, ...]
    register_rows: tuple[Row, ...]


def lay_out(view: ReceiptView, language: Language) -> Sheet:
    """The lines of a receipt; English names stand beside the Russian title and total."""
    beside = LANGUAGES[1] if language == LANGUAGES[0] else LANGUAGES[0]
    return Sheet(
        language=language,
        title=view.title.in_(language),
        title_beside=view.title.in_(beside),
        operation=view.operation.in_(language),
        gives_money=view.gives_money,
        trial=_TRIAL.in_(language) if view.is_trial else "",
        seller=view.seller_name,
        seller_lines=tuple(
            line
            for line in (
                f"{_INN.in_(language)} {view.seller_inn}" if view.seller_inn else "",
                view.address,
                view.place,
            )
            if line
        ),
        moment=moment_text(view.issued_at_local),
        items=tuple(_item(item, number, language) for number, item in enumerate(view.items, 1)),
        total=Row(_TOTAL.in_(language), "" if view.total_kopecks is None else money_text(view.total_kopecks)),
        total_beside=_TOTAL.in_(beside),
        payments=_sums(view.payments, language),
        vat=_sums(view.vat, language),
        details=(
            *_rows(
                language,
                (_TAXATION, view.taxation.in_(language)),
                (_CASHIER, view.cashier),
                (_CASHIER_INN, view.cashier_inn),
                (_MACHINE, view.machine_number),
                (_SHIFT, view.shift_number),
                (_RECEIPT, view.receipt_number),
            ),
            *_facts(view.facts, language),
        ),
        register_rows=_rows(
            language,
            (_MOMENT, moment_text(view.issued_at_local)),
            (_RNM, view.registration_number),
            (_FN, view.fn),
            (_FD, view.fd),
            (_FP, view.fiscal_sign),
            (_FFD, view.ffd),
            (_SITE, view.fns_site),
            (_SENDER, view.sender_email),
        ),
    )


def moment_text(moment: datetime | None) -> str:
    """`dd.mm.yyyy HH:MM` on the register's clock, as receipts print it; empty for none."""
    return "" if moment is None else f"{moment:%d.%m.%Y %H:%M}"


def _item(item: ItemView, number: int, language: Language) -> ItemLines:
    quantity = " ".join(part for part in (item.quantity_text, item.unit.in_(language)) if part)
    price = "" if item.price_kopecks is None else money_text(item.price_kopecks)
    note = [
        _STORNO.in_(language) if item.is_storno else "",
        _vat(item, language),
        item.payment_method.in_(language),
        item.item_type.in_(language),
    ]
    return ItemLines(
        number=number,
        name=item.name or _NO_NAME.in_(language),
        mark=item.mark,
        calculation=" × ".join(part for part in (price, quantity) if part),
        sum="" if item.sum_kopecks is None else money_text(item.sum_kopecks),
        note=" · ".join(part for part in note if part),
        rows=_facts(item.facts, language),
    )


def _vat(item: ItemView, language: Language) -> str:
    words = item.vat.in_(language)
    return f"{words} {money_text(item.vat_kopecks)}" if words and item.vat_kopecks else words


def _sums(sums: Iterable[Sum], language: Language) -> tuple[Row, ...]:
    return tuple(Row(one.label.in_(language), money_text(one.kopecks)) for one in sums)


def _facts(facts: Iterable[Fact], language: Language) -> tuple[Row, ...]:
    return tuple(Row(fact.label.in_(language), fact.text.in_(language)) for fact in facts)


def _rows(language: Language, *pairs: tuple[Words, str | int | None]) -> tuple[Row, ...]:
    def told() -> Iterator[Row]:
        for label, value in pairs:
            if value is not None and value != "":
                yield Row(label.in_(language), str(value))

    return tuple(told())
