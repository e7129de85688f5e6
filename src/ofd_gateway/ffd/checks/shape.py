"""The verdict on a sequence of tags, remembered: structures of one kind look alike, so most are judged once.

What depends on the tags alone (missing, repeated and extraneous tags, where which value stands) is worked out once for
each sequence of tags in one place and kept in a bounded cache. What is left for every single structure is to compare
lengths and to look up its closed values.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Final

from ofd_gateway.ffd.checks.plan import ITEM

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ofd_gateway.ffd.checks.plan import Plan, TagRule
    from ofd_gateway.ffd.tlv import Structure

__all__ = ["Shape", "forget_shapes", "shape_of"]

MAX_SHAPES: Final = 4096
MAX_CACHED_TAGS: Final = 96
"""Longer sequences are worked out anew each time: they hardly come twice and would fill the cache."""
MAX_KNOWN_VALUES: Final = 4096

_HEAD_BYTES: Final = 4

_shapes: dict[tuple[Plan, tuple[int, ...]], Shape] = {}


class Shape:
    """What one sequence of tags means in one place.

    `missing`: demanded tags that are not there; `extraneous` and `repeated`: positions of tags that should not be;
    `at`: the first position of each tag; `children`: positions of structures, with their tags. The leaves of a shape
    that `is_quick` are sound when `closed(values)` is one of `known` and no value is longer than `limits` say.
    """

    __slots__ = (
        "_closed_rules",
        "_contents",
        "_lengths",
        "_lengths_of",
        "_variants",
        "at",
        "bounded_bytes",
        "children",
        "closed",
        "extraneous",
        "faultless",
        "is_quick",
        "known",
        "limits",
        "missing",
        "ordinary",
        "repeated",
        "roles",
    )

    def __init__(self, plan: Plan, tags: Sequence[int]) -> None:
        self.at: dict[int, int] = {}
        repeated, extraneous, leaves, children = [], [], [], []
        rules = plan.rules
        for position, tag in enumerate(tags):
            rule = rules.get(tag)
            if rule is None:
                extraneous.append(position)
                continue
            if self.at.setdefault(tag, position) != position and not rule.repeatable:
                repeated.append(position)
            if rule.is_structure:
                children.append((position, rule))
            else:
                leaves.append((position, rule))
        self.missing = tuple(tag for tag in plan.demanded if tag not in self.at)
        self.extraneous = tuple(extraneous)
        self.repeated = tuple(repeated)
        self.children: tuple[tuple[int, TagRule], ...] = tuple(children)
        self.faultless = not (self.missing or extraneous or repeated)
        self.roles: object = None
        self.ordinary: object = None
        self._compile(leaves)
        limits = (rule.limit or max(rule.lengths or {_UNLIMITED}) for _, rule in leaves)
        self.bounded_bytes = _UNLIMITED if children or extraneous else sum(_HEAD_BYTES + limit for limit in limits)

    def has_sound_leaves(self, values: Sequence[bytes | Structure]) -> bool:
        """Whether every value has a good length, belongs to its closed set and passes the test of its content."""
        lengths_of = self._lengths_of
        if lengths_of is not None and tuple(map(len, lengths_of(values))) != self._lengths:
            return False
        for position, limit in self.limits:
            if len(values[position]) > limit:  # type: ignore[arg-type]  # a leaf is bytes
                return False
        if self._variants and not all(len(values[p]) in lengths for p, lengths in self._variants):  # type: ignore[arg-type]
            return False
        return self.has_good_values(values)

    def has_good_values(self, values: Sequence[bytes | Structure]) -> bool:
        """Whether values of the right lengths belong to their closed sets and pass the tests of their content."""
        if self.closed(values) not in self.known and not self._learn(values):
            return False
        for position, accepts in self._contents:  # noqa: SIM110 - a generator costs more than what it goes through
            if not accepts(values[position]):  # type: ignore[arg-type]  # a leaf is bytes
                return False
        return True

    @property
    def has_contents(self) -> bool:
        """Whether values are tested one by one, beside those of closed sets."""
        return bool(self._contents)

    def is_clean(self, values: Sequence[bytes | Structure]) -> bool:
        """Whether nothing is wrong on this level: tags, leaves, and the size of what stands below."""
        return self.faultless and self.has_sound_leaves(values) and (not self.children or self._children_fit(values))

    def _children_fit(self, values: Sequence[bytes | Structure]) -> bool:
        for position, rule in self.children:
            value = values[position]
            if isinstance(value, bytes):
                if not rule.open_text:
                    return False
            elif rule.tag != ITEM and rule.limit is not None and value.size > rule.limit:
                return False
        return True

    def _compile(self, leaves: list[tuple[int, TagRule]]) -> None:
        closed = [(p, rule) for p, rule in leaves if rule.allowed is not None or rule.mask is not None]
        in_sets = {p for p, rule in closed if rule.allowed is not None}
        fixed = [(p, rule.lengths) for p, rule in leaves if rule.lengths is not None and p not in in_sets]
        exact = [(p, next(iter(lengths))) for p, lengths in fixed if len(lengths) == 1]
        self._lengths_of = _getter([p for p, _ in exact])
        self._lengths = _doubled([length for _, length in exact])
        self._variants = tuple((p, lengths) for p, lengths in fixed if len(lengths) > 1)
        self.limits = tuple((p, rule.limit) for p, rule in leaves if rule.lengths is None and rule.limit is not None)
        self.closed = _getter([p for p, _ in closed]) or _no_values
        self._closed_rules = tuple(closed)
        self.known: set[tuple[bytes, ...]] = set()
        self._contents = tuple((p, rule.content.accepts) for p, rule in leaves if rule.content is not None)

        self.is_quick = not (self._lengths_of or self._variants or self._contents)

    def _learn(self, values: Sequence[bytes | Structure]) -> bool:
        """Judges the closed values one by one and remembers a good combination."""
        for position, rule in self._closed_rules:
            raw = values[position]
            if not isinstance(raw, bytes) or not rule.admits(raw):
                return False
        if len(self.known) < MAX_KNOWN_VALUES:
            self.known.add(self.closed(values))
        return True


_UNLIMITED: Final = 1 << 16


def shape_of(plan: Plan, tags: Sequence[int]) -> Shape:
    """The shape of a sequence of tags in a place, from the cache when it was seen before."""
    key = (plan, tuple(tags))
    shape = _shapes.get(key)
    if shape is None:
        shape = Shape(plan, tags)
        if len(tags) <= MAX_CACHED_TAGS:
            if len(_shapes) >= MAX_SHAPES:
                _shapes.clear()
            _shapes[key] = shape
    return shape


def forget_shapes() -> None:
    """Empties the memory of shapes; verdicts stay the same."""
    _shapes.clear()


def _getter(positions: list[int]) -> Callable[[Sequence[bytes | Structure]], tuple[bytes, ...]] | None:
    """Picks several values at once; always a tuple, so one position is picked twice."""
    return itemgetter(*_doubled(positions)) if positions else None


def _no_values(_: Sequence[bytes | Structure]) -> tuple[bytes, ...]:
    return ()


def _doubled(values: list[int]) -> tuple[int, ...]:
    return tuple(values) * 2 if len(values) == 1 else tuple(values)
