"""Typed documents to bytes, in four format versions."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, cast

import pytest

from ofd_gateway.ffd import Structure, UnfitValueError, decode, from_fns_json, model, parts, to_fns_json
from ofd_gateway.ffd.builder import _tags, build
from ofd_gateway.ffd.dictionary import FFD_VERSIONS, lookup
from ofd_gateway.ffd.tlv import tlv
from ofd_gateway.ffd.values import encode_value
from tests.ffd.samples import HEAD, ISSUED_AT_LOCAL, KINDS, full

if TYPE_CHECKING:
    from collections.abc import Hashable

    from ofd_gateway.ffd.model import AnyDocument

RECEIPT = model.Receipt(
    head=HEAD,
    shift_number=3,
    receipt_number=4,
    operation_type=parts.OperationType.SALE,
    total_kopecks=15900,
    payments=parts.Payments(electronic_kopecks=15900),
    taxation=parts.Taxation.GENERAL,
)


def body_of(document: AnyDocument, ffd: str) -> dict[str, object]:
    (body,) = to_fns_json(decode(build(document, ffd=ffd), version_hint=ffd)).values()
    assert isinstance(body, dict)
    return body


@pytest.mark.parametrize("ffd", FFD_VERSIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_document_in_every_version_is_readable_and_canonical(kind: type[AnyDocument], ffd: str) -> None:
    plain = build(full(kind), ffd=ffd)
    document = decode(plain)
    assert document.ffd == ffd
    assert document.code == kind.code
    assert document.fn == "9999078902013267"
    assert document.registration_number == "0000000000024136"
    assert document.user_inn == "7802781104"
    assert document.issued_at_local == ISSUED_AT_LOCAL
    assert document.printed_fiscal_sign == 0x247DE6F3
    assert document.encode() == plain
    assert all(field.spec is not None and (field.children or field.value is not None) for field in document.fields())
    json = to_fns_json(document)
    again = from_fns_json(json, ffd=ffd)
    assert to_fns_json(decode(again)) == json


@pytest.mark.parametrize("ffd", FFD_VERSIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_only_tags_of_the_version_and_place_are_written(kind: type[AnyDocument], ffd: str) -> None:
    def check(structure: Structure, parent: int) -> None:
        for tag, value in zip(structure.tags, structure.values, strict=True):
            spec = lookup(tag, parent, ffd=ffd, content=value)
            assert spec is not None
            assert parent in spec.parents, (parent, tag)
            assert spec.in_version(ffd), (parent, tag)
            assert spec.repeatable or structure.tags.count(tag) == 1, (parent, tag)
            if isinstance(value, Structure):
                check(value, tag)

    document = decode(build(full(kind), ffd=ffd))
    check(document.root, document.code)


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_is_written_in_some_version(kind: type[AnyDocument]) -> None:
    """A field whose tag is unknown in its place would vanish in silence."""
    written = {tag for ffd in FFD_VERSIONS for tag in decode(build(full(kind), ffd=ffd)).root.tags}
    declared = {tag for tag in _tags(cast("Hashable", kind)).values() if tag is not None}
    assert declared <= written


@pytest.mark.parametrize(
    ("group", "parent"),
    [
        (parts.Item, 1059),
        (parts.AgentData, 1223),
        (parts.SupplierData, 1224),
        (parts.ProductCode, 1163),
        (parts.Buyer, 1256),
        (parts.CorrectionBasis, 1174),
        (parts.OperationTotals, 1129),
        (parts.CorrectionTotals, 1133),
        (parts.Totals, 1157),
        (parts.Requisite, 1084),
        (parts.IndustryRequisite, 1261),
        (parts.Fraction, 1291),
    ],
)
def test_every_tag_of_a_part_has_a_place_in_it(group: type, parent: int) -> None:
    for name, tag in _tags(cast("Hashable", group)).items():
        assert tag is not None
        spec = lookup(tag, parent, ffd="1.2")
        assert spec is not None
        assert parent in spec.parents, name


def test_versions_write_themselves() -> None:
    assert "fiscalDocumentFormatVer" not in body_of(RECEIPT, "1.0")
    registration = full(model.Registration)
    for ffd, number in (("1.05", 2), ("1.1", 3), ("1.2", 4)):
        body = body_of(registration, ffd)
        assert (body["fiscalDocumentFormatVer"], body["documentKktVersion"], body["documentFdVersion"]) == (number,) * 3
    opened = body_of(full(model.ShiftOpened), "1.1")
    assert opened["documentKktVersion"] == 3
    assert "documentFdVersion" not in opened
    assert "documentKktVersion" not in body_of(full(model.ShiftClosed), "1.1")


def test_all_five_sums_are_written_from_1_05_on() -> None:
    sums = ("cashTotalSum", "ecashTotalSum", "prepaidSum", "creditSum", "provisionSum")
    assert [body_of(RECEIPT, "1.05")[name] for name in sums] == [0, 15900, 0, 0, 0]
    old = body_of(RECEIPT, "1.0")
    assert [old.get(name) for name in sums] == [0, 15900, None, None, None]
    paid = replace(RECEIPT, payments=parts.Payments(credit_kopecks=15900))
    assert body_of(paid, "1.0")["creditSum"] == 15900


def test_usage_is_one_set_of_bits_in_1_2_and_flags_before() -> None:
    registration = replace(full(model.Registration), usage=parts.Usage.EXCISE_GOODS | parts.Usage.MARKED_GOODS)
    assert body_of(registration, "1.2")["usageConditionSigns"] == 320
    flags = ("exciseDutyProductSign", "lotterySign", "gamblingSign", "bsoSign", "serviceSign", "internetSign")
    assert [body_of(registration, "1.05")[name] for name in flags] == [1, 0, 0, 0, 0, 0]
    assert "usageConditionSigns" not in body_of(registration, "1.1")


@pytest.mark.parametrize(
    ("ffd", "key", "value"),
    [
        ("1.0", "correctionReasonCode", [2, 4]),
        ("1.05", "correctionReasonCode", [2, 4]),
        ("1.1", "correctionKktReasonCode", [0x80000082]),
        ("1.2", "correctionKktReasonCode", [0x80000082]),
    ],
)
def test_reasons_are_codes_before_1_1_and_bits_after(ffd: str, key: str, value: list[int]) -> None:
    assert body_of(full(model.Reregistration), ffd)[key] == value


def test_buyer_moves_into_a_structure_in_1_2() -> None:
    receipt = replace(RECEIPT, buyer=parts.Buyer(name="ООО", inn="7734675810"))
    assert body_of(receipt, "1.1")["buyerInn"] == "7734675810"
    assert body_of(receipt, "1.2")["buyerInformation"] == {"buyer": "ООО", "buyerInn": "7734675810"}


def test_vat_of_2025_goes_into_entries() -> None:
    body = body_of(replace(RECEIPT, vat={parts.VatRate.VAT_10: 9, parts.VatRate.VAT_22: 42}), "1.2")
    assert body["nds10"] == 9
    assert body["amountsReceiptNds"] == {"amountsNds": [{"nds": 11, "ndsSum": 42}]}


def test_items_hold_the_unit_of_their_version() -> None:
    item = parts.Item(
        name="Чай", price_kopecks=100, quantity=Decimal("1.500"), sum_kopecks=150, unit="кг", unit_code=11
    )
    receipt = replace(RECEIPT, items=(item, item))
    assert (
        body_of(receipt, "1.05")["items"]
        == [{"name": "Чай", "price": 100, "quantity": Decimal("1.5"), "sum": 150, "unit": "кг"}] * 2
    )
    assert (
        body_of(receipt, "1.2")["items"]
        == [{"name": "Чай", "price": 100, "quantity": Decimal("1.5"), "sum": 150, "itemsQuantityMeasure": 11}] * 2
    )


def test_records_stand_in_the_order_of_the_drive() -> None:
    tags = list(decode(build(RECEIPT, ffd="1.05")).root.tags)
    assert tags[:10] == [1209, 1041, 1037, 1018, 1040, 1012, 1077, 1038, 1042, 1054]
    assert tags[10:] == [1020, 1031, 1055, 1081, 1215, 1216, 1217]


@pytest.mark.parametrize(
    ("changed", "path", "detail"),
    [
        ({"head": replace(HEAD, fn="99990789020132670")}, "Receipt.head.fn", "17 bytes where 16 are allowed"),
        ({"head": replace(HEAD, fiscal_sign=b"\x01")}, "Receipt.head.fiscal_sign", "1 bytes where 6 are allowed"),
        ({"cashier": "я" * 65}, "Receipt.cashier", "65 bytes where 64 are allowed"),
        ({"cashier": "☃"}, "Receipt.cashier", "has no place in CP866"),
        ({"total_kopecks": 1 << 48}, "Receipt.total_kopecks", "7 bytes where 6 are allowed"),
        ({"payments": parts.Payments(cash_kopecks=-1)}, "Receipt", "can't convert negative int to unsigned"),
        ({"supplier_phones": ("+7" * 18,) * 2000}, "Receipt.supplier_phones", "36 bytes where 19 are allowed"),
        ({"supplier_phones": ("+7",) * 12000}, "Receipt", "do not fit a length of 16 bits"),
    ],
)
def test_a_value_too_large_for_its_tag_is_named(changed: dict[str, object], path: str, detail: str) -> None:
    with pytest.raises(UnfitValueError) as caught:
        build(replace(RECEIPT, **changed), ffd="1.1")  # type: ignore[arg-type]
    assert caught.value.path == path
    assert detail in caught.value.detail


def test_an_unknown_version_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'1.3' is not a format version"):
        build(RECEIPT, ffd="1.3")


def test_fixed_strings_are_padded_on_the_right() -> None:
    spec = lookup(1018, 3, ffd="1.2")
    assert spec is not None
    assert encode_value(spec, "7734675810") == b"7734675810  "
    assert tlv(1018, b"7734675810  ") in build(replace(RECEIPT, head=replace(HEAD, user_inn="7734675810")), ffd="1.0")
