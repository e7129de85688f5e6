"""Documents: bytes to structure and head, lossless, and a named error for everything else."""

from __future__ import annotations

from datetime import datetime
from struct import pack
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofd_gateway.ffd import FormatError, Structure, decode
from ofd_gateway.ffd.tlv import tlv

if TYPE_CHECKING:
    from pathlib import Path


def receipt(*records: bytes, code: int = 3) -> bytes:
    return tlv(code, b"".join(records))


ITEM = tlv(1059, tlv(1030, b"tea") + tlv(1043, b"\x64"))

EXAMPLES = {
    "confirmation_1.2_2024_taxcom_code0": ("operatorAck", "1.0", "9999078902013267", 2),
    "confirmation_1.2_2024_taxcom_code14": ("operatorAck", "1.0", "9999078902013267", 1),
    "receipt_1.05_2018-10_market": ("receipt", "1.05", "9289000100087745", 24896),
    "receipt_1.0_2017-08_leroy": ("receipt", "1.0", "8710000100331763", 24423),
    "receipt_1.0_2018-05_x5_rounded_total": ("receipt", "1.0", "8710000100518313", 55817),
    "registration_1.0_2016_yandex_test": ("fiscalReport", "1.0", "999907891234567", 1),
    "reregistration_1.2_2024_mcublog": ("fiscalReportCorrection", "1.2", "9999078902013267", 1),
}


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_captured_documents_decode_and_encode_to_the_same_bytes(reference: Path, name: str) -> None:
    plain = bytes.fromhex((reference / "ffd" / "examples" / f"{name}.tlv.hex").read_text())
    document = decode(plain)
    assert (document.kind, document.ffd, document.fn, document.fd) == EXAMPLES[name]
    assert document.encode() == plain


def test_head_of_a_receipt() -> None:
    document = decode(
        receipt(
            tlv(1209, b"\x02"),
            tlv(1041, b"9289000100087745"),
            tlv(1037, b"0001335368021619    "),
            tlv(1018, b"7734675810  "),
            tlv(1040, pack("<I", 24896)),
            tlv(1012, pack("<I", 1540889340)),
            tlv(1077, bytes.fromhex("3104f7274cf8")),
            tlv(1038, pack("<I", 85)),
            tlv(1042, pack("<I", 47)),
            tlv(1054, b"\x01"),
            tlv(1020, bytes.fromhex("1c3e")),
            tlv(1055, b"\x20"),
        )
    )
    assert document.code == 3
    assert document.ffd == "1.05"
    assert document.fn == "9289000100087745"
    assert document.registration_number == "0001335368021619"
    assert document.user_inn == "7734675810"
    assert document.fd == 24896
    assert document.issued_at_local == datetime.fromisoformat("2018-10-30T08:49:00")
    assert document.fiscal_sign == bytes.fromhex("3104f7274cf8")
    assert document.printed_fiscal_sign == 4146547960
    assert document.shift_number == 85
    assert document.receipt_number == 47
    assert document.operation_type == 1
    assert document.total_kopecks == 15900
    assert document.taxation == 32


HEAD = [
    "fn",
    "registration_number",
    "user_inn",
    "fd",
    "issued_at_local",
    "fiscal_sign",
    "printed_fiscal_sign",
    "shift_number",
    "receipt_number",
    "operation_type",
    "total_kopecks",
    "taxation",
]


@pytest.mark.parametrize("attribute", HEAD)
def test_head_is_none_when_the_tag_is_absent(attribute: str) -> None:
    assert getattr(decode(receipt()), attribute) is None


@pytest.mark.parametrize("attribute", HEAD)
def test_head_is_none_when_the_length_is_wrong(attribute: str) -> None:
    tags = (1041, 1037, 1018, 1040, 1012, 1077, 1038, 1042, 1054, 1020, 1055)
    assert getattr(decode(receipt(*(tlv(tag, b"123456789") for tag in tags))), attribute) is None


def test_empty_numbers_are_zero() -> None:
    document = decode(receipt(tlv(1040, b""), tlv(1020, b""), tlv(1054, b"")))
    assert (document.fd, document.total_kopecks, document.operation_type) == (0, 0, 0)


@pytest.mark.parametrize(
    ("value", "inn"),
    [(b"007734675810", "7734675810"), (b"7734675810  ", "7734675810"), (b"000000000000", "000000000000"),
     (b"771234567890", "771234567890")],
)  # fmt: skip
def test_user_inn_loses_both_kinds_of_padding(value: bytes, inn: str) -> None:
    assert decode(receipt(tlv(1018, value))).user_inn == inn


@pytest.mark.parametrize(("value", "fn"), [(b"999907891234567 ", "999907891234567"), (b"99990789ABCDEFGH", None)])
def test_fn_has_fifteen_or_sixteen_digits(value: bytes, fn: str | None) -> None:
    assert decode(receipt(tlv(1041, value))).fn == fn


@pytest.mark.parametrize(
    ("code", "value", "hint", "ffd"),
    [
        (3, b"\x01", None, "1.0"),
        (3, b"\x02", "1.2", "1.05"),
        (3, b"\x03", None, "1.1"),
        (3, b"\x04", None, "1.2"),
        (3, b"\x09", "1.1", "1.1"),
        (3, b"", None, "1.0"),
        (3, None, "1.05", "1.05"),
        (3, None, "2.0", "1.0"),
        (81, None, None, "1.2"),
        (81, None, "1.1", "1.1"),
    ],
)
def test_version_is_that_of_the_document_then_the_hint(
    code: int, value: bytes | None, hint: str | None, ffd: str
) -> None:
    records = () if value is None else (tlv(1209, value),)
    assert decode(receipt(*records, code=code), version_hint=hint).ffd == ffd


def test_unknown_documents_are_named_by_their_number() -> None:
    assert decode(receipt(code=99)).kind == "99"
    assert decode(receipt(code=82)).kind == "82"


@pytest.mark.parametrize(
    ("plain", "reason", "path", "offset"),
    [
        (b"", "tlv_truncated", "", 0),
        (b"\x03\x00\x00", "tlv_truncated", "", 0),
        (b"\x03\x00\x01\x00", "tlv_overrun", "receipt", 0),
        (receipt() + b"text", "trailing_bytes", "receipt", 4),
        (receipt(b"\x01\x02\x03"), "tlv_truncated", "receipt", 4),
        (receipt(ITEM, pack("<HH", 1055, 2) + b"\x01"), "tlv_overrun", "receipt", 4 + len(ITEM)),
        (receipt(pack("<HH", 1055, 0xFFFF)), "tlv_overrun", "receipt", 4),
        (receipt(ITEM, ITEM, tlv(1059, pack("<HH", 1030, 9) + b"tea")), "tlv_overrun", "receipt.items[2]",
         4 + 2 * len(ITEM) + 4),
        (receipt(tlv(1059, tlv(1223, b"\x01"))), "tlv_truncated", "receipt.items[0].paymentAgentData", 12),
        (receipt(tlv(1174, pack("<HH", 1178, 5)), code=31), "tlv_overrun", "receiptCorrection.correctionBase", 8),
        (receipt(tlv(1047, b"\x01")), "tlv_truncated", "receipt.1047", 8),
    ],
)  # fmt: skip
def test_broken_structures_are_named_by_reason_path_and_offset(
    plain: bytes, reason: str, path: str, offset: int
) -> None:
    with pytest.raises(FormatError) as caught:
        decode(plain)
    error = caught.value
    assert (error.reason, error.path, error.offset, error.rule) == (reason, path, offset, "R-T1")
    assert f"{reason} in {path or 'document'} at offset {offset}" in str(error)


def nested(depth: int, tag: int = 1059) -> bytes:
    value = b""
    for _ in range(depth):
        value = tlv(tag, value)
    return value


@pytest.mark.parametrize("tag", [1059, 1112, 1119])
def test_nesting_is_bounded(tag: int) -> None:
    inside = nested(15, tag)
    assert decode(receipt(inside)).encode() == receipt(inside)
    with pytest.raises(FormatError) as caught:
        decode(receipt(nested(100, tag)))
    assert caught.value.reason == "nesting_too_deep"
    assert caught.value.offset == 4 + 15 * 4


def test_thousands_of_tiny_records_are_no_trouble() -> None:
    plain = receipt(*(tlv(tag, b"x") for tag in range(3000, 9000)))
    assert decode(plain).encode() == plain
    assert len(decode(receipt(*(tlv(1030, b"") for _ in range(8000)))).root.tags) == 8000


def test_free_content_stays_raw_in_format_1_0_only() -> None:
    record = tlv(1084, b"anything")
    document = decode(receipt(record))
    assert document.root.get(1084) == b"anything"
    assert document.encode() == receipt(record)
    with pytest.raises(FormatError) as caught:
        decode(receipt(record, tlv(1209, b"\x02")))
    assert (caught.value.path, caught.value.reason) == ("receipt.properties", "tlv_overrun")


def test_an_error_inside_an_abandoned_structure_does_not_count_twice() -> None:
    inner = tlv(1112, b"free") + b"\x01"
    document = decode(receipt(tlv(1119, inner), tlv(1209, b"\x02")))
    assert document.root.get(1119) == inner


@pytest.mark.parametrize("value", [b"", b"www.nalog.ru", tlv(1119, tlv(1199, b"\x0b") + tlv(1120, b"\x01"))])
def test_reused_numbers_are_structures_only_when_they_read_as_such(value: bytes) -> None:
    plain = receipt(tlv(1115, value))
    document = decode(plain)
    assert document.encode() == plain
    assert isinstance(document.root.get(1115), Structure) == (len(value) > 12)


@given(st.binary(max_size=300))
def test_arbitrary_bytes_decode_losslessly_or_fail_by_name(data: bytes) -> None:
    for plain in (data, tlv(3, data)):
        try:
            document = decode(plain)
        except FormatError as error:
            offset = error.offset
        else:
            offset = 0
            assert document.encode() == plain
            assert [field.raw for field in document.fields()] == [
                value.encode() if isinstance(value, Structure) else value for value in document.root.values
            ]
        assert 0 <= offset <= len(plain)


def test_fields_carry_offset_path_and_meaning() -> None:
    document = decode(receipt(tlv(1054, b"\x01"), ITEM, ITEM, tlv(9999, b"\xab"), tlv(9999, b"\xac"), tlv(1040, b"1")))
    fields = document.fields()
    assert [(field.path, field.offset, field.value) for field in fields] == [
        ("receipt.operationType", 4, 1),
        ("receipt.items[0]", 9, None),
        ("receipt.items[1]", 25, None),
        ("receipt.9999", 41, None),
        ("receipt.9999[1]", 46, None),
        ("receipt.fiscalDocumentNumber", 51, None),
    ]
    children = fields[2].children
    assert children is not None
    assert [(child.path, child.offset, child.value) for child in children] == [
        ("receipt.items[1].name", 29, "tea"),
        ("receipt.items[1].sum", 36, 100),
    ]
    assert fields[3].spec is None
    assert fields[2].raw == ITEM[4:]
