"""The QR string of a receipt, which anybody may send in an address."""

from __future__ import annotations

from ofd_gateway.ffd.domain import QrError, format_qr, parse_qr

__all__ = ["check"]


def check(data: bytes) -> None:
    """Six facts or an error that names the key; facts that are written are read again."""
    for text in (data.decode("latin-1"), data.decode("utf-8", "replace")):
        try:
            found = parse_qr(text)
        except QrError as error:
            assert error.field in {"", "t", "s", "fn", "i", "fp", "n"}
            continue
        again = parse_qr(format_qr(found))
        assert again.issued_at_local == found.issued_at_local.replace(second=0)
        assert (again.total_kopecks, again.fn, again.fd) == (found.total_kopecks, found.fn, found.fd)
        assert (again.printed_fiscal_sign, again.operation_type) == (found.printed_fiscal_sign, found.operation_type)
