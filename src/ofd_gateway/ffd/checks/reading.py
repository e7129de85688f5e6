"""Single values of a structure as numbers, None for what is absent or malformed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ofd_gateway.ffd.tlv import Structure

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["money", "number"]

_NUMBER_BYTES: Final = 8


def money(fields: Mapping[int, bytes | Structure], tag: int) -> int | None:
    """A number of variable length: kopecks, or a counter."""
    raw = fields.get(tag)
    return int.from_bytes(raw, "little") if isinstance(raw, bytes) and len(raw) <= _NUMBER_BYTES else None


def number(fields: Mapping[int, bytes | Structure], tag: int, width: int) -> int | None:
    """A number of fixed width."""
    raw = fields.get(tag)
    return int.from_bytes(raw, "little") if isinstance(raw, bytes) and len(raw) == width else None
