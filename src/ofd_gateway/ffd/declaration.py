"""The TLV format declared with construct: the oracle of the decoder's tests and the yardstick of its benchmark.

It reads and writes the same records as `tlv.walk`, some forty times slower, from a description that can be read at
a glance. Nothing at run time imports it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import construct

from ofd_gateway.ffd.tlv import FREE_CONTENT_TAGS, REUSED_TAGS, STRUCTURE_TAGS, Structure

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["DOCUMENT", "RECORD", "DeclaredRecord", "as_records", "declared_records"]

DeclaredRecord = tuple[int, "bytes | list[DeclaredRecord]"]
"""A tag and its raw bytes or the records below it."""

_RECORDS: Final = construct.FocusedSeq(
    "records",
    "records" / construct.GreedyRange(construct.LazyBound(lambda: RECORD)),
    "end" / construct.Terminated,
)
_MAYBE_RECORDS: Final = construct.Select(_RECORDS, construct.GreedyBytes)

RECORD: Final[construct.Construct[Any, Any]] = construct.Struct(
    "tag" / construct.Int16ul,
    "value"
    / construct.Prefixed(
        construct.Int16ul,
        construct.Switch(
            construct.this.tag,
            {
                **dict.fromkeys(STRUCTURE_TAGS, _RECORDS),
                **dict.fromkeys(FREE_CONTENT_TAGS | REUSED_TAGS, _MAYBE_RECORDS),
            },
            default=construct.GreedyBytes,
        ),
    ),
)
"""One record: tag u16 LE, length u16 LE, then records or bytes; free content as format 1.0 allows it."""

DOCUMENT: Final = construct.FocusedSeq(
    "document",
    "document" / construct.Struct("tag" / construct.Int16ul, "value" / construct.Prefixed(construct.Int16ul, _RECORDS)),
    "end" / construct.Terminated,
)
"""The plain body of a container: one outer record whose value is records, and nothing after it."""


def declared_records(containers: Sequence[construct.Container[Any]]) -> list[DeclaredRecord]:
    """What the declaration read, as plain tuples; an empty value of a reused tag is bytes."""
    records: list[DeclaredRecord] = []
    for container in containers:
        tag, value = container.tag, container.value
        if isinstance(value, bytes):
            records.append((tag, value))
        else:
            records.append((tag, declared_records(value) if value or tag not in REUSED_TAGS else b""))
    return records


def as_records(structure: Structure) -> list[DeclaredRecord]:
    """What the walk read, in the same form."""
    return [
        (tag, as_records(value) if isinstance(value, Structure) else value)
        for tag, value in zip(structure.tags, structure.values, strict=True)
    ]
