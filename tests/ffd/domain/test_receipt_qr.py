"""The QR string of a receipt and the printed fiscal sign."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofd_gateway.ffd import decode
from ofd_gateway.ffd.domain import QrError, ReceiptQr, format_fiscal_sign, format_qr, parse_fiscal_sign, parse_qr
from tests.ffd.checks.making import document, drop, minimal

if TYPE_CHECKING:
    from pathlib import Path

TEXT = "t=20181030T0849&s=159.00&fn=9289000100087745&i=24896&fp=4146547960&n=1"
QR = ReceiptQr(
    issued_at_local=datetime.fromisoformat("2018-10-30T08:49:00"),
    total_kopecks=15900,
    fn="9289000100087745",
    fd=24896,
    printed_fiscal_sign=4146547960,
    operation_type=1,
)


def test_both_ways() -> None:
    assert format_qr(QR) == TEXT
    assert parse_qr(TEXT) == QR


def test_of_a_captured_receipt(reference: Path) -> None:
    plain = bytes.fromhex((reference / "ffd" / "examples" / "receipt_1.05_2018-10_market.tlv.hex").read_text())
    assert ReceiptQr.of(decode(plain)) == QR


@pytest.mark.parametrize("tag", [1012, 1020, 1041, 1040, 1077, 1054])
def test_a_receipt_that_lacks_a_fact_has_none(tag: int) -> None:
    assert ReceiptQr.of(document(3, minimal(3, "1.2"))) is not None
    assert ReceiptQr.of(document(3, drop(minimal(3, "1.2"), tag))) is None


@pytest.mark.parametrize(
    "text",
    [
        "n=1&fp=4146547960&i=24896&fn=9289000100087745&s=159.00&t=20181030T0849",
        "t=20181030T084900&s=159&fn=9289000100087745&i=024896&fp=4146547960&n=1",
        " t=20181030T0849&s=159,0&fn=9289000100087745&i=24896&fp=4146547960&n=1\n",
    ],
)
def test_other_spellings_are_read(text: str) -> None:
    assert parse_qr(text) == QR


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("t", TEXT.replace("20181030T0849", "20181330T0849")),
        ("t", TEXT.replace("20181030T0849", "2018-10-30")),
        ("t", TEXT.replace("20181030T0849", "")),
        ("t", TEXT.replace("20181030T0849", "２0181030T0849")),
        ("s", TEXT.replace("159.00", "159.001")),
        ("s", TEXT.replace("159.00", "-1")),
        ("s", TEXT.replace("159.00", ".5")),
        ("s", TEXT.replace("159.00", "1" * 16)),
        ("s", TEXT.replace("s=159.00&", "")),
        ("fn", TEXT.replace("9289000100087745", "928900010008")),
        ("fn", TEXT.replace("9289000100087745", "928900010008774X")),
        ("i", TEXT.replace("24896", "4294967296")),
        ("i", TEXT.replace("24896", "x")),
        ("fp", TEXT.replace("4146547960", "41465479601")),
        ("n", TEXT.replace("n=1", "n=5")),
        ("n", TEXT.replace("n=1", "n=0")),
        ("", TEXT + "&n=2"),
        ("", TEXT + "&x=" + "y" * 512),
    ],
)
def test_what_cannot_be_read_is_named(field: str, text: str) -> None:
    with pytest.raises(QrError) as error:
        parse_qr(text)
    assert error.value.field == field


@given(
    st.datetimes(datetime.fromisoformat("1970-01-01"), datetime.fromisoformat("2106-01-01")),
    st.integers(0, 2**48 - 1),
    st.from_regex(r"\A[0-9]{15,16}\Z"),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(1, 4),
)
def test_any_receipt_both_ways(moment: datetime, total: int, fn: str, fd: int, sign: int, operation: int) -> None:
    qr = ReceiptQr(
        issued_at_local=moment.replace(second=0, microsecond=0),
        total_kopecks=total,
        fn=fn,
        fd=fd,
        printed_fiscal_sign=sign,
        operation_type=operation,
    )
    assert parse_qr(format_qr(qr)) == qr


@given(st.text(max_size=80))
def test_arbitrary_text_is_read_or_refused(text: str) -> None:
    try:
        parse_qr(text)
    except QrError:
        return
    raise AssertionError(text)


def test_the_printed_sign() -> None:
    assert format_fiscal_sign(bytes.fromhex("3104f7274cf8")) == "4146547960"
    assert format_fiscal_sign(bytes(6)) == "0000000000"
    assert parse_fiscal_sign("0000000001") == 1
    with pytest.raises(ValueError, match="has 6 bytes"):
        format_fiscal_sign(b"\0")
    for text in ("", "x", "4294967296", "00000000001"):
        with pytest.raises(ValueError, match="no fiscal sign"):
            parse_fiscal_sign(text)


def test_years_have_four_digits():
    text = "t=00181030T0849&s=159.00&fn=9289000100087745&i=24896&fp=4146547960&n=1"
    assert format_qr(parse_qr(text)) == text
