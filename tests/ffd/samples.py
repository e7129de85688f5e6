"""One typed document of each kind with every field filled, for tests of this room."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, get_type_hints

from ofd_gateway.ffd import model, parts

ISSUED_AT_LOCAL = datetime.fromisoformat("2025-11-24T10:15:00")
HEAD = parts.Head(
    fn="9999078902013267",
    registration_number="0000000000024136",
    user_inn="7802781104",
    fd=1,
    issued_at_local=ISSUED_AT_LOCAL,
    fiscal_sign=bytes.fromhex("3104247de6f3"),
)
KINDS = (
    model.Registration,
    model.Reregistration,
    model.ShiftOpened,
    model.StateReport,
    model.Receipt,
    model.Bso,
    model.ReceiptCorrection,
    model.BsoCorrection,
    model.ShiftClosed,
    model.ArchiveClosed,
)
SPECIAL: dict[str, object] = {
    "head": HEAD,
    "vat": {parts.VatRate.VAT_20: 10, parts.VatRate.VAT_22: 22, parts.VatRate.VAT_5_105: 5},
    "usage": parts.Usage.EXCISE_GOODS | parts.Usage.LOTTERY,
    "reasons": parts.ChangeReason.OFD_REPLACEMENT | parts.ChangeReason.OTHER | parts.ChangeReason.TAXATION,
    "birth_date": "01.02.1990",
    "citizenship_code": "643",
    "id_document_code": "21",
    "basis_date": "01.02.2024",
    "origin_country_code": "156",
    "fraction": parts.Fraction(text="1/2", numerator=1, denominator=2),
}


def full(kind: type) -> Any:
    """A value of `kind` with something in every field."""
    hints = get_type_hints(kind, localns=vars(parts))
    return kind(**{field.name: _something(field.name, hints[field.name]) for field in fields(kind)})


def _something(name: str, hint: Any) -> Any:
    if name in SPECIAL:
        return SPECIAL[name]
    options = [option for option in getattr(hint, "__args__", (hint,)) if option not in (type(None), ...)]
    option = options[0]
    if getattr(hint, "__origin__", None) is tuple:
        return (_something("", option), _something("", option))
    if is_dataclass(option):
        return full(option)  # type: ignore[arg-type]
    values: dict[Any, Any] = {bool: True, int: 7, str: "чай", bytes: b"\x01\x02", Decimal: Decimal("1.5")}
    if option in values:
        return values[option]
    return ISSUED_AT_LOCAL if option is datetime else next(iter(option))
