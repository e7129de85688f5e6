"""Documents with types, one class a document: what the builder makes bytes of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, ClassVar

from ofd_gateway.ffd.parts import (
    AgentType,
    Buyer,
    ChangeReason,
    CorrectionBasis,
    CorrectionTotals,
    Head,
    IndustryRequisite,
    Item,
    OperationType,
    Payments,
    Requisite,
    Taxation,
    Totals,
    Usage,
    VatRate,
)

NO_USAGE = Usage(0)

__all__ = [
    "AnyDocument",
    "ArchiveClosed",
    "Bso",
    "BsoCorrection",
    "Receipt",
    "ReceiptCorrection",
    "Registration",
    "Reregistration",
    "ShiftClosed",
    "ShiftOpened",
    "StateReport",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """Registration report (отчёт о регистрации, 1). The versions 1209, 1189 and 1190 are written by themselves."""

    code: ClassVar[int] = 1
    head: Head
    user_name: Annotated[str | None, 1048]
    address: Annotated[str | None, 1009]
    place: Annotated[str | None, 1187]
    cashier: Annotated[str | None, 1021]
    cashier_inn: Annotated[str | None, 1203] = None
    operator_inn: Annotated[str | None, 1017]
    operator_name: Annotated[str | None, 1046]
    serial_number: Annotated[str, 1013]
    register_version: Annotated[str | None, 1188]
    taxation: Annotated[Taxation, 1062]
    automatic: Annotated[bool, 1001] = False
    machine_number: Annotated[str | None, 1036] = None
    offline: Annotated[bool, 1002] = False
    encrypted: Annotated[bool, 1056] = False
    agent_type: Annotated[AgentType | None, 1057] = None
    usage: Usage = NO_USAGE
    sender_email: Annotated[str | None, 1117] = None
    fns_site: Annotated[str | None, 1060] = None
    keys_days: Annotated[int | None, 1213] = None
    requisite: Annotated[str | None, 1274] = None
    requisite_data: Annotated[bytes | None, 1275] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reregistration(Registration):
    """Report on a change of registration (отчёт об изменении параметров регистрации, 11)."""

    code: ClassVar[int] = 11
    reasons: ChangeReason
    totals: Annotated[Totals | None, 1157] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftOpened:
    """Report on the opening of a shift (отчёт об открытии смены, 2).

    The warnings of the drive (1050 to 1053) are written only when they are set.
    """

    code: ClassVar[int] = 2
    head: Head
    shift_number: Annotated[int, 1038]
    user_name: Annotated[str | None, 1048] = None
    address: Annotated[str | None, 1009] = None
    place: Annotated[str | None, 1187] = None
    cashier: Annotated[str | None, 1021] = None
    cashier_inn: Annotated[str | None, 1203] = None
    register_version: Annotated[str | None, 1188] = None
    fn_exhausting: Annotated[bool | None, 1050] = None
    fn_replace_urgently: Annotated[bool | None, 1051] = None
    fn_memory_full: Annotated[bool | None, 1052] = None
    ofd_timeout: Annotated[bool | None, 1053] = None
    operator_message: Annotated[int | None, 1206] = None
    requisite: Annotated[str | None, 1276] = None
    requisite_data: Annotated[bytes | None, 1277] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StateReport:
    """Report on the state of settlements (отчёт о текущем состоянии расчётов, 21)."""

    code: ClassVar[int] = 21
    head: Head
    offline: Annotated[bool | None, 1002] = None
    user_name: Annotated[str | None, 1048] = None
    address: Annotated[str | None, 1009] = None
    place: Annotated[str | None, 1187] = None
    shift_number: Annotated[int | None, 1038] = None
    unsent_count: Annotated[int | None, 1097] = None
    unsent_since: Annotated[datetime | None, 1098] = None
    first_unsent_fd: Annotated[int | None, 1116] = None
    keys_days: Annotated[int | None, 1213] = None
    unsent_notices: Annotated[int | None, 2104] = None
    totals: Annotated[Totals | None, 1157] = None
    unsent_totals: Annotated[CorrectionTotals | None, 1158] = None
    requisite: Annotated[str | None, 1280] = None
    requisite_data: Annotated[bytes | None, 1281] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Receipt (кассовый чек, 3)."""

    code: ClassVar[int] = 3
    head: Head
    shift_number: Annotated[int, 1038]
    receipt_number: Annotated[int, 1042]
    operation_type: Annotated[OperationType, 1054]
    total_kopecks: Annotated[int, 1020]
    payments: Payments
    taxation: Annotated[Taxation, 1055]
    items: Annotated[tuple[Item, ...], 1059] = ()
    vat: Mapping[VatRate, int] = field(default_factory=dict)
    user_name: Annotated[str | None, 1048] = None
    address: Annotated[str | None, 1009] = None
    place: Annotated[str | None, 1187] = None
    cashier: Annotated[str | None, 1021] = None
    cashier_inn: Annotated[str | None, 1203] = None
    machine_number: Annotated[str | None, 1036] = None
    agent_type: Annotated[AgentType | None, 1057] = None
    supplier_phones: Annotated[tuple[str, ...], 1171] = ()
    internet_only: Annotated[bool | None, 1108] = None
    internet_settlement: Annotated[bool | None, 1125] = None
    buyer_contact: Annotated[str | None, 1008] = None
    sender_email: Annotated[str | None, 1117] = None
    fns_site: Annotated[str | None, 1060] = None
    buyer: Buyer | None = None
    requisite: Annotated[Requisite | None, 1084] = None
    receipt_requisite: Annotated[str | None, 1192] = None
    industry: Annotated[tuple[IndustryRequisite, ...], 1261] = ()
    marking_check_result: Annotated[int | None, 2107] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bso(Receipt):
    """Strict form (бланк строгой отчётности, 4): a receipt under another code."""

    code: ClassVar[int] = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptCorrection(Receipt):
    """Correction (кассовый чек коррекции, 31)."""

    code: ClassVar[int] = 31
    correction_type: Annotated[int, 1173]
    basis: Annotated[CorrectionBasis, 1174]


@dataclass(frozen=True, slots=True, kw_only=True)
class BsoCorrection(ReceiptCorrection):
    """Correction of a strict form (БСО коррекции, 41)."""

    code: ClassVar[int] = 41


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftClosed:
    """Report on the closing of a shift (отчёт о закрытии смены, 5)."""

    code: ClassVar[int] = 5
    head: Head
    shift_number: Annotated[int, 1038]
    documents: Annotated[int, 1111]
    receipts: Annotated[int, 1118]
    unsent_count: Annotated[int | None, 1097] = None
    unsent_since: Annotated[datetime | None, 1098] = None
    user_name: Annotated[str | None, 1048] = None
    address: Annotated[str | None, 1009] = None
    place: Annotated[str | None, 1187] = None
    cashier: Annotated[str | None, 1021] = None
    cashier_inn: Annotated[str | None, 1203] = None
    fn_exhausting: Annotated[bool | None, 1050] = None
    fn_replace_urgently: Annotated[bool | None, 1051] = None
    fn_memory_full: Annotated[bool | None, 1052] = None
    ofd_timeout: Annotated[bool | None, 1053] = None
    operator_message: Annotated[int | None, 1206] = None
    keys_days: Annotated[int | None, 1213] = None
    unsent_notices: Annotated[int | None, 2104] = None
    invalid_marking_codes: Annotated[int | None, 2112] = None
    invalid_requests: Annotated[int | None, 2113] = None
    shift_totals: Annotated[Totals | None, 1194] = None
    totals: Annotated[Totals | None, 1157] = None
    requisite: Annotated[str | None, 1278] = None
    requisite_data: Annotated[bytes | None, 1279] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveClosed:
    """Report on the closing of an FN (отчёт о закрытии фискального накопителя, 6)."""

    code: ClassVar[int] = 6
    head: Head
    shift_number: Annotated[int | None, 1038] = None
    user_name: Annotated[str | None, 1048] = None
    address: Annotated[str | None, 1009] = None
    place: Annotated[str | None, 1187] = None
    cashier: Annotated[str | None, 1021] = None
    cashier_inn: Annotated[str | None, 1203] = None
    totals: Annotated[Totals | None, 1157] = None
    requisite: Annotated[str | None, 1282] = None
    requisite_data: Annotated[bytes | None, 1283] = None


AnyDocument = (
    Registration | Reregistration | ShiftOpened | StateReport | Receipt | Bso | ReceiptCorrection | BsoCorrection
    | ShiftClosed | ArchiveClosed
)  # fmt: skip
"""Every document a register makes."""
