"""Canonical order of records: the order in which drives and operators were seen to write them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ofd_gateway.ffd.tlv import tlv

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Record", "assemble"]

Record = tuple[int, bytes]
"""A tag and the bytes of its value."""

_FN_ORDER: Final = (1209, 1190, 1041, 1037, 1018, 1040, 1012, 1077, 1038, 1042, 1054, 1020)
_ITEM_ORDER: Final = (1030, 1079, 1023, 1043)
_ORDERS: Final[Mapping[int, tuple[int, ...]]] = {
    **dict.fromkeys((1, 11, 2, 21, 3, 31, 4, 41, 5, 6), _FN_ORDER),
    **dict.fromkeys((1059, 1071), _ITEM_ORDER),
    7: (1017, 1078, 1041, 1040, 1012, 1068, 1206),
}


def assemble(parent: int, records: Iterable[Record]) -> bytes:
    """The bytes of a structure: records of the drive first, then by tag number; repeats keep their order.

    `parent` is the tag or document code the structure stands in. Raises ValueError for a value over 65535 bytes.
    """
    first = {tag: place for place, tag in enumerate(_ORDERS.get(parent, ()))}
    last = len(first)
    ordered = sorted(records, key=lambda record: (first.get(record[0], last), record[0]))
    return b"".join(tlv(tag, value) for tag, value in ordered)
