"""Closed sets of values and bits (перечни значений и битов), read from `data/enumerations.tsv`."""

from __future__ import annotations

import functools
import importlib.resources
from typing import TYPE_CHECKING, Final

import msgspec

from ofd_gateway.ffd.dictionary import FFD_VERSIONS, meanings
from ofd_gateway.ffd.evidence import CONFIDENCES, TableError, known_evidence

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Enumeration", "Member", "describe", "enumeration", "enumerations"]

_ORDER: Final = {version: order for order, version in enumerate(FFD_VERSIONS)}
_KINDS: Final = {"enum": (False, True), "enum+": (False, False), "bit": (True, True), "bit+": (True, False)}
"""Kind in the table to (a set of bits, closed)."""


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One value or one bit. `value` is the number, the bit's position, or the text of the wire.

    `since` and `until` are format versions; `from_date` says when the order began to know it, empty for ever.
    """

    value: int | str
    name_en: str
    name_ru: str
    since: str
    until: str
    from_date: str
    sources: str
    confidence: str
    note: str

    def in_version(self, ffd: str) -> bool:
        """Whether the member exists in a format version."""
        return _ORDER[self.since] <= _ORDER[ffd] and (not self.until or _ORDER[ffd] <= _ORDER[self.until])


class Enumeration(msgspec.Struct, frozen=True, kw_only=True):
    """All members of one tag. `closed` means that anything else is an error by the orders."""

    tag: int
    bits: bool
    closed: bool
    members: tuple[Member, ...]

    def mask(self, ffd: str) -> int:
        """Every bit that a version knows; 0 for a set of values."""
        return sum(1 << int(m.value) for m in self.members if m.in_version(ffd)) if self.bits else 0

    def values(self, ffd: str) -> frozenset[int | str]:
        """Every value that a version knows; empty for a set of bits."""
        return frozenset() if self.bits else frozenset(m.value for m in self.members if m.in_version(ffd))


def enumeration(tag: int) -> Enumeration | None:
    """The set a tag takes its values from, None when it has none."""
    return enumerations().get(tag)


def describe(tag: int, value: int | str, *, language: str = "ru") -> str:
    """The meaning of a value in words, bits joined with commas; empty when the tag has no set or the value no name."""
    found = enumeration(tag)
    if found is None:
        return ""
    if found.bits:
        number = int(value)
        chosen = [member for member in found.members if number >> int(member.value) & 1]
    else:
        chosen = [member for member in found.members if member.value == value]
    return ", ".join(member.name_ru if language == "ru" else member.name_en for member in chosen)


@functools.cache
def enumerations() -> Mapping[int, Enumeration]:
    """Every set by tag. Raises TableError when a row contradicts the tag dictionary."""
    text = (importlib.resources.files("ofd_gateway.ffd") / "data" / "enumerations.tsv").read_text("utf-8")
    members: dict[int, list[Member]] = {}
    kinds: dict[int, str] = {}
    for line in text.splitlines()[1:]:
        tags, kind, value, *rest = line.split("\t")
        name_en, name_ru, since, until, from_date, sources, confidence, note = rest
        for tag in map(int, tags.split()):
            _verify(tag, kind, kinds.setdefault(tag, kind), sources, confidence)
            members.setdefault(tag, []).append(
                Member(
                    value=value if _is_text(tag) else int(value),
                    name_en=name_en,
                    name_ru=name_ru,
                    since=since,
                    until=until,
                    from_date=from_date,
                    sources=sources,
                    confidence=confidence,
                    note=note,
                )
            )
    return {
        tag: Enumeration(tag=tag, bits=_KINDS[kinds[tag]][0], closed=_KINDS[kinds[tag]][1], members=tuple(found))
        for tag, found in members.items()
    }


def _is_text(tag: int) -> bool:
    return all(spec.kind.value == "string" for spec in meanings(tag))


def _verify(tag: int, kind: str, expected_kind: str, sources: str, confidence: str) -> None:
    if not any(spec.enum_ref for spec in meanings(tag)):
        raise TableError(f"values of {tag}: the tag dictionary knows no set of values for it")
    if kind != expected_kind or kind not in _KINDS:
        raise TableError(f"values of {tag}: {kind!r} beside {expected_kind!r}")
    if confidence not in CONFIDENCES or not known_evidence(sources):
        raise TableError(f"values of {tag}: unknown source or confidence in {sources!r}, {confidence!r}")
