"""Parts of documents with types: what the builder writes into registration reports, receipts and totals.

A field is written under the tag its annotation names, in those format versions that know the tag. Money is kopecks.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Annotated

__all__ = [
    "AgentData",
    "AgentType",
    "Buyer",
    "ChangeReason",
    "CorrectionBasis",
    "CorrectionTotals",
    "Fraction",
    "Head",
    "IndustryRequisite",
    "Item",
    "OperationTotals",
    "OperationType",
    "Payments",
    "ProductCode",
    "Requisite",
    "SupplierData",
    "Taxation",
    "Totals",
    "Usage",
    "VatRate",
]


class OperationType(enum.IntEnum):
    """Type of settlement (признак расчёта, 1054)."""

    SALE = 1
    SALE_RETURN = 2
    PURCHASE = 3
    PURCHASE_RETURN = 4


class Taxation(enum.IntFlag):
    """Taxation systems (системы налогообложения, 1055 and 1062)."""

    GENERAL = 1
    SIMPLIFIED_INCOME = 2
    SIMPLIFIED_INCOME_MINUS_EXPENSE = 4
    IMPUTED_INCOME = 8
    AGRICULTURAL = 16
    PATENT = 32


class AgentType(enum.IntFlag):
    """Kinds of agent (признак агента, 1057 and 1222)."""

    BANK_PAYMENT_AGENT = 1
    BANK_PAYMENT_SUBAGENT = 2
    PAYMENT_AGENT = 4
    PAYMENT_SUBAGENT = 8
    ATTORNEY = 16
    COMMISSION_AGENT = 32
    AGENT = 64


class VatRate(enum.IntEnum):
    """VAT rate (ставка НДС, 1199). Names hold the rate of today: 20 was 18 before 2019."""

    VAT_20 = 1
    VAT_10 = 2
    VAT_20_120 = 3
    VAT_10_110 = 4
    VAT_0 = 5
    NO_VAT = 6
    VAT_5 = 7
    VAT_7 = 8
    VAT_5_105 = 9
    VAT_7_107 = 10
    VAT_22 = 11
    VAT_22_122 = 12


class Usage(enum.IntFlag):
    """Conditions of use (признаки условий применения, 1290); before 1.2 each of the first seven is a tag of its own."""

    PRINTER_IN_MACHINE = 1 << 1
    BSO_AUTOMATED_SYSTEM = 1 << 2
    INTERNET_ONLY = 1 << 5
    EXCISE_GOODS = 1 << 6
    MARKED_GOODS = 1 << 8
    SERVICES_ONLY = 1 << 9
    GAMBLING = 1 << 10
    LOTTERY = 1 << 11
    PAWNSHOP = 1 << 12
    INSURANCE = 1 << 13
    VENDING_MACHINE = 1 << 14
    CATERING = 1 << 15
    WHOLESALE = 1 << 16


class ChangeReason(enum.IntFlag):
    """Reasons of a re-registration (коды причин изменения сведений о ККТ, 1205); before 1.1 the codes of 1101."""

    FN_REPLACEMENT = 1 << 0
    OFD_REPLACEMENT = 1 << 1
    USER_NAME = 1 << 2
    ADDRESS = 1 << 3
    TO_ONLINE = 1 << 4
    TO_OFFLINE = 1 << 5
    MODEL_VERSION = 1 << 6
    TAXATION = 1 << 7
    MACHINE_NUMBER = 1 << 8
    TO_MANUAL = 1 << 9
    TO_AUTOMATIC = 1 << 10
    BSO_ENABLED = 1 << 11
    BSO_DISABLED = 1 << 12
    INTERNET_TO_PRINT = 1 << 13
    PRINT_TO_INTERNET = 1 << 14
    AGENT_DISABLED = 1 << 15
    AGENT_ENABLED = 1 << 16
    GAMBLING_DISABLED = 1 << 17
    GAMBLING_ENABLED = 1 << 18
    LOTTERY_DISABLED = 1 << 19
    LOTTERY_ENABLED = 1 << 20
    FFD_VERSION = 1 << 21
    OTHER = 1 << 31


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What the drive writes into every document; `issued_at_local` is the wall clock, `fiscal_sign` 6 bytes."""

    fn: Annotated[str, 1041]
    registration_number: Annotated[str, 1037]
    user_inn: Annotated[str, 1018]
    fd: Annotated[int, 1040]
    issued_at_local: Annotated[datetime, 1012]
    fiscal_sign: Annotated[bytes, 1077]


@dataclass(frozen=True, slots=True, kw_only=True)
class Requisite:
    """Additional requisite of the user (дополнительный реквизит пользователя, 1084)."""

    name: Annotated[str, 1085]
    value: Annotated[str, 1086]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentData:
    """Data of an agent (данные агента, 1223)."""

    agent_operation: Annotated[str | None, 1044] = None
    agent_phones: Annotated[tuple[str, ...], 1073] = ()
    payment_operator_phones: Annotated[tuple[str, ...], 1074] = ()
    transfer_operator_phones: Annotated[tuple[str, ...], 1075] = ()
    transfer_operator_name: Annotated[str | None, 1026] = None
    transfer_operator_address: Annotated[str | None, 1005] = None
    transfer_operator_inn: Annotated[str | None, 1016] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplierData:
    """Data of a supplier (данные поставщика, 1224)."""

    name: Annotated[str | None, 1225] = None
    phones: Annotated[tuple[str, ...], 1171] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class IndustryRequisite:
    """Requisite of an industry (отраслевой реквизит, 1260 of an item and 1261 of a receipt); date as DD.MM.YYYY."""

    body_id: Annotated[str, 1262]
    basis_date: Annotated[str, 1263]
    basis_number: Annotated[str, 1264]
    value: Annotated[str, 1265]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fraction:
    """Part of a marked piece (дробное количество маркированного товара, 1291)."""

    text: Annotated[str, 1292]
    numerator: Annotated[int, 1293]
    denominator: Annotated[int, 1294]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductCode:
    """Code of a product by kind (код товара, 1163); one of them is given."""

    unknown: Annotated[str | None, 1300] = None
    ean8: Annotated[str | None, 1301] = None
    ean13: Annotated[str | None, 1302] = None
    itf14: Annotated[str | None, 1303] = None
    gs1_0: Annotated[str | None, 1304] = None
    gs1_m: Annotated[str | None, 1305] = None
    short: Annotated[str | None, 1306] = None
    fur: Annotated[str | None, 1307] = None
    egais2: Annotated[str | None, 1308] = None
    egais3: Annotated[str | None, 1309] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Item of a receipt (предмет расчёта, 1059). `unit` is written before 1.2, `unit_code` from 1.2 on."""

    name: Annotated[str, 1030]
    price_kopecks: Annotated[int, 1079]
    quantity: Annotated[Decimal, 1023]
    sum_kopecks: Annotated[int, 1043]
    payment_method: Annotated[int | None, 1214] = None
    item_type: Annotated[int | None, 1212] = None
    vat_rate: Annotated[VatRate | None, 1199] = None
    vat_kopecks: Annotated[int | None, 1200] = None
    unit_vat_kopecks: Annotated[int | None, 1198] = None
    unit: Annotated[str | None, 1197] = None
    unit_code: Annotated[int | None, 2108] = None
    product_code_bytes: Annotated[bytes | None, 1162] = None
    product_code: Annotated[ProductCode | None, 1163] = None
    marking_mode: Annotated[int | None, 2102] = None
    marking_check_result: Annotated[int | None, 2106] = None
    fraction: Annotated[Fraction | None, 1291] = None
    agent_type: Annotated[AgentType | None, 1222] = None
    agent: Annotated[AgentData | None, 1223] = None
    supplier: Annotated[SupplierData | None, 1224] = None
    supplier_inn: Annotated[str | None, 1226] = None
    excise_kopecks: Annotated[int | None, 1229] = None
    origin_country_code: Annotated[str | None, 1230] = None
    customs_declaration: Annotated[str | None, 1231] = None
    requisite: Annotated[str | None, 1191] = None
    industry: Annotated[tuple[IndustryRequisite, ...], 1260] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Payments:
    """How a receipt was paid. From 1.05 on all five are written; in 1.0 the last three only when they are not 0."""

    cash_kopecks: int = 0
    electronic_kopecks: int = 0
    prepaid_kopecks: int = 0
    credit_kopecks: int = 0
    barter_kopecks: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Buyer:
    """Buyer (покупатель): 1227 and 1228 in the root before 1.2, all of it inside 1256 from 1.2 on."""

    name: Annotated[str | None, 1227] = None
    inn: Annotated[str | None, 1228] = None
    birth_date: Annotated[str | None, 1243] = None
    citizenship_code: Annotated[str | None, 1244] = None
    id_document_code: Annotated[str | None, 1245] = None
    id_document_data: Annotated[str | None, 1246] = None
    address: Annotated[str | None, 1254] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionBasis:
    """Basis of a correction (основание для коррекции, 1174); `name` ends with 1.1."""

    name: Annotated[str | None, 1177] = None
    corrected_on: Annotated[datetime, 1178]
    number: Annotated[str | None, 1179] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationTotals:
    """Totals of one type of settlement (счётчики операций, 1129 to 1132, and 1145, 1146, 1232, 1233)."""

    receipts: Annotated[int, 1135] = 0
    total_kopecks: Annotated[int | None, 1201] = None
    cash_kopecks: Annotated[int | None, 1136] = None
    electronic_kopecks: Annotated[int | None, 1138] = None
    prepaid_kopecks: Annotated[int | None, 1218] = None
    credit_kopecks: Annotated[int | None, 1219] = None
    barter_kopecks: Annotated[int | None, 1220] = None
    vat_20_kopecks: Annotated[int | None, 1139] = None
    vat_10_kopecks: Annotated[int | None, 1140] = None
    vat_20_120_kopecks: Annotated[int | None, 1141] = None
    vat_10_110_kopecks: Annotated[int | None, 1142] = None
    vat_0_turnover_kopecks: Annotated[int | None, 1143] = None
    no_vat_turnover_kopecks: Annotated[int | None, 1183] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionTotals:
    """Totals of corrections (счётчики по чекам коррекции, 1133; of unsent documents, 1158)."""

    corrections: Annotated[int, 1144] = 0
    sales: Annotated[OperationTotals, 1145] = field(default_factory=OperationTotals)
    purchases: Annotated[OperationTotals, 1146] = field(default_factory=OperationTotals)
    sale_returns: Annotated[OperationTotals, 1232] = field(default_factory=OperationTotals)
    purchase_returns: Annotated[OperationTotals, 1233] = field(default_factory=OperationTotals)


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Totals of a drive or a shift (счётчики итогов, 1157 and 1194)."""

    receipts: Annotated[int, 1134] = 0
    sales: Annotated[OperationTotals, 1129] = field(default_factory=OperationTotals)
    sale_returns: Annotated[OperationTotals, 1130] = field(default_factory=OperationTotals)
    purchases: Annotated[OperationTotals, 1131] = field(default_factory=OperationTotals)
    purchase_returns: Annotated[OperationTotals, 1132] = field(default_factory=OperationTotals)
    corrections: Annotated[CorrectionTotals, 1133] = field(default_factory=CorrectionTotals)


VatSums = Mapping[VatRate, int]
"""Kopecks by rate: tax, and for VAT_0 and NO_VAT the turnover. Rates of 2025 and later go into 1115."""
