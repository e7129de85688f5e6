"""The TLV walk: bytes of one structure to tags and values, and back."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "FREE_CONTENT_TAGS",
    "HEAD_BYTES",
    "MAX_NESTING",
    "REUSED_TAGS",
    "STRUCTURE_TAGS",
    "BrokenTlv",
    "Structure",
    "tlv",
    "walk",
]

HEAD_BYTES: Final = 4
MAX_NESTING: Final = 16
MAX_VALUE_BYTES: Final = 0xFFFF

STRUCTURE_TAGS: Final = frozenset(
    {
        *(1032, 1033, 1047, 1059, 1067, 1068, 1069, 1071, 1084, 1112, 1115, 1119, 1129, 1130, 1131, 1132, 1133, 1145),
        *(1146, 1157, 1158, 1163, 1174, 1194, 1223, 1224, 1232, 1233, 1234, 1235, 1256, 1260, 1261, 1270, 1291, 2007),
    }
)
"""Tags whose value is a structure (STLV); the tag table says the same."""

FREE_CONTENT_TAGS: Final = frozenset({1067, 1068, 1069, 1071, 1084, 1112})
"""Structures that may hold anything in FFD 1.0 (rule R-V5): there a value that is no TLV stays raw bytes."""

REUSED_TAGS: Final = frozenset({1115, 1119})
"""Structures since 2025, plain text in the 2016 format: a value that is no TLV, or empty, stays raw bytes."""

_LENIENT_TAGS: Final = FREE_CONTENT_TAGS | REUSED_TAGS
_HEAD = Struct("<HH")
_read_head = _HEAD.unpack_from
_write_head = _HEAD.pack


class BrokenTlv(Exception):
    """Where a walk stopped: the reason's slug, the offset of the head that is wrong, and what is wrong with it."""

    def __init__(self, reason: str, offset: int, detail: str) -> None:
        super().__init__(reason, offset, detail)
        self.reason = reason
        self.offset = offset
        self.detail = detail


class Structure:
    """One level of TLV: `values[i]` belongs to `tags[i]` and is raw bytes or, for an STLV tag, another Structure.

    Every byte is kept: order, padding, zero-length and non-minimal values. `offset` is where the first TLV stands
    inside the document's bytes.
    """

    __slots__ = ("_by_tag", "offset", "tags", "values")

    def __init__(self, tags: list[int], values: list[bytes | Structure], offset: int) -> None:
        self.tags = tags
        self.values = values
        self.offset = offset
        self._by_tag: dict[int, bytes | Structure] | None = None

    @property
    def by_tag(self) -> dict[int, bytes | Structure]:
        """The first value of each tag; built on first use."""
        index = self._by_tag
        if index is None:
            index = self._by_tag = dict(zip(self.tags[::-1], self.values[::-1], strict=True))
        return index

    def get(self, tag: int) -> bytes | Structure | None:
        """The first value of `tag`, None when it is absent."""
        return self.by_tag.get(tag)

    def leaf(self, tag: int) -> bytes | None:
        """The first value of `tag` when it is raw bytes, None otherwise."""
        value = self.by_tag.get(tag)
        return value if isinstance(value, bytes) else None

    def all(self, tag: int) -> list[bytes | Structure]:
        """Every value of `tag` in the order of the document."""
        return [value for at, value in zip(self.tags, self.values, strict=True) if at == tag]

    def structures(self, tag: int) -> list[Structure]:
        """Every value of `tag` that is a structure."""
        return [value for value in self.all(tag) if isinstance(value, Structure)]

    def entries(self) -> Iterator[tuple[int, bytes | Structure, int]]:
        """Tag, value and offset of each TLV's head, in the order of the document."""
        offset = self.offset
        for tag, value in zip(self.tags, self.values, strict=True):
            yield tag, value, offset
            offset += HEAD_BYTES + (value.size if isinstance(value, Structure) else len(value))

    @property
    def size(self) -> int:
        """Bytes of this level's TLVs with everything below them."""
        total = HEAD_BYTES * len(self.tags)
        for value in self.values:
            total += value.size if isinstance(value, Structure) else len(value)
        return total

    def encode(self) -> bytes:
        """The bytes this structure was read from."""
        parts: list[bytes] = []
        _write(self, parts)
        return b"".join(parts)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Structure):
            return NotImplemented
        return self.tags == other.tags and self.values == other.values

    __hash__ = None  # type: ignore[assignment]  # holds lists

    def __repr__(self) -> str:
        return f"Structure(offset={self.offset}, tags={self.tags!r})"


def tlv(tag: int, value: bytes) -> bytes:
    """One record: tag u16 little-endian, length u16 little-endian, value.

    Raises ValueError for a value of more than 65535 bytes.
    """
    if len(value) > MAX_VALUE_BYTES:
        raise ValueError(f"tag {tag}: {len(value)} bytes do not fit a length of 16 bits")
    return _write_head(tag, len(value)) + value


def walk(data: bytes, start: int, end: int, skipped: list[BrokenTlv], depth: int = 1) -> Structure:
    """The structure that fills `data[start:end]`; the caller has checked that `end` lies inside `data`.

    Every length is checked against the end of its parent. Values of the lenient tags that are no TLV stay raw bytes;
    for FREE_CONTENT_TAGS the reason goes to `skipped`, because only FFD 1.0 allows it. Raises BrokenTlv.
    """
    tags: list[int] = []
    values: list[bytes | Structure] = []
    add_tag, add_value = tags.append, values.append
    at = start
    last_head = end - HEAD_BYTES
    while at <= last_head:
        tag, length = _read_head(data, at)
        value_at = at + HEAD_BYTES
        after = value_at + length
        if after > end:
            raise BrokenTlv(
                "tlv_overrun",
                at,
                f"tag {tag} has a length of {length}, its parent ends after {end - value_at} bytes",
            )
        add_tag(tag)
        if tag in STRUCTURE_TAGS:
            if depth >= MAX_NESTING:
                raise BrokenTlv(
                    "nesting_too_deep", at, f"tag {tag} would be level {depth + 1} of at most {MAX_NESTING}"
                )
            if tag in _LENIENT_TAGS:
                add_value(_walk_lenient(data, tag, value_at, after, skipped, depth))
            else:
                add_value(walk(data, value_at, after, skipped, depth + 1))
        else:
            add_value(data[value_at:after])
        at = after
    if at != end:
        raise BrokenTlv("tlv_truncated", at, f"{end - at} bytes are left where a head of {HEAD_BYTES} must be")
    return Structure(tags, values, start)


def _walk_lenient(
    data: bytes, tag: int, start: int, end: int, skipped: list[BrokenTlv], depth: int
) -> bytes | Structure:
    if start == end and tag in REUSED_TAGS:
        return b""
    mark = len(skipped)
    try:
        return walk(data, start, end, skipped, depth + 1)
    except BrokenTlv as broken:
        if broken.reason == "nesting_too_deep":
            raise
        del skipped[mark:]
        if tag in FREE_CONTENT_TAGS:
            skipped.append(broken)
        return data[start:end]


def _write(structure: Structure, parts: list[bytes]) -> int:
    total = 0
    for tag, value in zip(structure.tags, structure.values, strict=True):
        at = len(parts)
        parts.append(b"")
        if isinstance(value, Structure):
            length = _write(value, parts)
        else:
            length = len(value)
            parts.append(value)
        parts[at] = _write_head(tag, length)
        total += HEAD_BYTES + length
    return total
