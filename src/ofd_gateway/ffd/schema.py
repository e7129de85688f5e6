"""JSON Schemas of FNS JSON, made from the tables: one for each document in each format version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ofd_gateway.ffd.dictionary import DOCUMENT_CODES, FFD_VERSIONS, TagSpec, document_kind, lookup, meanings
from ofd_gateway.ffd.enumerations import enumeration
from ofd_gateway.ffd.presence import EDITIONS, Requirement, places
from ofd_gateway.ffd.values import TagKind

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["documents_with_schema", "json_schema"]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_HEX: Final = {"type": "string", "pattern": "^([0-9a-f]{2})*$"}
_U32: Final = {"type": "integer", "minimum": 0, "maximum": 0xFFFFFFFF}
_FISCAL_SIGN: Final = 1077
_INTEGER_BYTES: Final = {
    TagKind.BYTE: 1,
    TagKind.BITS8: 1,
    TagKind.U16: 2,
    TagKind.U32: 4,
    TagKind.BITS32: 4,
    TagKind.UNIXTIME: 4,
}
_MARKING_CODES: Final = (81, 82, 83, 84)
_MAX_VLN_BYTES: Final = 8
_WHOLE_EDITIONS: Final = frozenset({2017, 2021})
"""The editions of 2016 and 2025 list only what they add."""


def documents_with_schema() -> Iterator[tuple[int, str]]:
    """Document code and format version of every schema: all documents in all versions, marking notices in 1.2."""
    for ffd in FFD_VERSIONS:
        for code in (*DOCUMENT_CODES, *(_MARKING_CODES if ffd == "1.2" else ())):
            yield code, ffd


def json_schema(code: int, *, ffd: str) -> dict[str, object]:
    """The schema of a document that passes the checks, under its current names (2021).

    What every edition of the version demands is required. Other keys are allowed: registers send tags that the orders
    do not list, and unknown tags stand under their number. A value whose length does not fit its kind is printed in
    hex and does not pass.
    """
    kind = document_kind(code)
    body = {
        "type": "object",
        "properties": {
            "code": {"const": code},
            **_properties(code, None, code, ffd),
            "rawData": {"type": "string", "contentEncoding": "base64"},
            "messageFiscalSign": {"type": "integer", "minimum": 0, "maximum": 0xFFFFFFFFFFFFFFFF},
        },
        "required": ["code", *_required(code, None, code, ffd)],
    }
    (spec,) = meanings(code)
    return {
        "$schema": DIALECT,
        "title": f"{kind}, ФФД {ffd}",
        "description": f"{spec.name_ru} / {spec.name_en.replace('_', ' ')}",
        "type": "object",
        "properties": {kind: body},
        "required": [kind],
        "additionalProperties": False,
    }


def _object(document: int, parent: int, ffd: str) -> dict[str, object]:
    schema: dict[str, object] = {"type": "object", "properties": _properties(document, parent, parent, ffd)}
    required = _required(document, parent, parent, ffd)
    return {**schema, "required": required} if required else schema


def _properties(document: int, parent: int | None, inside: int, ffd: str) -> dict[str, object]:
    properties: dict[str, object] = {}
    for tag in sorted(places(document, parent, ffd)):
        spec = _spec(tag, inside, ffd)
        value = _object(document, tag, ffd) if spec.kind is TagKind.STLV else _leaf(spec, ffd)
        named = {"title": f"{tag} {spec.name_ru}", **value}
        properties[spec.name] = {"type": "array", "items": named} if spec.repeatable else named
    return properties


def _required(document: int, parent: int | None, inside: int, ffd: str) -> list[str]:
    """What every whole edition demands; tags that only an amendment lists are judged by the amendment."""
    whole = {edition.year for edition in EDITIONS if edition.ffd == ffd} & _WHOLE_EDITIONS
    return [
        _spec(tag, inside, ffd).name
        for tag, place in sorted(places(document, parent, ffd).items())
        if set(place.by_year.values()) == {Requirement.MANDATORY}
        and (whole <= place.by_year.keys() or whole.isdisjoint(place.by_year))
    ]


def _leaf(spec: TagSpec, ffd: str) -> dict[str, object]:
    kind = spec.kind
    if kind is TagKind.STRING:
        return _text(spec, ffd)
    if kind is TagKind.BYTES:
        return dict(_U32) if spec.tag == _FISCAL_SIGN else dict(_HEX)
    if kind is TagKind.FVLN:
        return {"type": "number", "minimum": 0}
    if kind is TagKind.VLN:
        return {"type": "integer", "minimum": 0, "maximum": 256 ** (spec.length or _MAX_VLN_BYTES) - 1}
    values = enumeration(spec.tag) if spec.enum_ref else None
    if values is not None and values.closed and values.values(ffd):
        return {"type": "integer", "enum": sorted(values.values(ffd), key=int)}
    top = 256 ** _INTEGER_BYTES[kind] - 1
    if values is not None and values.closed and values.mask(ffd):
        top = values.mask(ffd)
    return {"type": "integer", "minimum": 0, "maximum": top}


def _text(spec: TagSpec, ffd: str) -> dict[str, object]:
    schema: dict[str, object] = {"type": "string", **({"maxLength": spec.length} if spec.length else {})}
    values = enumeration(spec.tag) if spec.enum_ref else None
    if values is not None and values.closed:
        schema["enum"] = sorted(map(str, values.values(ffd)))
    return schema


def _spec(tag: int, inside: int, ffd: str) -> TagSpec:
    spec = lookup(tag, inside, ffd=ffd)
    assert spec is not None  # noqa: S101 - the presence table is checked against the dictionary when it is read
    return spec
