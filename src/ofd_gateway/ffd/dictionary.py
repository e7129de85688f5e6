"""The tag dictionary (словарь тегов): what a tag number means in its place, read from `data/tags.tsv`."""

from __future__ import annotations

import functools
import importlib.resources
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from ofd_gateway.ffd.tlv import Structure
from ofd_gateway.ffd.values import TagKind, fits, widths_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "CONFIDENCE",
    "DOCUMENT_CODES",
    "FFD_VERSIONS",
    "Names",
    "TagSpec",
    "document_codes",
    "document_kind",
    "lookup",
    "lookup_name",
    "meanings",
    "sources",
    "specs",
    "specs_below",
]

Names = Literal["2021", "2017"]

FFD_VERSIONS: Final = ("1.0", "1.05", "1.1", "1.2")

DOCUMENT_CODES: Final[Mapping[int, str]] = {
    1: "fiscalReport",
    11: "fiscalReportCorrection",
    2: "openShift",
    21: "currentStateReport",
    3: "receipt",
    31: "receiptCorrection",
    4: "bso",
    41: "bsoCorrection",
    5: "closeShift",
    6: "closeArchive",
    7: "operatorAck",
}
"""Document code (код формы ФД) to the name the tax service uses; the tag table says the same."""

CONFIDENCE: Final[Mapping[str, str]] = {"h": "high", "m": "medium", "l": "low"}

_VERSION_ORDER: Final = {version: order for order, version in enumerate(FFD_VERSIONS)}
_DATA: Final = importlib.resources.files("ofd_gateway.ffd") / "data"


class TagSpec(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One meaning of one tag (реквизит); a reused number has several.

    `length` is the exact length of a value when `fixed`, else the largest one; None when the orders set none.
    `widths` are the lengths of an integer that is not of variable length, empty for other kinds.
    `parents` are the tags or document codes it may stand in, `since` and `until` the format versions.
    """

    tag: int
    name_en: str
    name_ru: str
    kind: TagKind
    widths: tuple[int, ...]
    fixed: bool
    length: int | None
    repeatable: bool
    parents: frozenset[int]
    json_name: str
    json_name_2017: str
    aliases: tuple[str, ...]
    enum_ref: str
    since: str
    until: str
    era: str
    source: str
    confidence: str
    note: str

    @property
    def name(self) -> str:
        """The key of FNS JSON: the name of 2021, the first alias, or the number."""
        return self.json_name or (self.aliases[0] if self.aliases else str(self.tag))

    def name_of(self, names: Names) -> str:
        """The key of FNS JSON in the generation asked for."""
        return (self.json_name_2017 if names == "2017" else "") or self.name

    def in_version(self, ffd: str) -> bool:
        """Whether the tag has this meaning in a format version."""
        order = _VERSION_ORDER[ffd]
        return _VERSION_ORDER[self.since] <= order and (not self.until or order <= _VERSION_ORDER[self.until])


def lookup(tag: int, parent: int | None, *, ffd: str, content: bytes | Structure | None = None) -> TagSpec | None:
    """What `tag` means inside `parent` (a document code or a tag), None when it is unknown.

    A reused number is told apart by its content, its parent and the version, in this order of weight.
    """
    found = _table().get(tag)
    if found is None:
        return None
    if len(found) == 1:
        return found[0]
    return max(
        found,
        key=lambda spec: (_holds(spec, content), parent in spec.parents, spec.in_version(ffd), not spec.until),
    )


def lookup_name(name: str, parent: int, *, ffd: str) -> TagSpec | None:
    """The tag a key of FNS JSON stands for inside `parent`, None when no tag has that name.

    Any name of any generation is known; where one name belongs to two tags, the current name wins over an older one
    and a tag of this version over others. A name that has no place here is looked for in the whole table.
    """
    return _names(parent, ffd).get(name) or _all_names().get(name)


def meanings(tag: int) -> tuple[TagSpec, ...]:
    """Every meaning of a tag number, empty when it is unknown."""
    return _table().get(tag, ())


def specs() -> tuple[TagSpec, ...]:
    """Every row of the table, by tag number."""
    return tuple(spec for same in _table().values() for spec in same)


def specs_below(parent: int, *, ffd: str) -> tuple[TagSpec, ...]:
    """Every tag that may stand inside `parent` in a version, by tag number."""
    return tuple(spec for spec in specs() if parent in spec.parents and spec.in_version(ffd))


def document_codes() -> tuple[int, ...]:
    """Codes of all documents, the marking notices 81 to 84 among them."""
    return (*DOCUMENT_CODES, 81, 82, 83, 84)


def document_kind(code: int) -> str:
    """The name of a document as the tax service writes it; the number for a code without a name."""
    return DOCUMENT_CODES.get(code) or str(code)


@functools.cache
def sources() -> Mapping[str, str]:
    """Code of each source in the table and what it stands for."""
    return {row[0]: row[1] for row in _read_rows("sources.tsv")}


def _holds(spec: TagSpec, content: bytes | Structure | None) -> bool:
    if content is None:
        return False
    if isinstance(content, Structure):
        return spec.kind is TagKind.STLV
    if not content:
        return True
    return fits(spec, content)


@functools.cache
def _table() -> Mapping[int, tuple[TagSpec, ...]]:
    table: dict[int, tuple[TagSpec, ...]] = {}
    for row in _read_rows("tags.tsv"):
        spec = _spec(row)
        table[spec.tag] = (*table.get(spec.tag, ()), spec)
    return table


@functools.cache
def _names(parent: int, ffd: str) -> Mapping[str, TagSpec]:
    """Names inside one parent; the current name wins over an alias, a meaning of this version over another."""
    here = sorted((spec for spec in specs() if parent in spec.parents), key=lambda spec: not spec.in_version(ffd))
    return _index(here)


@functools.cache
def _all_names() -> Mapping[str, TagSpec]:
    return _index(spec for spec in specs() if spec.tag not in document_codes())


def _index(here: Iterable[TagSpec]) -> Mapping[str, TagSpec]:
    found: dict[str, TagSpec] = {}
    here = tuple(here)
    for names_of in (_current_names, _other_names):
        for spec in here:
            for name in names_of(spec):
                found.setdefault(name, spec)
    return found


def _current_names(spec: TagSpec) -> tuple[str, ...]:
    return (spec.json_name,) if spec.json_name else ()


def _other_names(spec: TagSpec) -> tuple[str, ...]:
    return (spec.json_name_2017, *spec.aliases) if spec.json_name_2017 else spec.aliases


def _read_rows(file: str) -> list[list[str]]:
    lines = (_DATA / file).read_text(encoding="utf-8").splitlines()
    return [line.split("\t") for line in lines[1:]]


def _spec(row: list[str]) -> TagSpec:
    (tag, name_en, name_ru, kind, length, repeat, parents, json_name, json_name_2017, aliases, *rest) = row
    enum_ref, since, until, era, source, confidence, note = rest
    return TagSpec(
        tag=int(tag),
        name_en=name_en,
        name_ru=name_ru,
        kind=TagKind(kind),
        widths=widths_of(int(tag), TagKind(kind)),
        fixed=length.startswith("="),
        length=int(length[1:]) if length else None,
        repeatable=repeat == "*",
        parents=frozenset(map(int, parents.split())),
        json_name=json_name,
        json_name_2017=json_name_2017,
        aliases=tuple(aliases.split()),
        enum_ref=enum_ref,
        since=since,
        until=until,
        era=era,
        source=source,
        confidence=confidence,
        note=note,
    )
