"""The TLV walk: bytes of one structure to tags and values, and back."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final

import msgspec

from ofd_gateway.ffd.layouts import LARGEST_LAYOUT_BYTES, LEAST_LAYOUT_BYTES, Layout, Layouts

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
    "forget_layouts",
    "tlv",
    "walk",
    "walk_document",
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
_DRIVE_TAGS: Final = frozenset({1209, 1190, 1041, 1037, 1018, 1040, 1012, 1077, 1038, 1042, 1054})
"""What the drive writes at the beginning of a document; each has one length."""
_CASH: Final = 1031
_PAYMENT_TAGS: Final = frozenset({_CASH, 1081, 1215, 1216, 1217, 1055})
_REMARKABLE: Final = STRUCTURE_TAGS | {_CASH}
_LEAST_RUN: Final = 3
_LONGEST_RUN: Final = 16
_HEAD = Struct("<HH")
_read_head = _HEAD.unpack_from
_read_whole_head = Struct("<I").unpack_from
_write_head = _HEAD.pack

_structures: Final = Layouts(4096, STRUCTURE_TAGS)
"""Whole structures, by their first head and their size."""
_beginnings: Final = Layouts(256, STRUCTURE_TAGS)
"""What the drive writes first, by the document code and the first head."""
_payments: Final = Layouts(256, STRUCTURE_TAGS)
"""The payments of a receipt, by the length of the first."""


class BrokenTlv(Exception):
    """Where a walk stopped: the reason's slug, the offset of the head that is wrong, and what is wrong with it."""

    def __init__(self, reason: str, offset: int, detail: str) -> None:
        super().__init__(reason, offset, detail)
        self.reason = reason
        self.offset = offset
        self.detail = detail


class Structure(msgspec.Struct, eq=False, gc=False):
    """One level of TLV: `values[i]` belongs to `tags[i]` and is raw bytes or, for an STLV tag, another Structure.

    Every byte is kept: order, padding, zero-length and non-minimal values. `offset` is where the first TLV stands
    inside the document's bytes. `layout` is set when another structure with the same tags and lengths was seen, or may
    be.
    """

    tags: tuple[int, ...]
    values: tuple[bytes | Structure, ...]
    offset: int
    layout: Layout | None = None
    _by_tag: dict[int, bytes | Structure] | None = None

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
        index = self._by_tag
        value = (self.by_tag if index is None else index).get(tag)
        return value if isinstance(value, bytes) else None

    def all(self, tag: int) -> list[bytes | Structure]:
        """Every value of `tag` in the order of the document."""
        return [value for at, value in zip(self.tags, self.values, strict=True) if at == tag]

    def structures(self, tag: int) -> list[Structure]:
        """Every value of `tag` that is a structure."""
        return [value for value in self.all(tag) if not isinstance(value, bytes)]

    def entries(self) -> Iterator[tuple[int, bytes | Structure, int]]:
        """Tag, value and offset of each TLV's head, in the order of the document."""
        offset = self.offset
        for tag, value in zip(self.tags, self.values, strict=True):
            yield tag, value, offset
            offset += HEAD_BYTES + (len(value) if isinstance(value, bytes) else value.size)

    @property
    def size(self) -> int:
        """Bytes of this level's TLVs with everything below them."""
        if self.layout is not None:
            return self.layout.size
        total = HEAD_BYTES * len(self.tags)
        for value in self.values:
            total += len(value) if isinstance(value, bytes) else value.size
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

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None  # type: ignore[assignment]  # its index is made later

    def __repr__(self) -> str:
        return f"Structure(offset={self.offset}, tags={list(self.tags)!r})"


def tlv(tag: int, value: bytes) -> bytes:
    """One record: tag u16 little-endian, length u16 little-endian, value.

    Raises ValueError for a value of more than 65535 bytes.
    """
    if len(value) > MAX_VALUE_BYTES:
        raise ValueError(f"tag {tag}: {len(value)} bytes do not fit a length of 16 bits")
    return _write_head(tag, len(value)) + value


def walk_document(data: bytes, code: int, end: int, skipped: list[BrokenTlv]) -> Structure:
    """The root of a document: the structure that fills its bytes from HEAD_BYTES to `end`; `code` is its outer tag.

    The caller has checked that `end` lies inside `data`. See `walk`.
    """
    tags: list[int] = []
    values: list[bytes | Structure] = []
    if end < 2 * HEAD_BYTES:
        return _walk_on(data, HEAD_BYTES, HEAD_BYTES, end, skipped, 1, tags, values)
    key = _read_whole_head(data, HEAD_BYTES)[0] | code << 32
    behind = _take_run(_beginnings, key, data, HEAD_BYTES, end, tags, values)
    root = _walk_on(data, HEAD_BYTES, behind or HEAD_BYTES, end, skipped, 1, tags, values)
    if not behind:
        _learn_run(_beginnings, key, root, 0, _DRIVE_TAGS)
    return root


def walk(data: bytes, start: int, end: int, skipped: list[BrokenTlv], depth: int = 1) -> Structure:
    """The structure that fills `data[start:end]`; the caller has checked that `end` lies inside `data`.

    Every length is checked against the end of its parent. Values of the lenient tags that are no TLV stay raw bytes;
    for FREE_CONTENT_TAGS the reason goes to `skipped`, because only FFD 1.0 allows it. Raises BrokenTlv.
    """
    size = end - start
    if not LEAST_LAYOUT_BYTES <= size <= LARGEST_LAYOUT_BYTES:
        return _walk_on(data, start, start, end, skipped, depth, [], [])
    key = _read_whole_head(data, start)[0] | size << 32
    for layout in _structures.known(key, ()):
        found = layout.unpack(data, start)
        if found[::2] == layout.heads:
            if layout.nested:
                return _walk_nested(layout, found[1::2], data, start, skipped, depth)
            return Structure(layout.tags, found[1::2], start, layout)
    structure = _walk_on(data, start, start, end, skipped, depth, [], [])
    if _LENIENT_TAGS.isdisjoint(structure.tags):
        lengths = [len(value) if isinstance(value, bytes) else value.size for value in structure.values]
        structure.layout = _structures.learn(key, structure.tags, lengths)
    return structure


def forget_layouts() -> None:
    """Empties the memory of layouts: what is read stays the same, the first of each layout is read more slowly."""
    for memory in (_structures, _beginnings, _payments):
        memory.clear()


def _walk_on(
    data: bytes,
    start: int,
    at: int,
    end: int,
    skipped: list[BrokenTlv],
    depth: int,
    tags: list[int],
    values: list[bytes | Structure],
) -> Structure:
    """Goes from head to head, from `at` to `end`; `tags` and `values` hold what stands before `at`."""
    add_tag, add_value = tags.append, values.append
    last_head = end - HEAD_BYTES
    may_be_paid = depth == 1
    missed = -1
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
        if tag not in _REMARKABLE:
            add_tag(tag)
            add_value(data[value_at:after])
        elif tag != _CASH:
            if depth >= MAX_NESTING:
                raise _too_deep(tag, at, depth)
            add_tag(tag)
            if tag in _LENIENT_TAGS:
                add_value(_walk_lenient(data, tag, value_at, after, skipped, depth))
            else:
                add_value(walk(data, value_at, after, skipped, depth + 1))
        elif may_be_paid and (behind := _take_run(_payments, length, data, at, end, tags, values)):
            may_be_paid = False
            after = behind
        else:
            if may_be_paid:
                may_be_paid, missed = False, len(tags)
            add_tag(tag)
            add_value(data[value_at:after])
        at = after
    if at != end:
        raise BrokenTlv("tlv_truncated", at, f"{end - at} bytes are left where a head of {HEAD_BYTES} must be")
    structure = Structure(tuple(tags), tuple(values), start)
    if missed >= 0:
        _learn_run(_payments, len(values[missed]), structure, missed, _PAYMENT_TAGS)  # type: ignore[arg-type]  # no structure
    return structure


def _walk_nested(
    layout: Layout, values: tuple[bytes, ...], data: bytes, start: int, skipped: list[BrokenTlv], depth: int
) -> Structure:
    """The structure of a layout that has structures in it, which are read in the order of the document."""
    found: list[bytes | Structure] = list(values)
    for position, value_at, after in layout.nested:
        if depth >= MAX_NESTING:
            raise _too_deep(layout.tags[position], start + value_at - HEAD_BYTES, depth)
        found[position] = walk(data, start + value_at, start + after, skipped, depth + 1)
    return Structure(layout.tags, tuple(found), start, layout)


def _take_run(
    memory: Layouts, key: int, data: bytes, at: int, end: int, tags: list[int], values: list[bytes | Structure]
) -> int:
    """Reads the run of records at `at` if its layout is known: where the next head stands; 0 when it is not known."""
    for layout in memory.known(key, ()):
        behind = at + layout.size
        if behind <= end:
            found = layout.unpack(data, at)
            if found[::2] == layout.heads:
                tags += layout.tags
                values += found[1::2]
                return behind
    return 0


def _learn_run(memory: Layouts, key: int, structure: Structure, first: int, run_tags: frozenset[int]) -> None:
    lengths: list[int] = []
    for tag, value in zip(structure.tags[first:], structure.values[first:], strict=True):
        if tag not in run_tags or len(lengths) == _LONGEST_RUN:
            break
        lengths.append(len(value))  # type: ignore[arg-type]  # no tag of a run is a structure
    if len(lengths) >= _LEAST_RUN:
        memory.learn(key, structure.tags[first : first + len(lengths)], lengths)


def _too_deep(tag: int, at: int, depth: int) -> BrokenTlv:
    return BrokenTlv("nesting_too_deep", at, f"tag {tag} would be level {depth + 1} of at most {MAX_NESTING}")


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
        if isinstance(value, bytes):
            length = len(value)
            parts.append(value)
        else:
            length = _write(value, parts)
        parts[at] = _write_head(tag, length)
        total += HEAD_BYTES + length
    return total
