"""What a buyer sees of a receipt (чек), apart from how it is drawn: values, and words in both languages."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final, Literal

import msgspec

from ofd_gateway.ffd.domain import ReceiptQr

__all__ = ["LANGUAGES", "NO_WORDS", "Fact", "ItemView", "Language", "ReceiptView", "Sum", "Words"]

Language = Literal["ru", "en"]

LANGUAGES: Final[tuple[Language, ...]] = ("ru", "en")
"""The first is that of whoever asks for another one."""


class Words(msgspec.Struct, frozen=True):
    """One thing said in both languages; what the document itself says is the same in both."""

    ru: str
    en: str

    def in_(self, language: Language) -> str:
        """The words in one language."""
        return self.ru if language == "ru" else self.en

    def __bool__(self) -> bool:
        return bool(self.ru)


NO_WORDS: Final = Words("", "")


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """A requisite that needs no place of its own: its name and what it says."""

    label: Words
    text: Words


class Sum(msgspec.Struct, frozen=True, kw_only=True):
    """An amount and what it is for: a form of payment, or a rate of VAT."""

    label: Words
    kopecks: int


class ItemView(msgspec.Struct, frozen=True, kw_only=True):
    """One item (предмет расчёта, 1059). None and empty words stand for what the document does not say.

    `mark` is the sign of marked goods as registers print it: `[М+]`, `[М-]`, `[М]` or nothing. `quantity_text` is
    exact, a fraction of a marked piece included.
    """

    name: str
    price_kopecks: int | None
    quantity: Decimal | None
    quantity_text: str
    unit: Words
    sum_kopecks: int | None
    vat: Words
    vat_kopecks: int | None
    payment_method: Words
    item_type: Words
    mark: str
    is_storno: bool
    facts: tuple[Fact, ...]


class ReceiptView(msgspec.Struct, frozen=True, kw_only=True):
    """A receipt, a strict form (БСО) or a correction of either, of any format version.

    Texts are single lines without anything that steers a terminal or the direction of writing. Money is kopecks.
    `gives_money` is set where the buyer gets money: a refund of a sale, a purchase from the buyer. `is_trial` is set
    for a debug FN: such a receipt is none before the law. `qr` is None when the document lacks one of its six facts.
    """

    code: int
    ffd: str
    title: Words
    operation: Words
    gives_money: bool
    is_trial: bool
    seller_name: str
    seller_inn: str
    address: str
    place: str
    cashier: str
    cashier_inn: str
    machine_number: str
    shift_number: int | None
    receipt_number: int | None
    issued_at_local: datetime | None
    items: tuple[ItemView, ...]
    total_kopecks: int | None
    payments: tuple[Sum, ...]
    vat: tuple[Sum, ...]
    taxation: Words
    facts: tuple[Fact, ...]
    registration_number: str
    fn: str
    fd: int | None
    fiscal_sign: str
    fns_site: str
    sender_email: str
    qr: ReceiptQr | None
