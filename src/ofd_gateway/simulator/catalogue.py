"""What the virtual shops sell: kinds of shops, their goods, prices and taxes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum, IntFlag


class Taxation(IntFlag):
    """Taxation system (система налогообложения, bits of 1055 and 1062), as far as the shops use it."""

    GENERAL = 1
    SIMPLIFIED_INCOME = 2
    PATENT = 32


class AgentKind(IntFlag):
    """Kind of an agent (признак агента, 1057 and 1222), as far as the shops use it."""

    PAYMENT_AGENT = 4
    COMMISSIONER = 32


class ItemKind(IntEnum):
    """Kind of an item (признак предмета расчёта, 1212), as far as the shops use it."""

    GOODS = 1
    SERVICE = 4
    PAYMENT = 10
    MARKED = 33
    """Goods with a marking code (ТМ), in FFD 1.2 only."""


class VatGroup(Enum):
    """How an item is taxed; the rate itself depends on the date."""

    BASE = "base"
    REDUCED = "reduced"
    SIMPLIFIED = "simplified"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """One line of a price list; weighed products are priced for a kilogram."""

    name: str
    price_from_kopecks: int
    price_to_kopecks: int
    vat: VatGroup
    kind: ItemKind = ItemKind.GOODS
    weighed: bool = False
    marked: bool = False
    """Sold with the code of its mark (код маркировки)."""
    agent: AgentKind | None = None
    """Sold for a supplier whose agent the shop is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopKind:
    """What shops of one kind have in common."""

    label: str
    taxation: Taxation
    items_to: int
    products: tuple[Product, ...]
    buys: bool = False
    """Pays its customers instead of being paid (расход): it buys what they bring."""
    issues_bso: bool = False
    """Its receipts are forms of strict accounting (БСО)."""

    @property
    def services_only(self) -> bool:
        """Sells nothing but services."""
        return all(product.kind is ItemKind.SERVICE for product in self.products)

    @property
    def sells_marked(self) -> bool:
        """Sells goods that carry a mark."""
        return any(product.marked for product in self.products)

    @property
    def agents(self) -> int:
        """The kinds of agent the shop is (1057); 0 for none."""
        kinds = 0
        for product in self.products:
            kinds |= product.agent or 0
        return kinds


def _products(
    vat: VatGroup,
    *lines: tuple[str, int, int],
    kind: ItemKind = ItemKind.GOODS,
    marked: bool = False,
    agent: AgentKind | None = None,
) -> tuple[Product, ...]:
    return tuple(
        Product(
            name=name,
            price_from_kopecks=100 * low,
            price_to_kopecks=100 * high,
            vat=vat,
            kind=kind,
            marked=marked,
            agent=agent,
        )
        for name, low, high in lines
    )


def _weighed(vat: VatGroup, *lines: tuple[str, int, int]) -> tuple[Product, ...]:
    return tuple(
        Product(name=name, price_from_kopecks=100 * low, price_to_kopecks=100 * high, vat=vat, weighed=True)
        for name, low, high in lines
    )


SHOP_KINDS = (
    ShopKind(
        label="Продукты",
        taxation=Taxation.GENERAL,
        items_to=12,
        products=_products(
            VatGroup.REDUCED,
            ("Молоко пастеризованное 3,2% 930 мл", 79, 119),
            ("Кефир 2,5% 900 г", 84, 112),
            marked=True,
        )
        + _products(
            VatGroup.REDUCED,
            ('Хлеб ржано-пшеничный "Столичный" нарезка', 42, 68),
            ("Яйцо куриное С1 10 шт.", 99, 149),
            ("Гречка ядрица 800 г", 65, 109),
            ("Масло сливочное 82,5% 180 г", 189, 279),
        )
        + _products(
            VatGroup.BASE,
            ("Вода питьевая негазированная 1,5 л", 39, 69),
            marked=True,
        )
        + _products(
            VatGroup.BASE,
            ("Чай чёрный байховый 100 пак.", 169, 329),
            ("Шоколад горький 75% 100 г", 99, 189),
            ("Пакет-майка 40x60 см", 8, 12),
        )
        + _weighed(
            VatGroup.REDUCED,
            ('Сыр "Российский" 50%, кг', 699, 999),
            ("Картофель мытый, кг", 39, 79),
            ("Филе грудки цыплёнка охлаждённое, кг", 389, 499),
        )
        + _weighed(VatGroup.BASE, ("Бананы, кг", 129, 179), ('Яблоки "Гала", кг', 119, 189)),
    ),
    ShopKind(
        label="Кофейня",
        taxation=Taxation.SIMPLIFIED_INCOME,
        items_to=4,
        products=_products(
            VatGroup.SIMPLIFIED,
            ("Капучино 250 мл", 190, 260),
            ("Эспрессо двойной", 140, 190),
            ("Круассан с миндалём", 180, 240),
            ('Чизкейк "Нью-Йорк"', 290, 360),
            ("Лимонад облепиховый 0,4 л", 220, 290),
            ("Сэндвич с индейкой", 310, 390),
        ),
    ),
    ShopKind(
        label="Аптека",
        taxation=Taxation.GENERAL,
        items_to=5,
        products=_products(
            VatGroup.REDUCED,
            ("Ибупрофен таб. п/о 400 мг №20", 89, 149),
            marked=True,
        )
        + _products(
            VatGroup.REDUCED,
            ("Пластырь бактерицидный 19x72 мм №20", 79, 129),
            ("Бинт марлевый стерильный 5 м x 10 см", 49, 79),
            ("Витамин D3 капли 10 мл", 219, 349),
        )
        + _products(VatGroup.BASE, ("Крем для рук увлажняющий 75 мл", 149, 259), ("Зубная щётка средняя", 119, 219)),
    ),
    ShopKind(
        label="Электроника",
        taxation=Taxation.GENERAL,
        items_to=3,
        products=_products(
            VatGroup.BASE,
            ("Кабель USB-C - USB-C 1 м", 390, 990),
            ("Наушники беспроводные", 2490, 8990),
            ("Чайник электрический 1,7 л", 1790, 4990),
            ('Телевизор 55" 4K', 34990, 79990),
            ("Карта памяти 128 ГБ", 990, 1990),
        ),
    ),
    ShopKind(
        label="Парикмахерская",
        taxation=Taxation.PATENT,
        items_to=3,
        products=_products(
            VatGroup.NONE,
            ("Стрижка женская", 1500, 2900),
            ("Стрижка мужская", 900, 1700),
            ("Окрашивание корней", 2900, 4900),
            ("Укладка", 1100, 1900),
            kind=ItemKind.SERVICE,
        ),
    ),
)
"""What most registers stand in."""

RARE_SHOP_KINDS = (
    ShopKind(
        label="Химчистка",
        taxation=Taxation.SIMPLIFIED_INCOME,
        items_to=4,
        products=_products(
            VatGroup.SIMPLIFIED,
            ("Чистка пальто", 1800, 2900),
            ("Чистка костюма", 1500, 2400),
            ("Стирка и глажка сорочки", 290, 490),
            ("Чистка ковра, кв. м", 450, 700),
            kind=ItemKind.SERVICE,
        ),
        issues_bso=True,
    ),
    ShopKind(
        label="Салон связи",
        taxation=Taxation.GENERAL,
        items_to=2,
        products=_products(
            VatGroup.NONE,
            ("Пополнение счёта телефона", 100, 1500),
            ("Оплата домашнего интернета", 450, 1200),
            kind=ItemKind.PAYMENT,
            agent=AgentKind.PAYMENT_AGENT,
        )
        + _products(
            VatGroup.BASE,
            ("Чехол для телефона силиконовый", 390, 1290),
            ("Стекло защитное 2.5D", 290, 990),
        )
        + _products(VatGroup.BASE, ("Смартфон 128 ГБ", 9990, 39990), agent=AgentKind.COMMISSIONER),
    ),
    ShopKind(
        label="Скупка",
        taxation=Taxation.SIMPLIFIED_INCOME,
        items_to=2,
        products=_products(
            VatGroup.NONE,
            ("Телефон бывший в употреблении", 1500, 14000),
            ("Ноутбук бывший в употреблении", 5000, 32000),
            ("Золото 585 лом, г", 4200, 5600),
        ),
        buys=True,
    ),
)
"""Shops with documents of their own: forms of strict accounting, sales of an agent, outlays."""

PLACES = (
    ("101000, г. Москва, ул. Мясницкая, д. 24, стр. 1", 3),
    ("190000, г. Санкт-Петербург, наб. реки Мойки, д. 78", 3),
    ("236022, г. Калининград, пр-кт Мира, д. 9", 2),
    ("443010, г. Самара, ул. Куйбышева, д. 103", 4),
    ("620014, г. Екатеринбург, пр-кт Ленина, д. 41", 5),
    ("644043, г. Омск, ул. Тарская, д. 13", 6),
    ("630099, г. Новосибирск, Красный проспект, д. 29", 7),
    ("664025, г. Иркутск, ул. Карла Маркса, д. 14", 8),
    ("690091, г. Владивосток, ул. Светланская, д. 35", 10),
    ("683000, г. Петропавловск-Камчатский, ул. Ленинская, д. 46", 12),
)
"""Addresses with the offset of their wall clock from UTC in hours."""

CASHIERS = ("Иванова А. П.", "Петров С. И.", "Смирнова Е. В.", "Кузнецов Д. А.", "Соколова М. Н.", "Фёдоров И. К.")
"""Invented cashiers (кассир, 1021)."""
