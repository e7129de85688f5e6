"""The words of a receipt in Russian and English: names of documents, payments, rates and requisites."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

from ofd_gateway.buyers.view import NO_WORDS, Words
from ofd_gateway.ffd.dictionary import meanings
from ofd_gateway.ffd.enumerations import describe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ofd_gateway.ffd.dictionary import TagSpec

__all__ = [
    "OPERATIONS",
    "PAYMENTS",
    "TITLES",
    "VAT_TAGS",
    "label_of",
    "rate_words",
    "unit_words",
    "value_words",
    "vat_label",
    "verbatim",
]

TITLES: Final[Mapping[int, Words]] = {
    3: Words("Кассовый чек", "Receipt"),
    4: Words("Бланк строгой отчётности", "Strict reporting form"),
    31: Words("Кассовый чек коррекции", "Correction receipt"),
    41: Words("Бланк строгой отчётности коррекции", "Correction of a strict reporting form"),
}
"""By code of the document."""

OPERATIONS: Final[Mapping[int, Words]] = {
    1: Words("Приход", "Sale"),
    2: Words("Возврат прихода", "Refund"),
    3: Words("Расход", "Purchase from the buyer"),
    4: Words("Возврат расхода", "Return of a purchase"),
}
"""By type of settlement (1054)."""

PAYMENTS: Final[Mapping[int, Words]] = {
    1031: Words("Наличными", "Cash"),
    1081: Words("Безналичными", "Card"),
    1215: Words("Предоплата (аванс)", "Prepaid"),
    1216: Words("Постоплата (кредит)", "On credit"),
    1217: Words("Встречное предоставление", "In exchange"),
}

VAT_TAGS: Final[Mapping[int, int]] = {1102: 1, 1103: 2, 1106: 3, 1107: 4, 1104: 5, 1105: 6}
"""Tags with a sum for each rate of before 2025, and the rate (1199) each stands for."""

_VAT_0: Final = 5
_NO_VAT: Final = 6
_RATES: Final[Mapping[int, str]] = {
    1: "20%",
    2: "10%",
    3: "20/120",
    4: "10/110",
    5: "0%",
    7: "5%",
    8: "7%",
    9: "5/105",
    10: "7/107",
    11: "22%",
    12: "22/122",
}
_RATES_BEFORE_2019: Final[Mapping[int, str]] = {1: "18%", 3: "18/118"}
_FIRST_YEAR_OF_20: Final = 2019

_OTHER_UNIT: Final = 255
_UNITS_IN_ENGLISH: Final[Mapping[str, str]] = {
    "piece": "pcs",
    "gram": "g",
    "kilogram": "kg",
    "ton": "t",
    "centimetre": "cm",
    "decimetre": "dm",
    "metre": "m",
    "square centimetre": "cm²",
    "square decimetre": "dm²",
    "square metre": "m²",
    "millilitre": "ml",
    "litre": "l",
    "cubic metre": "m³",
    "kilowatt hour": "kWh",
    "gigacalorie": "Gcal",
    "hour": "h",
    "minute": "min",
    "second": "s",
    "kilobyte": "KB",
    "megabyte": "MB",
    "gigabyte": "GB",
    "terabyte": "TB",
}
"""By the names of the table."""

_LABELS: Final[Mapping[int, Words]] = {
    1008: Words("Контакт покупателя", "Buyer's contact"),
    1057: Words("Агент", "Agent"),
    1108: Words("ККТ для расчётов в интернете", "Register for the Internet only"),
    1125: Words("Расчёт в интернете", "Settled on the Internet"),
    1162: Words("Код товара", "Product code"),
    1163: Words("Код товара", "Product code"),
    1171: Words("Телефон поставщика", "Supplier's phone"),
    1173: Words("Коррекция", "Correction"),
    1177: Words("Основание коррекции", "Basis of the correction"),
    1178: Words("Дата корректируемого расчёта", "Date of the settlement corrected"),
    1179: Words("Номер предписания", "Number of the order"),
    1191: Words("Дополнительно", "Additional"),
    1192: Words("Дополнительный реквизит чека", "Additional requisite"),
    1222: Words("Агент", "Agent"),
    1225: Words("Поставщик", "Supplier"),
    1226: Words("ИНН поставщика", "Supplier's INN"),
    1227: Words("Покупатель", "Buyer"),
    1228: Words("ИНН покупателя", "Buyer's INN"),
    1229: Words("Акциз", "Excise"),
    1230: Words("Код страны происхождения", "Country of origin (code)"),
    1231: Words("Номер декларации на товар", "Customs declaration"),
    1254: Words("Адрес покупателя", "Buyer's address"),
    1260: Words("Отраслевой реквизит", "Requisite of an industry"),
    1261: Words("Отраслевой реквизит чека", "Requisite of an industry"),
    1270: Words("Операционный реквизит чека", "Operational requisite"),
}
_VALUES: Final[Mapping[tuple[int, int], Words]] = {
    (1055, 1): Words("ОСН", "general"),
    (1055, 2): Words("УСН доход", "simplified, income"),
    (1055, 4): Words("УСН доход минус расход", "simplified, income minus expense"),
    (1055, 8): Words("ЕНВД", "imputed income"),
    (1055, 64): Words("АУСН", "automated simplified"),
    (1057, 64): Words("агент", "agent"),
    (1222, 64): Words("агент", "agent"),
    (1212, 9): Words("результаты интеллектуальной деятельности", "intellectual property"),
    (1212, 10): Words("платёж", "payment"),
    (1212, 12): Words("составной предмет расчёта", "composite item"),
    (1212, 30): Words("подакцизный товар без кода маркировки", "excise goods without marking code"),
    (1212, 31): Words("подакцизный товар с кодом маркировки", "excise goods with marking code"),
    (1212, 32): Words("товар без кода маркировки", "goods without marking code"),
    (1212, 33): Words("товар с кодом маркировки", "goods with marking code"),
}
"""Where the names of the tables are for accountants, by tag and value."""


def verbatim(text: str) -> Words:
    """What the document says, in both languages."""
    return Words(text, text)


@functools.cache
def label_of(tag: int) -> Words:
    """The name of a requisite as it stands on a receipt."""
    found = _LABELS.get(tag)
    if found is not None:
        return found
    spec: TagSpec | None = next(iter(meanings(tag)), None)
    if spec is None:
        return verbatim(str(tag))
    return Words(_capital(spec.name_ru), _capital(spec.name_en.replace("_", " ")))


def value_words(tag: int, value: int) -> Words:
    """A value or the bits of a closed set in words; empty when it has no name."""
    named = _VALUES.get((tag, value))
    if named is not None:
        return named
    return Words(describe(tag, value), describe(tag, value, language="en").replace("_", " "))


def unit_words(code: int) -> Words:
    """The measure of a quantity (2108); nothing for «another one»."""
    if code == _OTHER_UNIT:
        return NO_WORDS
    words = value_words(2108, code)
    return Words(words.ru if code else "шт.", _UNITS_IN_ENGLISH.get(words.en, words.en))


def rate_words(rate: int, year: int | None) -> Words:
    """A rate of VAT (1199) in the year of the receipt: 20 % was 18 % before 2019."""
    if rate == _NO_VAT:
        return Words("без НДС", "no VAT")
    text = _rate(rate, year)
    return Words(f"НДС {text}", f"VAT {text}")


def vat_label(rate: int, year: int | None) -> Words:
    """What the sum of a rate is: the tax, or for 0 % and «no VAT» the turnover."""
    if rate == _NO_VAT:
        return Words("Сумма без НДС", "Without VAT")
    text = _rate(rate, year)
    if rate == _VAT_0:
        return Words(f"Сумма с НДС {text}", f"With VAT {text}")
    return Words(f"Сумма НДС {text}", f"VAT {text}")


def _rate(rate: int, year: int | None) -> str:
    if year is not None and year < _FIRST_YEAR_OF_20 and rate in _RATES_BEFORE_2019:
        return _RATES_BEFORE_2019[rate]
    return _RATES.get(rate, f"({rate})")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
