"""The QR string of a receipt (QR-код чека, 1196), both ways."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

import msgspec

from ofd_gateway.errors import OfdGatewayError
from ofd_gateway.ffd.domain.signs import parse_fiscal_sign

if TYPE_CHECKING:
    from ofd_gateway.ffd.document import Document

__all__ = ["QrError", "ReceiptQr", "format_qr", "parse_qr"]

_WITH_SECONDS: Final = "%Y%m%dT%H%M%S"
_WITH_MINUTES: Final = "%Y%m%dT%H%M"
_OPERATIONS: Final = frozenset({1, 2, 3, 4})
_FN_DIGITS: Final = 16
_U32_MAX: Final = 0xFFFFFFFF
_MAX_CHARACTERS: Final = 512
_MAX_ROUBLE_DIGITS: Final = 15


class QrError(OfdGatewayError):
    """A QR string that cannot be read. `field` is the key to blame: t, s, fn, i, fp, n; empty for the whole."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(f"QR string, {field or 'as a whole'}: {detail}")
        self.field = field
        self.detail = detail


class ReceiptQr(msgspec.Struct, frozen=True, kw_only=True):
    """What a receipt's QR code says: enough to find the receipt and to prove that one has seen it."""

    issued_at_local: datetime
    total_kopecks: int
    fn: str
    fd: int
    printed_fiscal_sign: int
    operation_type: int

    @classmethod
    def of(cls, document: Document) -> ReceiptQr | None:
        """The QR of a receipt, None when the document lacks one of its six facts."""
        facts = (
            document.issued_at_local,
            document.total_kopecks,
            document.fn,
            document.fd,
            document.printed_fiscal_sign,
            document.operation_type,
        )
        moment, total, fn, fd, sign, operation = facts
        if moment is None or total is None or fn is None or fd is None or sign is None or operation is None:
            return None
        return cls(
            issued_at_local=moment,
            total_kopecks=total,
            fn=fn,
            fd=fd,
            printed_fiscal_sign=sign,
            operation_type=operation,
        )


def format_qr(qr: ReceiptQr) -> str:
    """`t=20181030T0849&s=159.00&fn=9289000100087745&i=24896&fp=4146547960&n=1`: minutes, roubles with two decimals."""
    roubles, kopecks = divmod(qr.total_kopecks, 100)
    moment = qr.issued_at_local  # its %Y has four digits only from the year 1000 on
    return (
        f"t={moment.year:04}{moment:%m%dT%H%M}&s={roubles}.{kopecks:02}&fn={qr.fn}"
        f"&i={qr.fd}&fp={qr.printed_fiscal_sign}&n={qr.operation_type}"
    )


def parse_qr(text: str) -> ReceiptQr:
    """The facts in a QR string, in any order of its keys; seconds in `t`, a comma in `s` and leading zeros are read.

    Raises QrError for a missing, repeated or unreadable key.
    """
    if len(text) > _MAX_CHARACTERS:
        raise QrError("", f"{len(text)} characters, at most {_MAX_CHARACTERS} are read")
    pairs = parse_qsl(text.strip(), keep_blank_values=True)
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise QrError("", "a key stands twice")
    return ReceiptQr(
        issued_at_local=_moment(_required(fields, "t")),
        total_kopecks=_kopecks(_required(fields, "s")),
        fn=_fn(_required(fields, "fn")),
        fd=_number(fields, "i", _U32_MAX),
        printed_fiscal_sign=_sign(_required(fields, "fp")),
        operation_type=_operation(fields),
    )


def _required(fields: dict[str, str], key: str) -> str:
    value = fields.get(key, "").strip()
    if not value:
        raise QrError(key, "is missing")
    return value


def _moment(text: str) -> datetime:
    form = {13: _WITH_MINUTES, 15: _WITH_SECONDS}.get(len(text))
    if form is not None and text.isascii():
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007 - a register's wall clock has no zone
        except ValueError:
            pass
    raise QrError("t", f"{text!r} is no moment like 20181030T0849")


def _kopecks(text: str) -> int:
    roubles, point, kopecks = text.replace(",", ".").partition(".")
    whole = roubles.isascii() and roubles.isdigit() and len(roubles) <= _MAX_ROUBLE_DIGITS
    if not whole or (point and not (kopecks.isascii() and kopecks.isdigit() and len(kopecks) <= 2)):
        raise QrError("s", f"{text!r} is no sum like 1234.56")
    return int(roubles) * 100 + int(kopecks.ljust(2, "0") or "0")


def _fn(text: str) -> str:
    if not (text.isascii() and text.isdigit() and len(text) in (_FN_DIGITS - 1, _FN_DIGITS)):
        raise QrError("fn", f"{text!r} is no FN number of {_FN_DIGITS} digits")
    return text


def _number(fields: dict[str, str], key: str, most: int) -> int:
    text = _required(fields, key)
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(most)) and int(text) <= most):
        raise QrError(key, f"{text!r} is no number up to {most}")
    return int(text)


def _sign(text: str) -> int:
    try:
        return parse_fiscal_sign(text)
    except ValueError as error:
        raise QrError("fp", str(error)) from error


def _operation(fields: dict[str, str]) -> int:
    operation = _number(fields, "n", max(_OPERATIONS))
    if operation not in _OPERATIONS:
        raise QrError("n", f"{operation} is none of 1, 2, 3, 4")
    return operation
