"""The handbook of the formats: the tables as one page of Markdown, and a place for every schema."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from ofd_gateway.ffd.dictionary import CONFIDENCE, document_codes, document_kind, lookup, meanings, sources, specs
from ofd_gateway.ffd.enumerations import enumerations
from ofd_gateway.ffd.evidence import EVIDENCE
from ofd_gateway.ffd.presence import EDITIONS, PresenceRow, rows
from ofd_gateway.ffd.schema import documents_with_schema, json_schema
from ofd_gateway.ffd.values import TagKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ofd_gateway.ffd.dictionary import TagSpec

__all__ = ["handbook", "schema_files"]

_LINE: Final = 118
_INTRODUCTION: Final = """\
# Fiscal data formats (ФФД)

This page is made from the tables in `src/ofd_gateway/ffd/data` by `scripts/generate_ffd_docs.py`; a test checks that
it is current. `ofd-gateway tags 1213` and `ofd-gateway tags --document receipt --ffd 1.2` print the same facts in a
terminal. What the tables leave open is listed in [ffd-questions.md](ffd-questions.md). JSON Schemas of our output lie
in [schemas](schemas), one for each document and format version.

A document is one TLV (tag u16, length u16, value; little-endian) whose value is TLVs. Kinds of values: `string` is
CP866; `byte`, `u16`, `u32` are integers; `bits8`, `bits32` sets of bits; `unixtime` is a u32 of the register's wall
clock; `vln` an integer as long as it needs to be (money in kopecks); `fvln` a quantity, its first byte the number of
decimal places; `bytes` raw bytes; `stlv` a structure.
"""
_MATRIX: Final = """\
M mandatory, c conditional, o optional, r recommended, q recommended when the condition holds, `-` must be absent, a dot
where the edition does not list the tag. Columns are format versions with the year of the order (2016 is what registers
did before the orders, 2025 what the amendments add). `*` marks tags that may repeat.
"""


def handbook() -> str:
    """The page: documents with their tags, all tags, closed sets, and what each row rests on."""
    parts = [_INTRODUCTION, "## Documents\n", _MATRIX]
    parts.extend(_document_section(code) for code in document_codes())
    parts.extend(("## Tags\n", _tag_table(), "## Values and bits\n", _value_section()))
    parts.extend(("## Sources\n", _source_section()))
    return "\n".join(parts)


def schema_files() -> Iterator[tuple[str, str]]:
    """Path below the folder of schemas, and content, of every schema."""
    for code, ffd in documents_with_schema():
        yield f"{ffd}/{document_kind(code)}.schema.json", f"{_compact(json_schema(code, ffd=ffd))}\n"


def _document_section(code: int) -> str:
    (spec,) = meanings(code)
    title = f"### {code} {spec.name_ru} / {spec.name_en.replace('_', ' ')} ({document_kind(code)})\n"
    head = [
        "tag",
        "name / название",
        "JSON",
        *(f"{edition.ffd} {edition.year % 100}" for edition in EDITIONS),
        "condition",
    ]
    lines = [_cells(head), _cells(["---"] * len(head))]
    lines.extend(_cells(cells) for cells in _document_rows(code, None, code, 0))
    return "\n".join((title, *lines, ""))


def _document_rows(code: int, parent: int | None, inside: int, depth: int) -> Iterator[list[str]]:
    for row in _rows_in(code, parent):
        spec = _spec_for(row, inside)
        mark = "&emsp;" * depth
        many = " *" if row.repeatable else ""
        yield [
            f"{mark}{row.tag}",
            f"{mark}{spec.name_en.replace('_', ' ')} / {spec.name_ru}{many}",
            spec.name,
            *row.requirement,
            row.note,
        ]
        if spec.kind is TagKind.STLV:
            yield from _document_rows(code, row.tag, row.tag, depth + 1)


def _rows_in(code: int, parent: int | None) -> list[PresenceRow]:
    return [
        row for row in rows() if code in row.documents and (parent in row.parents if row.parents else parent is None)
    ]


def _spec_for(row: PresenceRow, inside: int) -> TagSpec:
    """The meaning in the newest version that lists the tag."""
    ffd = next(
        edition.ffd for edition, sign in reversed(tuple(zip(EDITIONS, row.requirement, strict=True))) if sign != "."
    )
    return next(spec for spec in (lookup(row.tag, inside, ffd=ffd),) if spec is not None)


def _tag_table() -> str:
    head = ["tag", "name / название", "JSON 2021", "JSON 2017", "kind", "length", "in", "versions", "source", "note"]
    lines = [_cells(head), _cells(["---"] * len(head))]
    for spec in specs():
        old = spec.name_of("2017")
        length = "" if spec.length is None else f"{'=' if spec.fixed else '≤'} {spec.length}"
        lines.append(
            _cells(
                [
                    f"{spec.tag}{' *' if spec.repeatable else ''}",
                    f"{spec.name_en.replace('_', ' ')} / {spec.name_ru}",
                    spec.name,
                    "" if old == spec.name else old,
                    spec.kind.value,
                    length,
                    " ".join(map(str, sorted(spec.parents))),
                    f"{spec.since} – {spec.until}" if spec.until else f"{spec.since} –",
                    f"{spec.source} {CONFIDENCE[spec.confidence]}",
                    spec.note,
                ]
            )
        )
    return "\n".join((*lines, ""))


def _value_section() -> str:
    lines: list[str] = []
    for tag, found in sorted(enumerations().items()):
        name = next(spec.name_ru for spec in meanings(tag) if spec.enum_ref)
        sort = "bits" if found.bits else "values"
        lines.extend((f"### {tag} {name}: {sort}{'' if found.closed else ', open list'}\n",))
        head = [sort[:-1], "meaning / значение", "versions", "from", "note"]
        lines.extend((_cells(head), _cells(["---"] * len(head))))
        for member in found.members:
            versions = f"{member.since} – {member.until}" if member.until else f"{member.since} –"
            words = f"{member.name_en.replace('_', ' ')} / {member.name_ru}"
            lines.append(_cells([str(member.value), words, versions, member.from_date, member.note]))
        lines.append("")
    return "\n".join(lines)


def _source_section() -> str:
    return "\n".join((_titled("Tags", sources()), _titled("Documents and values", EVIDENCE)))


def _titled(title: str, found: Mapping[str, str]) -> str:
    return "\n".join((f"{title}:\n", *(f"- `{code}` {text}" for code, text in found.items()), ""))


def _cells(cells: list[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _compact(value: object, indent: int = 0) -> str:
    """JSON with an object or list on one line where it fits."""
    flat = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or len(flat) + indent <= _LINE:
        return flat
    inner = " " * (indent + 1)
    if isinstance(value, dict):
        items = [f"{json.dumps(key)}: {_compact(one, indent + 1)}" for key, one in value.items()]
        return "{\n" + ",\n".join(inner + item for item in items) + f"\n{' ' * indent}}}"
    return "[\n" + ",\n".join(inner + _compact(one, indent + 1) for one in value) + f"\n{' ' * indent}]"
