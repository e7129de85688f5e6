"""Where a structure stands in its document, and how that place is written (путь к реквизиту)."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from ofd_gateway.ffd.dictionary import lookup

if TYPE_CHECKING:
    from ofd_gateway.ffd.document import Document
    from ofd_gateway.ffd.tlv import Structure

__all__ = ["Spot", "spell"]


class Spot:
    """A structure on the way down: made only when something is wrong there.

    `structure` is its content, `position` that in `above`; the root has no `above`.
    """

    __slots__ = ("_indexes", "_offsets", "_path", "above", "document", "position", "structure", "tag")

    def __init__(
        self, document: Document, structure: Structure, *, above: Spot | None = None, position: int = 0
    ) -> None:
        self.document = document
        self.structure = structure
        self.above = above
        self.position = position
        self.tag = 0 if above is None else above.structure.tags[position]
        self._path = ""
        self._offsets: list[int] | None = None
        self._indexes: list[int] | None = None

    @property
    def path(self) -> str:
        """The names down to the structure: `receipt.items[3]`."""
        if not self._path:
            self._path = self.document.kind if self.above is None else self.above.field_at(self.position)
        return self._path

    def field(self, tag: int, index: int = 0) -> str:
        """The path of a field of the structure; `index` counts the fields of one tag."""
        return f"{self.path}.{spell(tag, self.tag or self.document.code, self.document.ffd, index)}"

    def field_at(self, position: int) -> str:
        """The path of the field at a position."""
        return self.field(self.structure.tags[position], self.index_at(position))

    def index_at(self, position: int) -> int:
        """How many fields of the same tag stand before a position."""
        if self._indexes is None:
            counts: dict[int, int] = {}
            self._indexes = []
            for tag in self.structure.tags:
                self._indexes.append(counts.get(tag, 0))
                counts[tag] = self._indexes[-1] + 1
        return self._indexes[position]

    def offset_at(self, position: int) -> int:
        """The offset of the head of the record at a position."""
        if self._offsets is None:
            self._offsets = [offset for _, _, offset in self.structure.entries()]
        return self._offsets[position]

    def offset_of(self, tag: int) -> int:
        """The offset of the first record of a tag, of the structure when it has none."""
        tags = self.structure.tags
        return self.offset_at(tags.index(tag)) if tag in tags else self.structure.offset

    def child(self, structure: Structure, position: int) -> Spot:
        """The structure that stands at a position of this one."""
        return Spot(self.document, structure, above=self, position=position)


@functools.lru_cache(maxsize=4096)
def spell(tag: int, parent: int, ffd: str, index: int = 0) -> str:
    """The name of a field inside a parent, with its index where it repeats."""
    spec = lookup(tag, parent, ffd=ffd)
    name = str(tag) if spec is None else spec.name
    return f"{name}[{index}]" if index or (spec is not None and spec.repeatable) else name
