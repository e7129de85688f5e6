"""Two documents, field by field: what was changed, what is in one of them only.

Fields are matched by their path of tags; the second of a repeated tag matches the second. Values are compared as
bytes, so that `64` and `64 00`, the same sum in two spellings, differ.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import msgspec

from ofd_gateway.ffd.tree import meaning_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ofd_gateway.captures.reading import Reading
    from ofd_gateway.ffd import Document, Field

__all__ = ["Difference", "Value", "compare", "same_order"]

Path = tuple[tuple[int, int], ...]
"""Tag and count of each level, from the document's root."""

_KIND: Final = "document"


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """One side's value: its bytes in hex, empty for a structure, and what they mean in words."""

    hex: str
    meaning: str


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One field that is not the same in both; `tag` is None for what is no tag (the kind, a header's field)."""

    path: str
    tag: int | None
    name: str
    change: Literal["changed", "removed", "added"]
    first: Value | None
    second: Value | None


class _Entry(NamedTuple):
    field: Field
    value: Value


def compare(
    first: Reading, second: Reading, *, ignored_tags: frozenset[int] = frozenset(), with_frames: bool = False
) -> tuple[Difference, ...]:
    """Every difference, in the order of the first document, what only the second has at the end.

    A structure that only one side has is one difference, not one for each of its fields. `ignored_tags` are passed
    over with all that is below them. `with_frames` compares the session header and the container as well.
    """
    return tuple(_frames(first, second) if with_frames else ()) + tuple(_documents(first, second, ignored_tags))


def same_order(first: Document, second: Document) -> bool:
    """Whether the fields that both have stand in the same order."""
    one, two = _entries(first), _entries(second)
    return [path for path in one if path in two] == [path for path in two if path in one]


def _documents(first: Reading, second: Reading, ignored_tags: frozenset[int]) -> Iterator[Difference]:
    if first.document is None or second.document is None:
        yield from _plain(_KIND, _kind(first), _kind(second))
        return
    yield from _plain(_KIND, _kind(first), _kind(second))
    one, two = _entries(first.document), _entries(second.document)
    for path in (*one, *(path for path in two if path not in one)):
        if ignored_tags.intersection(tag for tag, _ in path):
            continue
        before, after = one.get(path), two.get(path)
        if (before is None or after is None) and _parent_differs(path, one, two):
            continue
        found = after or before
        if found is not None and (before is None or after is None or before.value.hex != after.value.hex):
            yield Difference(
                path=found.field.path.partition(".")[2],
                tag=path[-1][0],
                name=_name(found.field),
                change="added" if before is None else "removed" if after is None else "changed",
                first=None if before is None else before.value,
                second=None if after is None else after.value,
            )


def _parent_differs(path: Path, one: Mapping[Path, _Entry], two: Mapping[Path, _Entry]) -> bool:
    """The structure around it is in one document only, and is told already."""
    parent = path[:-1]
    return bool(parent) and (parent in one) != (parent in two)


def _entries(document: Document) -> dict[Path, _Entry]:
    return dict(_walk(document.fields(), document, ()))


def _walk(fields: Iterable[Field], document: Document, above: Path) -> Iterator[tuple[Path, _Entry]]:
    counts: Counter[int] = Counter()
    for field in fields:
        path = (*above, (field.tag, counts[field.tag]))
        counts[field.tag] += 1
        raw = field.raw if field.children is None else b""
        yield path, _Entry(field, Value(hex=raw.hex(), meaning=meaning_of(field, document)))
        if field.children is not None:
            yield from _walk(field.children, document, path)


def _name(field: Field) -> str:
    if field.spec is None:
        return "неизвестный реквизит / unknown tag"
    return f"{field.spec.name_ru} / {field.spec.name_en.replace('_', ' ')}"


def _kind(reading: Reading) -> str:
    if reading.document is not None:
        return f"{reading.document.kind}, ФФД {reading.document.ffd}"
    return "служебное сообщение / service message"


def _frames(first: Reading, second: Reading) -> Iterator[Difference]:
    one, two = dict(_frame_fields(first)), dict(_frame_fields(second))
    for name in (*one, *(name for name in two if name not in one)):
        yield from _plain(name, one.get(name), two.get(name))


def _frame_fields(reading: Reading) -> Iterator[tuple[str, str]]:
    header, container = reading.header, reading.container
    if header is not None:
        yield "session.version", header.version.hex()
        yield "session.fn", header.fn
        yield "session.length", str(header.body_length)
        yield "session.flags", f"0x{header.flags:04x}"
        yield "session.crc", f"0x{header.crc:04x}"
    if container is not None:
        yield "container.type", f"0x{container.kind:02x}"
        yield "container.document_code", str(container.document_code)
        yield "container.version", str(container.format_version)
        yield "container.service_data", container.service_data.hex()
        yield "container.fn", container.fn
        yield "container.fd", str(container.fd)
        yield "container.nonce", container.nonce.hex()
        yield "container.key_id", container.key_id.hex()
        yield "container.trailer", container.trailer.hex()


def _plain(path: str, first: str | None, second: str | None) -> Iterator[Difference]:
    if first != second:
        yield Difference(
            path=path,
            tag=None,
            name="",
            change="added" if first is None else "removed" if second is None else "changed",
            first=None if first is None else Value(hex="", meaning=first),
            second=None if second is None else Value(hex="", meaning=second),
        )
