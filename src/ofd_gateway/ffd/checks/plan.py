"""What the tables demand of one structure: compiled once for each version, document, parent and era."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

from ofd_gateway.ffd.checks.content import content_rule
from ofd_gateway.ffd.dictionary import TagSpec, lookup
from ofd_gateway.ffd.enumerations import enumeration
from ofd_gateway.ffd.presence import FIRST_ORDER_SECONDS, SECOND_ORDER_SECONDS, Era, editions, places
from ofd_gateway.ffd.tlv import FREE_CONTENT_TAGS, STRUCTURE_TAGS
from ofd_gateway.ffd.values import ENCODING, TagKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ofd_gateway.ffd.checks.content import ContentRule
    from ofd_gateway.ffd.checks.forms import Form
    from ofd_gateway.ffd.layouts import Layout
    from ofd_gateway.ffd.presence import Place

__all__ = ["ITEM", "Plan", "TagRule", "root_plan"]

ITEM: Final = 1059

_CASHIER: Final = 1021
_JUDGED_APART: Final = frozenset({ITEM, _CASHIER})
_HEAD: Final = frozenset({1012, 1018, 1037, 1040, 1041, 1077})
"""Tags that the FN itself writes into every document."""
_CONFIRMATION: Final = 7

_WIDTHS: Final = {
    TagKind.BYTE: 1,
    TagKind.BITS8: 1,
    TagKind.U16: 2,
    TagKind.U32: 4,
    TagKind.BITS32: 4,
    TagKind.UNIXTIME: 4,
}
_NUMBER_BYTES: Final = 8
_DISPUTED_LENGTHS: Final = {1213: frozenset({2, 4}), 1245: frozenset({2, 32}), 1308: frozenset({23, 33})}
"""Sources give two lengths for these; either is taken."""

_ONE_BIT: Final = 1055
_ERAS: Final = (Era.BEFORE_ORDERS, Era.FIRST_ORDER, Era.SECOND_ORDER, Era.UNDATED)


class TagRule:
    """What one tag must look like in one place.

    `lengths`: the only lengths a value may have, None when free; `limit`: the longest, None when unknown;
    `is_number`: a value beyond the limit cannot be read; `allowed`: every value of a closed set as bytes;
    `mask`: every bit of a closed set; `lowered`: breaking it is a warning, as FFD 1.0 only recommends it;
    `open_text`: a structure that may be raw bytes in FFD 1.0.
    """

    __slots__ = (
        "allowed",
        "content",
        "is_number",
        "is_structure",
        "lengths",
        "limit",
        "lowered",
        "mask",
        "one_bit",
        "open_text",
        "repeatable",
        "spec",
        "tag",
    )

    def __init__(self, spec: TagSpec, place: Place, *, ffd: str, lowered: bool) -> None:
        self.tag = spec.tag
        self.spec = spec
        self.repeatable = place.repeatable or spec.repeatable
        self.lowered = lowered
        self.is_structure = spec.tag in STRUCTURE_TAGS
        self.is_number = spec.kind in (TagKind.VLN, TagKind.FVLN)
        self.lengths = _lengths(spec)
        self.limit = max(_NUMBER_BYTES, spec.length or 0) if self.is_number else spec.length
        self.allowed, self.mask = _closed_set(spec, ffd)
        self.open_text = self.is_structure and ffd == "1.0"
        self.one_bit = spec.tag == _ONE_BIT
        self.content: ContentRule | None = None if self.is_structure else content_rule(spec.tag)

    def admits(self, raw: bytes) -> bool:
        """Whether a value of the right length belongs to the closed set, if the tag has one."""
        if self.allowed is not None:
            return raw in self.allowed
        if self.mask is None:
            return True
        bits = int.from_bytes(raw, "little")
        if bits & ~self.mask:
            return False
        return not self.one_bit or bits.bit_count() == 1


class Plan:
    """The rules of every tag that may stand in one structure, and the tags that must.

    `parent` is None for the root. Items (1059), and the cashier (1021) of a registration report, are demanded by
    `demands_items` and `demands_cashier`, because they are judged apart.
    `forms` remembers layouts that were judged here.
    `open_content` marks the structures that FFD 1.0 lets hold anything (R-V5): nothing in them is judged.
    """

    __slots__ = (
        "_children",
        "demanded",
        "demands_cashier",
        "demands_items",
        "document",
        "era",
        "ffd",
        "forms",
        "open_content",
        "parent",
        "rules",
    )

    def __init__(self, ffd: str, document: int, parent: int | None, era: Era) -> None:
        self.ffd = ffd
        self.document = document
        self.parent = parent
        self.era = era
        self.open_content = ffd == "1.0" and parent in FREE_CONTENT_TAGS and document != _CONFIRMATION
        self._children: dict[int, Plan] = {}
        self.forms: dict[Layout, Form] = {}
        found = places(document, parent, ffd)
        years = _years(found, editions(ffd, era))
        demanded = tuple(tag for tag, place in found.items() if place.demanded(years))
        self.demands_items = ITEM in demanded
        self.demands_cashier = _CASHIER in demanded
        self.demanded = tuple(tag for tag in demanded if tag not in _JUDGED_APART)
        self.rules = {
            tag: TagRule(spec, place, ffd=ffd, lowered=ffd == "1.0" and tag not in self.demanded and tag not in _HEAD)
            for tag, place in found.items()
            if (spec := lookup(tag, parent or document, ffd=ffd)) is not None
        }

    def child(self, tag: int) -> Plan:
        """The plan of a structure below this one."""
        plan = self._children.get(tag)
        if plan is None:
            plan = self._children[tag] = Plan(self.ffd, self.document, tag, self.era)
        return plan


def root_plan(ffd: str, document: int, issued_at: int | None) -> Plan | None:
    """The plan of a document's root, None for a document that no table knows.

    `issued_at` is its 1012 as unix time of the wall clock, None when it has none: then a tag is demanded only when
    every order demands it.
    """
    plans = _root_plans(ffd, document)
    if plans is None:
        return None
    if issued_at is None:
        return plans[3]
    if issued_at >= SECOND_ORDER_SECONDS:
        return plans[2]
    return plans[1] if issued_at >= FIRST_ORDER_SECONDS else plans[0]


@functools.cache
def _root_plans(ffd: str, document: int) -> tuple[Plan, ...] | None:
    if not places(document, None, ffd):
        return None
    return tuple(Plan(ffd, document, None, era) for era in _ERAS)


def _years(found: Mapping[int, Place], wanted: tuple[int, ...]) -> tuple[int, ...]:
    """The editions to judge by: those in force, or those that know the structure at all when none in force does."""
    listed = {year for place in found.values() for year in place.by_year}
    chosen = tuple(year for year in wanted if year in listed)
    return chosen or tuple(sorted(listed))


def _lengths(spec: TagSpec) -> frozenset[int] | None:
    disputed = _DISPUTED_LENGTHS.get(spec.tag)
    if disputed is not None:
        return disputed
    if spec.kind in _WIDTHS:
        return frozenset({_WIDTHS[spec.kind]})
    return frozenset({spec.length}) if spec.fixed and spec.length is not None else None


def _closed_set(spec: TagSpec, ffd: str) -> tuple[frozenset[bytes] | None, int | None]:
    found = enumeration(spec.tag) if spec.enum_ref else None
    if found is None or not found.closed:
        return None, None
    if found.bits:
        return None, found.mask(ffd)
    return frozenset(_as_bytes(value) for value in found.values(ffd)), None


def _as_bytes(value: int | str) -> bytes:
    return bytes((value,)) if isinstance(value, int) else value.encode(ENCODING)
