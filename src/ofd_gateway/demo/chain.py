"""The chain of the demo: three shops in three time zones, twelve registers, and what happens to each of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from ofd_gateway.simulator.catalogue import SHOP_KINDS, ShopKind
from ofd_gateway.simulator.formats import Ffd
from ofd_gateway.simulator.identity import company_inn

OWNER_INN: Final = company_inn("772711616")
OWNER_NAME: Final = 'ООО "Ромашка"'
OWNER_EMAIL: Final = "owner@example.org"
OPERATOR_EMAIL: Final = "operator@example.org"
SEED: Final = 60
DAYS: Final = 60

_LONG_KEY_DAYS: Final = 410


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """One shop: the registers that stand in it share its address and its time zone."""

    name: str
    kind: ShopKind
    address: str
    offset_h: int
    timezone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What happens to one register; days count from 0, a range is from its first day to before its last."""

    key_days: int = _LONG_KEY_DAYS
    capacity: int | None = None
    """Documents the drive can hold, where that is few."""
    service_until_day: int | None = None
    """The first day that is not paid for."""
    renewed_on_day: int | None = None
    dead: range = field(default=range(0))
    """Switched off: nothing is sold."""
    stuck: range = field(default=range(0))
    """Its transport program sends the newest document before the oldest, so the drive's queue never moves."""
    wrong_totals: range = field(default=range(0))
    """Its firmware adds two roubles to the total of each receipt."""
    forgets_on_day: int | None = None
    """The cashier leaves without closing the shift and comes back in the afternoon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A register of the chain."""

    index: int
    name: str
    store: Store
    ffd: Ffd
    fate: Fate


def chain() -> tuple[Member, ...]:
    """The twelve registers, shop by shop."""
    members = []
    for place, store in enumerate(_STORES):
        for number in range(1, _REGISTERS_OF_STORE + 1):
            index = place * _REGISTERS_OF_STORE + number - 1
            members.append(
                Member(
                    index=index,
                    name=f"{store.name}, касса {number}",
                    store=store,
                    ffd=Ffd.V1_2 if index % 3 else Ffd.V1_05,
                    fate=_FATES.get(index, Fate()),
                )
            )
    return tuple(members)


_REGISTERS_OF_STORE: Final = 4
_STORES: Final = (
    Store(
        name="Мясницкая",
        kind=SHOP_KINDS[0],
        address="101000, г. Москва, ул. Мясницкая, д. 24, стр. 1",
        offset_h=3,
        timezone="Europe/Moscow",
    ),
    Store(
        name="Самара",
        kind=SHOP_KINDS[2],
        address="443010, г. Самара, ул. Куйбышева, д. 103",
        offset_h=4,
        timezone="Europe/Samara",
    ),
    Store(
        name="Новосибирск",
        kind=SHOP_KINDS[3],
        address="630099, г. Новосибирск, Красный проспект, д. 29",
        offset_h=7,
        timezone="Asia/Novosibirsk",
    ),
)
_AFTER_THE_END: Final = DAYS + 2
"""East of the zone in which the play began a register may have begun its first day already."""
_FATES: Final = {
    1: Fate(service_until_day=40, renewed_on_day=38),
    2: Fate(capacity=1100),
    3: Fate(key_days=77),
    4: Fate(dead=range(20, 29)),
    5: Fate(stuck=range(44, _AFTER_THE_END)),
    6: Fate(service_until_day=DAYS + 25),
    8: Fate(wrong_totals=range(25, 26)),
    9: Fate(forgets_on_day=15),
}
"""Who is not mentioned has nothing but ordinary days."""
