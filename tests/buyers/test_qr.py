"""The QR code, as SVG and as PNG, read back by a reader that knows nothing of ours."""

from __future__ import annotations

from datetime import datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from ofd_gateway.buyers import receipt_link
from ofd_gateway.buyers.qr import qr_png, qr_svg
from ofd_gateway.ffd.domain import ReceiptQr, format_qr, parse_qr
from tests.buyers.pictures import read_png, read_svg

QRS = st.builds(
    ReceiptQr,
    issued_at_local=st.datetimes(datetime(2016, 9, 1), datetime(2106, 2, 7)).map(
        lambda moment: moment.replace(second=0, microsecond=0)
    ),
    total_kopecks=st.integers(0, 2**63 - 1),
    fn=st.integers(0, 10**16 - 1).map(lambda number: f"{number:016d}"),
    fd=st.integers(1, 2**32 - 1),
    printed_fiscal_sign=st.integers(0, 2**32 - 1),
    operation_type=st.integers(1, 4),
)


@settings(max_examples=25)
@given(QRS)
def test_both_pictures_say_the_standard_string(qr: ReceiptQr) -> None:
    assert read_png(qr_png(qr)) == format_qr(qr)
    assert read_svg(qr_svg(qr)) == format_qr(qr)


@given(QRS)
def test_the_link_asks_for_the_same_receipt(qr: ReceiptQr) -> None:
    base, _, query = receipt_link("https://check.example/shop/", qr).partition("?")
    assert base == "https://check.example/shop/check"
    assert query == format_qr(qr)
    if qr.total_kopecks < 10**17:
        assert parse_qr(query) == qr
