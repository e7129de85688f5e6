"""Comparisons of documents: what is said of each difference."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofd_gateway.testing import Document, assert_receipt, compare
from ofd_gateway.testing.comparison import words
from ofd_gateway.testing.document import Place, placed

RECEIPT: dict[str, Any] = {
    "operationType": 1,
    "totalSum": 10000,
    "cashTotalSum": 10000,
    "ecashTotalSum": 0,
    "dateTime": 1795519380,
    "items": [{"name": "Чай", "price": 5000, "quantity": 2, "sum": 10000}],
    "rawData": "x" * 300,
}


def document(kind: str = "receipt", fields: dict[str, Any] | None = None, **line: Any) -> Document:
    whole = {
        "fn": "9999078900000001",
        "fd": 3,
        "generation": 0,
        "kind": kind,
        "ffd": "1.05",
        "response_code": 0,
        "operator_message": 0,
        "registration_number": None,
        "shift": 1,
        "total_kopecks": 10000,
        "fiscal_sign": 1,
        "peer": "",
        "violations": [],
        "fns": None,
        "fns_code": None,
        "message_sign": "00",
        "document": {kind: RECEIPT if fields is None else fields},
        **line,
    }
    return Document(whole, dict, bytes)


def lines(expected: dict[str, Any], found: Document | None = None, **options: Any) -> list[str]:
    return [str(one) for one in compare(expected, found or document(), **options).differences]


def test_fields_that_are_not_named_are_passed_over() -> None:
    comparison = compare({"totalSum": 10000, "items": [{"name": "Чай"}]}, document())
    assert comparison
    assert str(comparison).endswith("как ожидалось / as expected")


def test_the_kind_may_stand_above() -> None:
    assert compare({"receipt": {"totalSum": 10000}}, document())
    assert not compare({"bso": {"totalSum": 10000}}, document())


def test_a_difference_has_tag_name_and_both_values() -> None:
    assert lines({"totalSum": 9000, "operationType": 2}) == [
        (
            "receipt.totalSum (тег 1020, сумма расчета, указанного в чеке (БСО)): "
            "ожидалось / expected 9000 (90.00 ₽), получено / found 10000 (100.00 ₽)"
        ),
        (
            "receipt.operationType (тег 1054, признак расчета): "
            "ожидалось / expected 2 (возврат прихода), получено / found 1 (приход)"
        ),
    ]


def test_a_name_is_looked_up_in_its_place() -> None:
    [line] = lines({"items": [{"sum": 1}]})
    assert line.startswith("receipt.items[0].sum (тег 1043,")


def test_missing_and_unexpected() -> None:
    missing, more = lines({"nds20": 5, "items": [RECEIPT["items"][0], {"name": "Сахар"}]})
    assert missing.startswith("receipt.nds20 (тег 1102,")
    assert "missing, expected 5 (0.05 ₽)" in missing
    assert more.startswith("receipt.items[1] (тег 1059, ")
    [fewer] = lines({"items": []})
    assert "лишнее / unexpected {'name': 'Чай'" in fewer


def test_exact_takes_every_field() -> None:
    assert compare(RECEIPT, document(), exact=True)
    wanted = {name: value for name, value in RECEIPT.items() if name != "cashTotalSum"}
    [line] = lines(wanted, exact=True)
    assert line.startswith("receipt.cashTotalSum (тег 1031,")


def test_a_part_of_a_document_knows_its_place() -> None:
    item = document().items[0]
    [difference] = compare({"price": 1}, item).differences
    assert (difference.path, difference.tag) == ("receipt.items[0].price", 1079)


def test_times_are_those_of_the_register() -> None:
    moment = datetime.fromtimestamp(1795519380, UTC).replace(tzinfo=None)
    assert compare({"dateTime": moment}, document())
    [line] = lines({"dateTime": datetime(2026, 1, 1)})
    assert "2026-01-01T00:00:00 (1767225600)" in line
    assert "1795519380 (2026-11-24T" in line
    with pytest.raises(ValueError, match="no zone"):
        compare({"dateTime": datetime(2026, 1, 1, tzinfo=UTC)}, document())


def test_fractions_are_exact() -> None:
    found = document(fields={"items": [{"quantity": Decimal("0.876")}]})
    assert compare({"items": [{"quantity": 0.876}]}, found)
    assert compare({"items": [{"quantity": Decimal("0.8760")}]}, found)
    assert "0.876" in lines({"items": [{"quantity": 0.877}]}, found)[0]


def test_long_values_are_cut() -> None:
    assert words(None, "x" * 300).endswith("x…")


def test_a_name_of_no_tag_and_a_kind_of_nobody() -> None:
    assert lines({"shop": 1}) == ["receipt.shop: нет, ожидалось / missing, expected 1"]
    assert lines({"shop": {"below": 1}}, document(fields={"shop": {"below": 2}})) == [
        "receipt.shop.below: ожидалось / expected 1, получено / found 2"
    ]
    assert lines({"code": 1}, document(kind="81", fields={"code": 81}))[0].startswith("81.code:")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=4))
def test_everything_is_like_itself(fields: dict[str, Any]) -> None:
    found = placed(fields, Place("receipt", "1.2"))
    assert found == fields
    assert compare(fields, found, exact=True)


@given(st.dictionaries(st.text(max_size=5), JSON), st.dictionaries(st.text(max_size=5), JSON))
def test_an_exact_comparison_agrees_with_equality(expected: dict[str, Any], fields: dict[str, Any]) -> None:
    found = placed(fields, Place("receipt", "1.2"))
    assert bool(compare(expected, found, exact=True)) == (expected == fields)


def test_a_right_receipt_passes() -> None:
    assert_receipt(
        document(),
        total=10000,
        operation="income",
        items=[{"name": "Чай", "price": 5000, "quantity": 2}],
        payments={"cash": 10000},
        dateTime=1795519380,
    )


def test_every_difference_of_a_receipt_is_told_at_once() -> None:
    with pytest.raises(AssertionError) as wrong:
        assert_receipt(document(), total=1, operation=2, items=[], payments={"ecash": 10000})
    text = str(wrong.value)
    for tag in (1020, 1054, 1059, 1031, 1081):
        assert f"(тег {tag}," in text


def test_a_rejected_receipt_is_told_with_its_violations() -> None:
    violation = {
        "rule": "R-S2",
        "severity": "error",
        "path": "receipt.totalSum",
        "tag": 1020,
        "offset": 4,
        "found": "1",
        "expected": "2",
    }
    rejected = document(response_code=14, violations=[violation])
    with pytest.raises(AssertionError, match=r"1022.*14\n.*R-S2 error receipt\.totalSum \(тег 1020\)"):
        assert_receipt(rejected)
    assert_receipt(rejected, response_code=14)
    assert_receipt(rejected, response_code=None)


def test_another_kind_is_no_receipt() -> None:
    with pytest.raises(AssertionError, match="openShift / it is no receipt"):
        assert_receipt(document(kind="openShift", fields={}))


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"total": 100.0}, "whole kopecks, not 100.0, 10000?"),
        ({"total": True}, "whole kopecks"),
        ({"items": [{"price": Decimal("1.5")}]}, "price: sums are whole kopecks"),
        ({"payments": {"cash": "1"}}, "cash: sums"),
    ],
)
def test_sums_are_kopecks(arguments: dict[str, Any], complaint: str) -> None:
    with pytest.raises(TypeError) as wrong:
        assert_receipt(document(), **arguments)
    assert complaint in str(wrong.value)


@pytest.mark.parametrize("arguments", [{"operation": "sale"}, {"payments": {"card": 1}}])
def test_other_words_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"income, income_return|cash, ecash"):
        assert_receipt(document(), **arguments)
