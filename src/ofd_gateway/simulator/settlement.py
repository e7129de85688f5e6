"""One settlement (расчёт): its kind, how it was paid, its VAT; and the drive's running totals of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import IntEnum
from typing import TYPE_CHECKING

from ofd_gateway.simulator.fields import kopecks, tlv, u8, u32

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class OperationType(IntEnum):
    """Kind of settlement (признак расчёта, 1054)."""

    INCOME = 1
    INCOME_RETURN = 2
    OUTLAY = 3
    OUTLAY_RETURN = 4


class VatRate(IntEnum):
    """VAT rate of an item (ставка НДС, 1199), as far as the shops use it."""

    VAT_20 = 1
    VAT_10 = 2
    VAT_0 = 5
    NO_VAT = 6
    VAT_5 = 7
    VAT_22 = 11

    def included_kopecks(self, amount_kopecks: int) -> int:
        """The tax inside a sum, rounded to the kopeck; the turnover itself where nothing is levied."""
        percent = _PERCENT.get(self)
        if percent is None:
            return amount_kopecks
        return (2 * amount_kopecks * percent + 100 + percent) // (2 * (100 + percent))


def base_rate(day: date) -> VatRate:
    """The base rate in force: 22 % since 2026-01-01, 20 % (18 % under the same code) before."""
    return VatRate.VAT_22 if day >= date(2026, 1, 1) else VatRate.VAT_20


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What the register tells the drive about a receipt so that the drive can count it."""

    operation: OperationType
    total_kopecks: int
    cash_kopecks: int = 0
    ecash_kopecks: int = 0
    prepaid_kopecks: int = 0
    credit_kopecks: int = 0
    provision_kopecks: int = 0
    vat_kopecks: Mapping[VatRate, int] = field(default_factory=dict)
    """Tax for each rate (turnover for 0 % and «без НДС»)."""

    def fields(self) -> bytes:
        """1054, 1020, the five payments and the VAT group, as they stand at the root of a receipt."""
        parts = [
            u8(1054, self.operation),
            kopecks(1020, self.total_kopecks),
            kopecks(1031, self.cash_kopecks),
            kopecks(1081, self.ecash_kopecks),
            kopecks(1215, self.prepaid_kopecks),
            kopecks(1216, self.credit_kopecks),
            kopecks(1217, self.provision_kopecks),
        ]
        by_rate = [
            tlv(1119, u8(1199, rate) + kopecks(1120, amount))
            for rate, amount in self.vat_kopecks.items()
            if rate not in _RECEIPT_TAGS
        ]
        parts.extend(
            kopecks(_RECEIPT_TAGS[rate], amount) for rate, amount in self.vat_kopecks.items() if rate in _RECEIPT_TAGS
        )
        if by_rate:
            parts.append(tlv(1115, b"".join(by_rate)))
        return b"".join(parts)


class Counters:
    """Running totals of one shift (1194) or of the drive's life (1157), one group for each kind of settlement."""

    __slots__ = ("_corrections", "_receipts")

    def __init__(self) -> None:
        self._receipts = {operation: _Group() for operation in OperationType}
        self._corrections = {operation: _Group() for operation in OperationType}

    def add(self, settlement: Settlement, *, correction: bool) -> None:
        """One more receipt or correction."""
        (self._corrections if correction else self._receipts)[settlement.operation].add(settlement)

    def fields(self, tag: int) -> bytes:
        """The structure `tag`: 1134, groups 1129 to 1132 and the corrections 1133.

        An empty group carries its count of zero alone (order ЕД-7-20/662@, tables of 1157 and 1194).
        """
        corrections = sum(group.count for group in self._corrections.values())
        parts = [u32(1134, sum(group.count for group in self._receipts.values()))]
        parts += [tlv(_GROUP_TAGS[operation], group.fields(vat=True)) for operation, group in self._receipts.items()]
        nested = [
            tlv(_CORRECTION_TAGS[operation], group.fields(vat=False))
            for operation, group in self._corrections.items()
            if group.count
        ]
        parts.append(tlv(1133, u32(1144, corrections) + b"".join(nested)))
        return tlv(tag, b"".join(parts))


def unsent_totals(settlements: Iterable[Settlement]) -> bytes:
    """The counts of unconfirmed receipts and corrections (1158): 1144 and a group for each kind of settlement."""
    groups = {operation: _Group() for operation in OperationType}
    for settlement in settlements:
        groups[settlement.operation].add(settlement)
    parts = [u32(1144, sum(group.count for group in groups.values()))]
    parts += [
        tlv(_CORRECTION_TAGS[operation], group.fields(vat=False)) for operation, group in groups.items() if group.count
    ]
    return tlv(1158, b"".join(parts))


class _Group:
    __slots__ = ("cash", "count", "credit", "ecash", "prepaid", "provision", "total", "vat")

    def __init__(self) -> None:
        self.count = self.total = self.cash = self.ecash = self.prepaid = self.credit = self.provision = 0
        self.vat: dict[VatRate, int] = {}

    def add(self, settlement: Settlement) -> None:
        self.count += 1
        self.total += settlement.total_kopecks
        self.cash += settlement.cash_kopecks
        self.ecash += settlement.ecash_kopecks
        self.prepaid += settlement.prepaid_kopecks
        self.credit += settlement.credit_kopecks
        self.provision += settlement.provision_kopecks
        for rate, amount in settlement.vat_kopecks.items():
            self.vat[rate] = self.vat.get(rate, 0) + amount

    def fields(self, *, vat: bool) -> bytes:
        if not self.count:
            return u32(1135, 0)
        parts = [
            u32(1135, self.count),
            kopecks(1201, self.total),
            kopecks(1136, self.cash),
            kopecks(1138, self.ecash),
            kopecks(1218, self.prepaid),
            kopecks(1219, self.credit),
            kopecks(1220, self.provision),
        ]
        if vat:
            parts += [kopecks(tag, self.vat.get(rate, 0)) for rate, tag in _COUNTER_TAGS.items()]
        return b"".join(parts)


_PERCENT = {VatRate.VAT_20: 20, VatRate.VAT_10: 10, VatRate.VAT_5: 5, VatRate.VAT_22: 22}
_RECEIPT_TAGS = {VatRate.VAT_20: 1102, VatRate.VAT_10: 1103, VatRate.VAT_0: 1104, VatRate.NO_VAT: 1105}
_COUNTER_TAGS = {VatRate.VAT_20: 1139, VatRate.VAT_10: 1140, VatRate.VAT_0: 1143, VatRate.NO_VAT: 1183}
_GROUP_TAGS = {
    OperationType.INCOME: 1129,
    OperationType.INCOME_RETURN: 1130,
    OperationType.OUTLAY: 1131,
    OperationType.OUTLAY_RETURN: 1132,
}
_CORRECTION_TAGS = {
    OperationType.INCOME: 1145,
    OperationType.OUTLAY: 1146,
    OperationType.INCOME_RETURN: 1232,
    OperationType.OUTLAY_RETURN: 1233,
}
