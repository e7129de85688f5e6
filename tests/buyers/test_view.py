"""What a buyer sees of a receipt, value by value."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from ofd_gateway.buyers import NotAReceipt, ReceiptView, receipt_view
from ofd_gateway.buyers.amounts import money_text
from ofd_gateway.buyers.words import TITLES, rate_words, unit_words, value_words
from ofd_gateway.ffd import decode
from ofd_gateway.ffd.dictionary import FFD_VERSIONS, document_codes
from ofd_gateway.ffd.enumerations import enumeration
from ofd_gateway.ffd.tlv import tlv
from ofd_gateway.ledger import RECEIPT_CODES
from tests.buyers.samples import FN, HOSTILE, SALE, SAMPLES

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ofd_gateway.buyers.view import Fact, Sum


def said(facts: Iterable[Fact]) -> dict[str, str]:
    return {fact.label.ru: fact.text.ru for fact in facts}


def sums(found: Iterable[Sum]) -> dict[str, int]:
    return {one.label.ru: one.kopecks for one in found}


def view_of(code: int, *records: bytes) -> ReceiptView:
    return receipt_view(decode(tlv(code, b"".join(records))))


def captured(reference: Path, name: str) -> ReceiptView:
    return receipt_view(decode(bytes.fromhex((reference / "ffd" / "examples" / f"{name}.tlv.hex").read_text())))


def test_the_head_of_a_sale() -> None:
    view = receipt_view(SALE)
    assert (view.code, view.ffd, view.title.ru, view.operation.ru) == (3, "1.2", "Кассовый чек", "Приход")
    assert (view.gives_money, view.is_trial) == (False, False)
    assert (view.seller_name, view.seller_inn) == ('ООО "Булочная у реки"', "7704211201")
    assert (view.address, view.place) == ("443001, г. Самара, ул. Набережная, д. 12", 'Пекарня "У реки", касса 1')
    assert (view.cashier, view.shift_number, view.receipt_number) == ("Иванова А. П.", 248, 17)
    assert view.issued_at_local == datetime(2026, 11, 24, 9, 23)
    assert (view.fn, view.fd, view.fiscal_sign) == (FN, 107541, "3678250787")
    assert view.registration_number == "0001473719030755"
    assert (view.fns_site, view.sender_email) == ("www.nalog.gov.ru", "noreply@ofd.example")
    assert view.taxation.ru == "ОСН"
    assert said(view.facts) == {"Контакт покупателя": "anna@example.com"}


def test_sums_of_a_sale() -> None:
    view = receipt_view(SALE)
    assert view.total_kopecks == 123456
    assert sums(view.payments) == {"Наличными": 23456, "Безналичными": 100000}
    assert sums(view.vat) == {"Сумма НДС 10%": 3210, "Сумма НДС 22%": 15890}


def test_items_of_a_sale() -> None:
    bread, milk, coffee, delivery = receipt_view(SALE).items
    assert (bread.price_kopecks, bread.quantity, bread.sum_kopecks) == (7990, Decimal(2), 15980)
    assert (bread.unit.ru, bread.vat.ru, bread.vat_kopecks) == ("шт.", "НДС 10%", 1453)
    assert (bread.payment_method.ru, bread.item_type.ru, bread.mark) == ("полный расчет", "товар", "")
    assert (milk.mark, milk.item_type.ru) == ("[М+]", "товар с кодом маркировки")
    assert said(milk.facts) == {"Код товара": "0104603934000250215Qbag!"}
    assert (coffee.quantity_text, coffee.unit.ru, said(coffee.facts)) == (
        "0.308",
        "кг",
        {"Код страны происхождения": "231"},
    )
    assert delivery.unit.ru == ""
    assert said(delivery.facts) == {
        "Агент": "агент",
        "Поставщик": "ИП Быстров С. К.",
        "Телефон поставщика": "+79990001122",
        "ИНН поставщика": "500100732259",
    }


def test_a_marking_code_before_1_2_is_shown_as_its_numbers() -> None:
    milk = receipt_view(SAMPLES["sale_1.05"]).items[1]
    assert said(milk.facts) == {"Код товара": "04603934000250 5Qbag!"}


def test_a_refund_before_2019() -> None:
    view = receipt_view(SAMPLES["refund_1.05"])
    assert (view.operation.ru, view.operation.en, view.gives_money) == ("Возврат прихода", "Refund", True)
    assert (view.items[0].vat.ru, sums(view.vat)) == ("НДС 18%", {"Сумма НДС 18%": 1403})
    assert view.fiscal_sign == "0041465479"
    assert said(view.facts) == {"Карта лояльности": "2000 1234"}


def test_a_correction() -> None:
    view = receipt_view(SAMPLES["correction_1.1"])
    assert (view.title.ru, view.is_trial, view.taxation.ru) == ("Кассовый чек коррекции", True, "УСН доход")
    assert sums(view.payments) == {
        "Предоплата (аванс)": 200,
        "Постоплата (кредит)": 200,
        "Встречное предоставление": 100,
    }
    assert sums(view.vat) == {"Сумма с НДС 0%": 100, "Сумма без НДС": 200, "Сумма НДС 5%": 9, "Сумма НДС 7/107": 2}
    assert said(view.facts) == {
        "Коррекция": "по предписанию",
        "Дата корректируемого расчёта": "31.12.2025",
        "Номер предписания": "15-09/77",
        "Основание коррекции": "Предписание",
        "Покупатель": 'ООО "Покупатель"',
        "ИНН покупателя": "7802781104",
    }


def test_identity_papers_are_not_shown() -> None:
    document = SAMPLES["correction_1.2"]
    assert "4000 111222".encode("cp866") in document.raw
    assert "4000 111222" not in repr(receipt_view(document))


def test_a_part_of_a_marked_piece() -> None:
    (item,) = receipt_view(SAMPLES["correction_1.2"]).items
    assert (item.quantity_text, item.quantity, item.mark) == ("1/20", Decimal(1), "[М-]")
    assert said(item.facts) == {"Отраслевой реквизит": "030 26.03.2022 477 UUID=1&Time=2"}


def test_a_purchase_from_the_buyer_through_an_agent() -> None:
    view = receipt_view(SAMPLES["purchase_bso_1.1"])
    assert (view.title.ru, view.operation.ru, view.gives_money) == ("Бланк строгой отчётности", "Расход", True)
    assert view.machine_number == "AT-7"
    assert [(fact.label.ru, fact.text.ru) for fact in view.facts] == [
        ("Агент", "комиссионер"),
        ("Телефон поставщика", "+78460000001"),
        ("Телефон поставщика", "+78460000002"),
    ]


def test_a_captured_receipt_of_1_0(reference: Path) -> None:
    view = captured(reference, "receipt_1.0_2017-08_leroy")
    assert (view.ffd, view.seller_name, view.total_kopecks) == ("1.0", 'ООО "Леруа Мерлен Восток"', 1076200)
    assert [(item.vat.ru, item.vat_kopecks) for item in view.items][:2] == [("НДС 18%", 8878), ("НДС 18%", 99580)]
    assert (sums(view.payments), sums(view.vat)) == ({"Наличными": 1076200}, {"Сумма НДС 18%": 164166})


def test_a_captured_receipt_with_a_requisite_of_the_user(reference: Path) -> None:
    view = captured(reference, "receipt_1.0_2018-05_x5_rounded_total")
    assert said(view.facts) == {"Код": "G637"}
    assert view.address == "620017, г. Екатеринбург, ул. Азина, д. 18ж"


def test_a_captured_receipt_of_1_05(reference: Path) -> None:
    view = captured(reference, "receipt_1.05_2018-10_market")
    assert (view.ffd, view.seller_name, view.fiscal_sign) == ("1.05", "", "4146547960")
    assert [item.quantity_text for item in view.items] == ["2", "1"]


@pytest.mark.parametrize("code", sorted(set(document_codes()) - RECEIPT_CODES))
def test_other_documents_are_no_receipts(code: int) -> None:
    with pytest.raises(NotAReceipt, match="is no receipt"):
        view_of(code)


def test_receipts_are_what_the_ledger_calls_so() -> None:
    assert set(TITLES) == RECEIPT_CODES


@pytest.mark.parametrize("code", sorted(RECEIPT_CODES))
def test_an_empty_document_says_nothing(code: int) -> None:
    view = view_of(code)
    assert (view.items, view.payments, view.vat, view.facts) == ((), (), (), ())
    assert (view.seller_name, view.fn, view.fd, view.total_kopecks, view.qr) == ("", "", None, None, None)


def test_malformed_values_are_left_out() -> None:
    view = view_of(
        3,
        tlv(1054, b"\x01\x02"),
        tlv(1020, b"\xff" * 9),
        tlv(1031, b"\x01" * 9),
        tlv(1055, b""),
        tlv(1077, b"\x01"),
        tlv(1059, tlv(1199, b"\x01\x02\x03") + tlv(1079, b"\x01" * 9) + tlv(1023, b"\x01" * 9) + tlv(1214, b"\x63")),
    )
    assert (view.operation.ru, view.total_kopecks, view.payments, view.fiscal_sign) == ("", None, (), "")
    (item,) = view.items
    assert (item.vat.ru, item.price_kopecks, item.quantity, item.payment_method.ru) == ("", None, None, "")


def test_an_unknown_rate_is_shown_as_its_number() -> None:
    assert (rate_words(77, 2030).ru, rate_words(6, 2030).ru) == ("НДС (77)", "без НДС")


@pytest.mark.parametrize("rate", sorted(enumeration(1199).values("1.2")))  # type: ignore[union-attr,arg-type]
def test_every_rate_has_a_name(rate: int) -> None:
    assert "(" not in rate_words(rate, 2026).ru


@pytest.mark.parametrize("code", sorted(enumeration(2108).values("1.2")))  # type: ignore[union-attr,arg-type]
def test_every_measure_has_a_short_name(code: int) -> None:
    words = unit_words(code)
    assert (words.ru, words.en) == ("", "") if code == 255 else 0 < len(words.en) <= 4


def test_an_unknown_measure_has_none() -> None:
    assert unit_words(99).ru == ""


@pytest.mark.parametrize("ffd", FFD_VERSIONS)
@pytest.mark.parametrize("tag", [1212, 1214])
def test_every_value_has_words_in_both_languages(tag: int, ffd: str) -> None:
    found = enumeration(tag)
    assert found is not None
    for value in found.values(ffd):
        words = value_words(tag, int(value))
        assert words.ru
        assert words.en.isascii()


def test_what_was_taken_back_in_the_format_of_2016() -> None:
    item = tlv(1030, "Хлеб".encode("cp866")) + tlv(1043, b"\x64")
    kept, back = view_of(3, tlv(1071, item), tlv(1059, item)).items
    assert (kept.is_storno, back.is_storno) == (False, True)


def test_texts_of_registers_steer_nothing() -> None:
    view = receipt_view(HOSTILE)
    texts = [view.seller_name, view.address, view.cashier, *(item.name for item in view.items)]
    assert all(text.isprintable() for text in texts)
    assert view.seller_name.startswith("<script>alert(1)</script>\"'& [31m Bcc: x@y.example ЩЩ")


@pytest.mark.parametrize(
    ("kopecks", "text"), [(0, "0.00"), (7, "0.07"), (123456, "1234.56"), (2**64 - 1, "184467440737095516.15")]
)
def test_sums_are_spelt_as_registers_print_them(kopecks: int, text: str) -> None:
    assert money_text(kopecks) == text


@pytest.mark.parametrize(
    ("checks", "mark"), [(15, "[М+]"), (31, "[М+]"), (0, "[М]"), (3, "[М]"), (1, "[М-]"), (7, "[М-]"), (5, "[М-]")]
)
def test_the_sign_of_marked_goods(checks: int, mark: str) -> None:
    (item,) = view_of(3, tlv(1209, b"\x04"), tlv(1059, tlv(2106, bytes([checks])))).items
    assert item.mark == mark


def test_electronic_payments_and_requisites_of_2025() -> None:
    view = view_of(
        3,
        tlv(1209, b"\x04"),
        tlv(1234, tlv(1235, tlv(1082, b"\x64") + tlv(1236, b"\x01") + tlv(1237, b"RRN 42"))),
        tlv(1125, b"\x01"),
        tlv(1270, tlv(1271, b"\x00") + tlv(1272, b"data") + tlv(1273, b"\x00\x00\x00\x60")),
    )
    texts = [fact.text.ru for fact in view.facts]
    assert "RRN 42" in texts
    assert "да" in texts
    assert any("data" in text for text in texts)
