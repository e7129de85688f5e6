"""Layouts seen before (раскладка записей): registers repeat themselves, so most records are read many at once.

A layout is a row of heads, tag and length of each record. Bytes that begin with the same head and have the same size
are tried with the layouts that are known for both: when every head is where the layout has it, the values lie between
them, and nothing else has to be looked at. What is read so cannot differ from what a walk from head to head reads.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["LARGEST_LAYOUT_BYTES", "LEAST_LAYOUT_BYTES", "Layout", "Layouts"]

LEAST_LAYOUT_BYTES: Final = 16
LARGEST_LAYOUT_BYTES: Final = 1024
"""Structures of other sizes are always walked: there is nothing to gain, or they hardly come twice."""
_LEAST_RECORDS: Final = 1
_MOST_RECORDS: Final = 24
_SAME_KEY: Final = 4


class Layout:
    """One row of heads: tags with the lengths in their upper half; `unpack` gives heads and values by turns.

    `unpack` reads `size` bytes: the caller has checked that they are there. `nested` are positions and offsets of the
    values that are structures themselves.
    """

    __slots__ = ("heads", "lengths", "nested", "size", "tags", "unpack")

    def __init__(self, tags: tuple[int, ...], lengths: Sequence[int], structure_tags: frozenset[int]) -> None:
        fields = Struct("<" + "".join([f"I{length}s" for length in lengths]))
        self.tags = tags
        self.lengths = tuple(lengths)
        self.heads = tuple([tag | length << 16 for tag, length in zip(tags, lengths, strict=True)])
        self.unpack: Callable[[bytes, int], tuple[Any, ...]] = fields.unpack_from
        self.size = fields.size
        nested = []
        at = 0
        for position, (tag, length) in enumerate(zip(tags, lengths, strict=True)):
            at += 4
            if tag in structure_tags:
                nested.append((position, at, at + length))
            at += length
        self.nested: tuple[tuple[int, int, int], ...] = tuple(nested)


class Layouts:
    """A bounded memory of layouts: at most `limit` of them, then it begins anew; a few under one key."""

    __slots__ = ("_by_key", "_count", "_limit", "_structure_tags", "_tags", "known")

    def __init__(self, limit: int, structure_tags: frozenset[int]) -> None:
        self._limit: Final = limit
        self._structure_tags: Final = structure_tags
        self._by_key: Final[dict[int, tuple[Layout, ...]]] = {}
        self._tags: Final[dict[tuple[int, ...], tuple[int, ...]]] = {}
        self._count = 0
        self.known: Final = self._by_key.get
        """The layouts under a key, the newest first; None when there are none."""

    def __len__(self) -> int:
        return self._count

    def clear(self) -> None:
        """Forgets everything."""
        self._by_key.clear()
        self._tags.clear()
        self._count = 0

    def learn(self, key: int, tags: tuple[int, ...], lengths: Sequence[int]) -> Layout | None:
        """Remembers a layout that none of those under `key` is; layouts of the same tags share one tuple of them."""
        if not _LEAST_RECORDS <= len(tags) <= _MOST_RECORDS:
            return None
        if self._count >= self._limit:
            self.clear()
        tags = self._tags.setdefault(tags, tags)
        before = self._by_key.get(key, ())
        kept = before[: _SAME_KEY - 1]
        layout = Layout(tags, lengths, self._structure_tags)
        self._by_key[key] = (layout, *kept)
        self._count += 1 + len(kept) - len(before)
        return layout
