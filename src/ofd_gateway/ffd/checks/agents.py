"""Agents (агенты): what an item or a receipt of an agent must say of itself. Rules R-P9 and R-P13."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ofd_gateway.ffd.checks.reading import number
from ofd_gateway.ffd.tlv import Structure

if TYPE_CHECKING:
    from ofd_gateway.ffd.checks.place import Spot
    from ofd_gateway.ffd.checks.report import Report

__all__ = ["ROOT_AGENT", "ROOT_AGENT_TAGS", "judge_agent", "judge_root_agent"]

ROOT_AGENT, _ITEM_AGENT, _AGENT_DATA, _SUPPLIER_INN = 1057, 1222, 1223, 1226
_BANK_BITS: Final = 0b0011
_PAYMENT_BITS: Final = 0b1100
_BANK_TAGS: Final = (1005, 1016, 1026, 1044, 1073, 1075)
_PAYMENT_TAGS: Final = (1073, 1074)
ROOT_AGENT_TAGS: Final = (1005, 1016, 1026, 1044, 1073, 1074, 1075, 1171)
_RECOMMENDED_IN: Final = frozenset({"1.0", "1.05"})


def judge_agent(spot: Spot, report: Report) -> None:
    """An item with 1222: it names the supplier (R-P9) and the data of its kind of agent (R-P13).

    The data may stand in the root of the receipt instead, where FFD 1.2 has no place for them.
    """
    fields = spot.structure.by_tag
    bits = number(fields, _ITEM_AGENT, 1)
    if not bits:
        return
    ffd = spot.document.ffd
    if _SUPPLIER_INN not in fields:
        report.add(
            "R-P9",
            path=spot.field(_SUPPLIER_INN),
            tag=_SUPPLIER_INN,
            offset=spot.structure.offset,
            expected="INN of the supplier, or 000000000000",
            lowered=ffd in _RECOMMENDED_IN,
        )
    data = fields.get(_AGENT_DATA)
    present = set(data.tags) if isinstance(data, Structure) else set()
    if ffd != "1.2" and spot.above is not None:
        present.update(spot.above.structure.tags)
    missing = [tag for tag in _demanded(bits) if tag not in present]
    if missing:
        report.add(
            "R-P13",
            path=spot.field(_AGENT_DATA),
            tag=_AGENT_DATA,
            offset=spot.structure.offset,
            found=f"bits 0x{bits:02x}",
            expected="tags " + ", ".join(map(str, missing)),
        )


def judge_root_agent(spot: Spot, report: Report) -> None:
    """Agent tags in the root of a receipt of FFD 1.0 to 1.1 stand beside 1057 (R-P13)."""
    fields = spot.structure.by_tag
    if ROOT_AGENT in fields:
        return
    for tag in ROOT_AGENT_TAGS:
        if tag in fields:
            report.add(
                "R-P13",
                path=spot.field(tag),
                tag=tag,
                offset=spot.offset_of(tag),
                expected="only beside 1057",
            )


def _demanded(bits: int) -> list[int]:
    tags = list(_BANK_TAGS) if bits & _BANK_BITS else []
    if bits & _PAYMENT_BITS:
        tags += [tag for tag in _PAYMENT_TAGS if tag not in tags]
    return tags
