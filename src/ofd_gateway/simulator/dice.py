"""A seeded source of choices that rolls the same on every Python and every machine."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

_T = TypeVar("_T")
_MASK = (1 << 64) - 1


class Dice:
    """SplitMix64: 64 bits a roll, the whole sequence given by the words it was seeded with.

    The standard library's generator promises the same sequence for `random()` only; scenarios are kept
    for years and must stay the same document for document, so the generator is spelt out here.
    """

    __slots__ = ("_state",)

    def __init__(self, *words: str | int) -> None:
        seed = blake2b("\x1f".join(map(str, words)).encode(), digest_size=8).digest()
        self._state = int.from_bytes(seed, "big")

    def below(self, bound: int) -> int:
        """A whole number from 0 to `bound` − 1."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        mixed = self._state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        return ((mixed ^ (mixed >> 31)) * bound) >> 64

    def between(self, first: int, last: int) -> int:
        """A whole number from `first` to `last`, both included."""
        return first + self.below(last - first + 1)

    def chance(self, probability: float) -> bool:
        """True in `probability` of the rolls (0 never, 1 always)."""
        return self.below(1 << 32) < probability * (1 << 32)

    def pick(self, options: Sequence[_T]) -> _T:
        """One of `options`, each equally likely."""
        return options[self.below(len(options))]

    def digits(self, count: int) -> str:
        """`count` decimal digits."""
        return f"{self.below(10**count):0{count}d}"
