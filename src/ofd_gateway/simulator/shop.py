"""A virtual shop: the register's half of every document, seeded and the same each time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache

from ofd_gateway.simulator.catalogue import (
    CASHIERS,
    PLACES,
    RARE_SHOP_KINDS,
    SHOP_KINDS,
    AgentKind,
    ItemKind,
    Product,
    ShopKind,
    VatGroup,
)
from ofd_gateway.simulator.dice import Dice
from ofd_gateway.simulator.fields import INN_BYTES, kopecks, padded, quantity, text, tlv, u8, u32
from ofd_gateway.simulator.fields import local_time as local_time_field
from ofd_gateway.simulator.formats import Ffd
from ofd_gateway.simulator.identity import Identity, company_inn
from ofd_gateway.simulator.settlement import OperationType, Settlement, VatRate, base_rate

FNS_SITE = "www.nalog.gov.ru"
FULL_SETTLEMENT = 4
PIECE = 0
KILOGRAM = 11
BSO_SYSTEM = 1 << 2
MARKED_GOODS = 1 << 8
SERVICES_ONLY = 1 << 9
MARK_CHECKED = 0b1111
"""2106: checked by the drive and by the register of marks, and right by both."""
SETTINGS_CHANGED = 4
OTHER_REASONS = 1 << 31
GRAMS_DECIMALS = 3
_USUAL_IN_TURN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """The operator the register is registered with (ОФД: 1017, 1046)."""

    inn: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A receipt as the register hands it to the drive: what to count, and the register's own fields."""

    settlement: Settlement
    fields: bytes
    has_contact: bool = False
    """The buyer left an address or a telephone number (1008)."""


class Shop:
    """One shop with one register; the same seed and index give the same shop and the same sequence of receipts.

    `kind`, `place` (address, offset from UTC in hours) and `user_name` are drawn unless they are given.
    """

    __slots__ = (
        "_cashier_fields",
        "_dice",
        "_ffd",
        "_fns_site",
        "_identity",
        "_operator",
        "_place",
        "address",
        "kind",
        "user_name",
        "utc_offset",
    )

    def __init__(
        self,
        identity: Identity,
        *,
        ffd: Ffd,
        operator: Operator,
        seed: int,
        index: int,
        kind: ShopKind | None = None,
        place: tuple[str, int] | None = None,
        user_name: str | None = None,
    ) -> None:
        dice = Dice("shop", seed, index)
        drawn = _kind(dice, index)
        self.kind = kind or drawn
        drawn_place = dice.pick(PLACES)
        self.address, offset_h = place or drawn_place
        self.utc_offset = timedelta(hours=offset_h)
        number = dice.between(1, 999)
        owner = "ООО" if len(identity.user_inn) == 10 else "ИП"
        self.user_name = user_name or f'{owner} "{self.kind.label} {number}"'
        first = dice.below(len(CASHIERS))
        self._identity = identity
        self._ffd = ffd
        self._cashier_fields = tuple(self._cashier(CASHIERS[(first + nth) % len(CASHIERS)]) for nth in range(2))
        self._place = (text(1009, self.address), text(1187, self.kind.label))
        self._fns_site = text(1060, FNS_SITE)
        self._operator = operator
        self._dice = Dice("receipts", seed, index)

    def registration_fields(self) -> bytes:
        """Registration report (отчёт о регистрации): owner, place, operator, modes of use."""
        parts = [
            text(1048, self.user_name),
            *self._place,
            text(1013, self._identity.serial_number),
            padded(1017, self._operator.inn, INN_BYTES),
            text(1046, self._operator.name),
            self._fns_site,
            text(1117, "receipts@example.com"),
            u8(1062, self.kind.taxation),
            u8(1001, 0),
            u8(1002, 0),
            u8(1056, 0),
            *self._cashier_fields[0],
        ]
        services_only, bso = self.kind.services_only, self.kind.issues_bso
        if self._ffd is not Ffd.V1_2 and self.kind.agents and self._ffd.names_its_version:
            parts.append(u8(1057, self.kind.agents))
        if self._ffd is Ffd.V1_2:
            usage = BSO_SYSTEM * bso | SERVICES_ONLY * services_only | MARKED_GOODS * self.kind.sells_marked
            parts.append(u32(1290, usage))
        else:
            parts += [u8(1108, 0), u8(1109, int(services_only)), u8(1110, int(bso))]
            if self._ffd.names_its_version:
                parts += [u8(1193, 0), u8(1126, 0), u8(1207, 0), u8(1221, 0)]
        parts += self._versions()
        return b"".join(parts)

    def registration_changed_fields(self) -> bytes:
        """Report of changed parameters of registration (изменение параметров регистрации): settings of the register."""
        reason = u32(1205, OTHER_REASONS) if self._ffd.keeps_counters else u8(1101, SETTINGS_CHANGED)
        return self.registration_fields() + reason

    def shift_opened_fields(self) -> bytes:
        """Report of an opened shift (отчёт об открытии смены)."""
        return b"".join((*self._cashier_fields[0], *self._versions()))

    def shift_closed_fields(self) -> bytes:
        """Report of a closed shift (отчёт о закрытии смены)."""
        return b"".join(self._cashier_fields[-1])

    def state_report_fields(self) -> bytes:
        """Report of the present state (отчёт о текущем состоянии расчётов)."""
        return u8(1002, 0)

    def archive_closed_fields(self) -> bytes:
        """Report of a closed archive (отчёт о закрытии ФН)."""
        return b"".join((text(1048, self.user_name), *self._place, *self._cashier_fields[0]))

    def next_receipt(self, day: date) -> Receipt:
        """The next receipt of this shop on `day`: VAT of that day, one in forty a refund, some for known buyers."""
        dice = self._dice
        vat: dict[VatRate, int] = {}
        items: list[bytes] = []
        total_kopecks = 0
        for _ in range(dice.between(1, self.kind.items_to)):
            product = dice.pick(self.kind.products)
            rate = _rate(product.vat, day, self._ffd)
            item, sum_kopecks = self._item(product, rate)
            items.append(item)
            total_kopecks += sum_kopecks
            vat[rate] = vat.get(rate, 0) + rate.included_kopecks(sum_kopecks)
        refund = dice.chance(1 / 40)
        settlement = self._pay(self._operation(refund=refund), total_kopecks, vat)
        parts = [u8(1055, self.kind.taxation), *dice.pick(self._cashier_fields), *items, *self._place, self._fns_site]
        buyer, has_contact = self._buyer()
        parts += buyer
        return Receipt(settlement=settlement, fields=b"".join(parts), has_contact=has_contact)

    def next_correction(self, issued_at_local: datetime) -> Receipt:
        """A correction (чек коррекции) of the shop's own accord: a cash receipt forgotten some days ago."""
        dice = self._dice
        product = dice.pick(self.kind.products)
        rate = _rate(product.vat, issued_at_local.date(), self._ffd)
        item, total_kopecks = self._item(product, rate)
        settlement = Settlement(
            operation=self._operation(refund=False),
            total_kopecks=total_kopecks,
            cash_kopecks=total_kopecks,
            vat_kopecks={rate: rate.included_kopecks(total_kopecks)},
        )
        day = (issued_at_local - timedelta(days=dice.between(1, 9))).replace(hour=0, minute=0, second=0, microsecond=0)
        base = [local_time_field(1178, day), text(1179, f"АКТ-{dice.between(1, 99)}")]
        parts = [u8(1055, self.kind.taxation), *self._cashier_fields[0], u8(1173, 0)]
        if self._ffd is Ffd.V1_2:
            parts += [item, *self._place]
        else:
            base.insert(0, text(1177, "Чек не был пробит"))
            if self._ffd is Ffd.V1_1:
                parts.append(item)
        parts.append(tlv(1174, b"".join(base)))
        return Receipt(settlement=settlement, fields=b"".join(parts))

    def _operation(self, *, refund: bool) -> OperationType:
        if self.kind.buys:
            return OperationType.OUTLAY_RETURN if refund else OperationType.OUTLAY
        return OperationType.INCOME_RETURN if refund else OperationType.INCOME

    def _cashier(self, name: str) -> tuple[bytes, ...]:
        if self._ffd is Ffd.V1_0:
            return (text(1021, name),)
        return (text(1021, name), padded(1203, self._identity.cashier_inn, INN_BYTES))

    def _versions(self) -> list[bytes]:
        if not self._ffd.names_its_version:
            return []
        return [text(1188, "1.0"), u8(1189, self._ffd.version_number)]

    def _item(self, product: Product, rate: VatRate) -> tuple[bytes, int]:
        dice = self._dice
        price_kopecks = dice.between(product.price_from_kopecks, product.price_to_kopecks)
        if product.weighed:
            grams = dice.between(120, 2400)
            amount = quantity(1023, grams, GRAMS_DECIMALS)
            sum_kopecks = (2 * price_kopecks * grams + 1000) // 2000
        else:
            pieces = 1 if dice.chance(0.8) else dice.between(2, 5)
            amount = quantity(1023, pieces)
            sum_kopecks = price_kopecks * pieces
        if product.marked and self._ffd.names_its_version:
            amount, sum_kopecks = quantity(1023, 1), price_kopecks
        name, signs = _constant_fields(product, self._ffd)
        parts = [name, kopecks(1079, price_kopecks), amount, kopecks(1043, sum_kopecks), u8(1199, rate)]
        if self._ffd.names_its_version and rate is not VatRate.NO_VAT:
            parts.append(kopecks(1200, rate.included_kopecks(sum_kopecks)))
        parts.append(signs)
        if product.marked and self._ffd.names_its_version:
            parts.append(self._mark())
        if product.agent is not None and self._ffd.names_its_version:
            parts.append(_agent_fields(product.agent))
        return tlv(1059, b"".join(parts)), sum_kopecks

    def _mark(self) -> bytes:
        """The code of the mark on one piece: 1163 {1305} in FFD 1.2, 1162 before it."""
        gtin, serial = f"046{self._dice.digits(11)}", self._dice.digits(13)
        if self._ffd is Ffd.V1_2:
            return tlv(1163, text(1305, f"01{gtin}21{serial}")) + u8(2102, 0) + u8(2106, MARK_CHECKED)
        return tlv(1162, b"\x44\x4d" + int(gtin).to_bytes(6, "big") + serial.encode())

    def _pay(self, operation: OperationType, total_kopecks: int, vat: dict[VatRate, int]) -> Settlement:
        dice = self._dice
        roll = dice.below(100)
        cash = total_kopecks if roll < 25 else 0
        prepaid = dice.below(total_kopecks) if roll >= 97 else 0
        return Settlement(
            operation=operation,
            total_kopecks=total_kopecks,
            cash_kopecks=cash,
            ecash_kopecks=total_kopecks - cash - prepaid,
            prepaid_kopecks=prepaid,
            vat_kopecks=vat,
        )

    def _buyer(self) -> tuple[list[bytes], bool]:
        dice = self._dice
        parts: list[bytes] = []
        has_contact = dice.chance(0.1)
        if has_contact:
            contact = (
                f"+7999{dice.digits(7)}"
                if dice.chance(0.5)
                else f"buyer{dice.digits(4)}@example.{'org' if dice.chance(0.3) else 'com'}"
            )
            parts += [text(1008, contact), text(1117, "receipts@example.com")]
        if dice.chance(0.02) and self._ffd.names_its_version:
            buyer = text(1227, 'ООО "Покупатель"') + padded(1228, company_inn("77" + dice.digits(7)), INN_BYTES)
            parts.append(tlv(1256, buyer) if self._ffd is Ffd.V1_2 else buyer)
        return parts, has_contact


def _kind(dice: Dice, index: int) -> ShopKind:
    """Five shops of the usual kinds, then one of each rare kind, and so on: eight registers show everything."""
    usual = dice.pick(SHOP_KINDS)
    turn = index % (_USUAL_IN_TURN + len(RARE_SHOP_KINDS)) - _USUAL_IN_TURN
    return usual if turn < 0 else RARE_SHOP_KINDS[turn]


@cache
def _constant_fields(product: Product, ffd: Ffd) -> tuple[bytes, bytes]:
    """The name, and the signs that follow the sums: the same in every receipt."""
    name = text(1030, product.name)
    if not ffd.names_its_version:
        return name, b""
    marked = product.marked and ffd is Ffd.V1_2
    signs = u8(1214, FULL_SETTLEMENT) + u8(1212, ItemKind.MARKED if marked else product.kind)
    if ffd is Ffd.V1_2:
        return name, signs + u8(2108, KILOGRAM if product.weighed else PIECE)
    return name, signs + text(1197, "кг" if product.weighed else "шт")


@cache
def _agent_fields(kind: AgentKind) -> bytes:
    """Who is behind an item that is sold for another: 1222, 1223 of a payment agent, 1224 and 1226 of the supplier."""
    supplier = tlv(1224, text(1171, "+78005550199") + text(1225, 'ООО "Поставщик"'))
    parts = [u8(1222, kind), supplier, padded(1226, company_inn("770000001"), INN_BYTES)]
    if kind & AgentKind.PAYMENT_AGENT:
        parts.append(tlv(1223, text(1073, "+78005550100") + text(1074, "+78005550101")))
    return b"".join(parts)


def _rate(group: VatGroup, day: date, ffd: Ffd) -> VatRate:
    """Format 1.0 knows no rate that is younger than itself, so its shops stay with the rates it has."""
    if group is VatGroup.BASE:
        return base_rate(day) if ffd.names_its_version else VatRate.VAT_20
    if group is VatGroup.REDUCED:
        return VatRate.VAT_10
    if group is VatGroup.SIMPLIFIED and ffd.names_its_version and day >= date(2025, 1, 1):
        return VatRate.VAT_5
    return VatRate.NO_VAT
