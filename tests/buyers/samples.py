"""Receipts of every kind and version, for the golden files and the pages."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from ofd_gateway.ffd import Document, decode, model, parts
from ofd_gateway.ffd.builder import build
from ofd_gateway.ffd.parts import AgentType, OperationType, Taxation, VatRate
from ofd_gateway.ffd.tlv import tlv

if TYPE_CHECKING:
    from collections.abc import Mapping

FN: Final = "9960440301643001"
DEBUG_FN: Final = "9999078900001234"


def head(fd: int, issued_at_local: datetime, *, fn: str = FN, sign: int = 3678250787) -> parts.Head:
    return parts.Head(
        fn=fn,
        registration_number="0001473719030755",
        user_inn="7704211201",
        fd=fd,
        issued_at_local=issued_at_local,
        fiscal_sign=b"\x31\x04" + sign.to_bytes(4, "big"),
    )


_SHOP: Final = {
    "user_name": 'ООО "Булочная у реки"',
    "address": "443001, г. Самара, ул. Набережная, д. 12",
    "place": 'Пекарня "У реки", касса 1',
    "cashier": "Иванова А. П.",
    "fns_site": "www.nalog.gov.ru",
    "sender_email": "noreply@ofd.example",
}

_SALE: Final = model.Receipt(
    head=head(107541, datetime(2026, 11, 24, 9, 23)),
    shift_number=248,
    receipt_number=17,
    operation_type=OperationType.SALE,
    total_kopecks=123456,
    payments=parts.Payments(cash_kopecks=23456, electronic_kopecks=100000),
    taxation=Taxation.GENERAL,
    vat={VatRate.VAT_10: 3210, VatRate.VAT_22: 15890},
    buyer_contact="anna@example.com",
    items=(
        parts.Item(
            name='Хлеб "Бородинский" заварной, нарезка 400 г',
            price_kopecks=7990,
            quantity=Decimal(2),
            sum_kopecks=15980,
            payment_method=4,
            item_type=1,
            vat_rate=VatRate.VAT_10,
            vat_kopecks=1453,
            unit_code=0,
            unit="шт.",
        ),
        parts.Item(
            name="Молоко пастеризованное 3,2 % 930 мл",
            price_kopecks=9660,
            quantity=Decimal(2),
            sum_kopecks=19320,
            payment_method=4,
            item_type=33,
            vat_rate=VatRate.VAT_10,
            vat_kopecks=1757,
            unit_code=0,
            unit="шт.",
            product_code=parts.ProductCode(gs1_m="0104603934000250215Qbag!"),
            product_code_bytes=b"DM" + (4603934000250).to_bytes(6, "big") + b"5Qbag!",
            marking_mode=0,
            marking_check_result=15,
        ),
        parts.Item(
            name="Кофе зерновой Эфиопия Сидамо, на вес",
            price_kopecks=189900,
            quantity=Decimal("0.308"),
            sum_kopecks=58489,
            payment_method=4,
            item_type=1,
            vat_rate=VatRate.VAT_22,
            vat_kopecks=10547,
            unit_code=11,
            unit="кг",
            origin_country_code="231",
        ),
        parts.Item(
            name="Доставка курьером",
            price_kopecks=29667,
            quantity=Decimal(1),
            sum_kopecks=29667,
            payment_method=4,
            item_type=4,
            vat_rate=VatRate.VAT_22,
            vat_kopecks=5350,
            unit_code=255,
            agent_type=AgentType.AGENT,
            supplier=parts.SupplierData(name="ИП Быстров С. К.", phones=("+79990001122",)),
            supplier_inn="500100732259",
        ),
    ),
    **_SHOP,
)
_REFUND: Final = model.Receipt(
    head=head(812, datetime(2018, 10, 30, 8, 49), sign=41465479),
    shift_number=85,
    receipt_number=47,
    operation_type=OperationType.SALE_RETURN,
    total_kopecks=9200,
    payments=parts.Payments(electronic_kopecks=9200),
    taxation=Taxation.GENERAL,
    vat={VatRate.VAT_20: 1403},
    requisite=parts.Requisite(name="Карта лояльности", value="2000 1234"),
    items=(
        parts.Item(
            name="Йогурт термостатный 3,5 %",
            price_kopecks=4600,
            quantity=Decimal(2),
            sum_kopecks=9200,
            payment_method=4,
            item_type=1,
            vat_rate=VatRate.VAT_20,
            vat_kopecks=1403,
            unit="шт",
        ),
    ),
    **_SHOP,
)
_CORRECTION: Final = model.ReceiptCorrection(
    head=head(900, datetime(2026, 1, 15, 12, 0), fn=DEBUG_FN),
    shift_number=3,
    receipt_number=1,
    operation_type=OperationType.SALE,
    total_kopecks=500,
    payments=parts.Payments(prepaid_kopecks=200, credit_kopecks=200, barter_kopecks=100),
    taxation=Taxation.SIMPLIFIED_INCOME,
    vat={VatRate.NO_VAT: 200, VatRate.VAT_0: 100, VatRate.VAT_5: 9, VatRate.VAT_7_107: 2},
    correction_type=1,
    basis=parts.CorrectionBasis(name="Предписание", corrected_on=datetime(2025, 12, 31), number="15-09/77"),
    buyer=parts.Buyer(name='ООО "Покупатель"', inn="7802781104", id_document_code="21", id_document_data="4000 111222"),
    items=(
        parts.Item(
            name="Сигареты",
            price_kopecks=500,
            quantity=Decimal(1),
            sum_kopecks=500,
            payment_method=1,
            item_type=31,
            vat_rate=VatRate.NO_VAT,
            unit_code=0,
            unit="шт.",
            marking_check_result=1,
            fraction=parts.Fraction(text="1/20", numerator=1, denominator=20),
            industry=(
                parts.IndustryRequisite(
                    body_id="030", basis_date="26.03.2022", basis_number="477", value="UUID=1&Time=2"
                ),
            ),
        ),
    ),
    **_SHOP,
)
_PURCHASE: Final = model.Bso(
    head=head(15, datetime(2026, 2, 1, 23, 59)),
    shift_number=1,
    receipt_number=2,
    operation_type=OperationType.PURCHASE,
    total_kopecks=7,
    payments=parts.Payments(cash_kopecks=7),
    taxation=Taxation.AGRICULTURAL,
    machine_number="AT-7",
    agent_type=AgentType.COMMISSION_AGENT,
    supplier_phones=("+78460000001", "+78460000002"),
    items=(parts.Item(name="Макулатура", price_kopecks=7, quantity=Decimal(1), sum_kopecks=7),),
    **_SHOP,
)

HOSTILE_NAME: Final = "<script>alert(1)</script>\"'&\x00\x07\x1b[31m\r\nBcc: x@y.example\x7f " + "Щ" * 200
HOSTILE: Final = decode(
    tlv(
        3,
        b"".join(
            (
                tlv(1041, FN.encode()),
                tlv(1018, b"</title><s> "),
                tlv(1037, b"<b>".ljust(20)),
                tlv(1040, b"\x01\x00\x00\x00"),
                tlv(1012, b"\x00\x00\x00\x6a"),
                tlv(1077, b"\x31\x04\x00\x00\x00\x07"),
                tlv(1020, b"\x64"),
                tlv(1054, b"\x01"),
                tlv(1048, HOSTILE_NAME.encode("cp866")),
                tlv(1009, b"</style>\r\nSubject: x"),
                tlv(1021, b"{{ 7 * 7 }}{% raw %}"),
                tlv(1059, tlv(1030, HOSTILE_NAME.encode("cp866")) + tlv(1023, b"\xff\x07") + tlv(1043, b"\xff" * 8)),
                tlv(1059, b""),
                tlv(1084, tlv(1085, b"<i>") + tlv(1086, b'"><img src=x>')),
            )
        ),
    )
)


def built(document: model.AnyDocument, ffd: str) -> Document:
    return decode(build(document, ffd=ffd), version_hint=ffd)


SALE: Final = built(_SALE, "1.2")

SAMPLES: Final[Mapping[str, Document]] = {
    "sale_1.2": SALE,
    "sale_1.05": built(_SALE, "1.05"),
    "sale_1.0": built(_SALE, "1.0"),
    "refund_1.05": built(_REFUND, "1.05"),
    "correction_1.2": built(_CORRECTION, "1.2"),
    "correction_1.1": built(_CORRECTION, "1.1"),
    "purchase_bso_1.1": built(_PURCHASE, "1.1"),
    "hostile": HOSTILE,
}
"""By the names of the golden files."""
