"""The tables as plain objects: one tag with all it means, one document with all it may hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ofd_gateway.ffd.dictionary import CONFIDENCE, TagSpec, document_codes, document_kind, lookup, sources, specs
from ofd_gateway.ffd.enumerations import enumeration
from ofd_gateway.ffd.presence import EDITIONS, PresenceRow, Requirement, places, rows
from ofd_gateway.ffd.values import TagKind

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["KIND_CODES", "describe_tag", "find_specs", "list_document"]

KIND_CODES: Final = {document_kind(code): code for code in document_codes()}
"""Name of a document to its code; the marking notices have only their number."""

_WORDS: Final = {requirement: requirement.name.lower() for requirement in Requirement}


def find_specs(text: str) -> list[TagSpec]:
    """Meanings of a tag number, of a key of FNS JSON, or of words of a Russian or English name."""
    if text.isascii() and text.isdigit():
        return [spec for spec in specs() if spec.tag == int(text)]
    exact = [spec for spec in specs() if text in (spec.json_name, spec.json_name_2017, spec.name_en, *spec.aliases)]
    words = text.casefold().split()
    return exact or [
        spec
        for spec in specs()
        if all(word in f"{spec.name_ru} {spec.name_en.replace('_', ' ')}".casefold() for word in words)
    ]


def describe_tag(spec: TagSpec) -> dict[str, object]:
    """Everything the tables say of one meaning of a tag."""
    values = enumeration(spec.tag) if spec.enum_ref else None
    return {
        "tag": spec.tag,
        "name_ru": spec.name_ru,
        "name_en": spec.name_en,
        "json_name": spec.name,
        "json_name_2017": spec.name_of("2017"),
        "aliases": list(spec.aliases),
        "kind": spec.kind.value,
        "length": spec.length,
        "fixed": spec.fixed,
        "repeatable": spec.repeatable,
        "parents": sorted(spec.parents),
        "since": spec.since,
        "until": spec.until or None,
        "era": spec.era,
        "source": sources()[spec.source],
        "confidence": CONFIDENCE[spec.confidence],
        "note": spec.note or None,
        "values": None if values is None else {
            "bits": values.bits,
            "closed": values.closed,
            "members": [
                {
                    "value": member.value,
                    "name_ru": member.name_ru,
                    "name_en": member.name_en,
                    "since": member.since,
                    "until": member.until or None,
                    "from_date": member.from_date or None,
                    "note": member.note or None,
                }
                for member in values.members
            ],
        },
        "places": [_place(row) for row in rows() if row.tag == spec.tag and _concerns(row, spec)],
    }  # fmt: skip


def list_document(code: int, *, ffd: str) -> Iterator[dict[str, object]]:
    """Every tag a document may hold in a version, structures opened, in depth-first order."""
    yield from _list(code, None, code, ffd, 0)


def _list(document: int, parent: int | None, inside: int, ffd: str, depth: int) -> Iterator[dict[str, object]]:
    for tag, place in sorted(places(document, parent, ffd).items()):
        spec = lookup(tag, inside, ffd=ffd)
        name = (spec.name_ru, spec.name_en, spec.name) if spec else ("", "", str(tag))
        yield {
            "document": document_kind(document),
            "ffd": ffd,
            "parent": parent,
            "depth": depth,
            "tag": tag,
            "name_ru": name[0],
            "name_en": name[1],
            "json_name": name[2],
            "requirement": {str(year): _WORDS[said] for year, said in place.by_year.items()},
            "repeatable": place.repeatable,
            "sources": place.row.sources,
            "confidence": CONFIDENCE[place.row.confidence],
            "note": place.row.note or None,
        }
        if spec is not None and spec.kind is TagKind.STLV:
            yield from _list(document, tag, tag, ffd, depth + 1)


def _place(row: PresenceRow) -> dict[str, object]:
    said = {
        f"{edition.ffd} ({edition.year})": _WORDS[requirement]
        for edition in EDITIONS
        if (requirement := row.in_edition(edition)) is not None
    }
    return {
        "documents": [document_kind(code) for code in row.documents],
        "parents": list(row.parents),
        "requirement": said,
        "repeatable": row.repeatable,
        "note": row.note or None,
    }


def _concerns(row: PresenceRow, spec: TagSpec) -> bool:
    return bool(spec.parents & set(row.parents or row.documents))
