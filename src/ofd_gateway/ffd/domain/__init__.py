"""Numbers of the trade, checked and taken apart: INN, registration number, FN number, fiscal sign, receipt QR."""

from ofd_gateway.ffd.domain.fn_models import FnModel, FnModels, fn_model
from ofd_gateway.ffd.domain.inn import InnKind, inn_kind, is_valid_inn, trim_inn
from ofd_gateway.ffd.domain.receipt_qr import QrError, ReceiptQr, format_qr, parse_qr
from ofd_gateway.ffd.domain.registration_number import (
    is_valid_registration_number,
    registration_check_digits,
    registration_number_for,
)
from ofd_gateway.ffd.domain.signs import format_fiscal_sign, parse_fiscal_sign

__all__ = [
    "FnModel",
    "FnModels",
    "InnKind",
    "QrError",
    "ReceiptQr",
    "fn_model",
    "format_fiscal_sign",
    "format_qr",
    "inn_kind",
    "is_valid_inn",
    "is_valid_registration_number",
    "parse_fiscal_sign",
    "parse_qr",
    "registration_check_digits",
    "registration_number_for",
    "trim_inn",
]
