"""The verdict on a layout, remembered: which lengths are right is worked out once, closed values are looked up.

A layout has the tags of a structure and the lengths of its values (see `ffd.layouts`), so what depends on these alone
is judged when a layout first stands in a place. Only the values themselves are left for every structure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ofd_gateway.ffd.checks.plan import ITEM
from ofd_gateway.ffd.checks.shape import shape_of
from ofd_gateway.ffd.tlv import Structure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ofd_gateway.ffd.checks.plan import Plan, TagRule
    from ofd_gateway.ffd.layouts import Layout

__all__ = ["MAX_FORMS", "Form", "forget_forms", "form_of", "is_sound"]

MAX_FORMS: Final = 4096

_filled: list[Plan] = []
"""The plan of every form that is remembered."""


class Form:
    """One layout in one place. `fits`: nothing is wrong with its tags and lengths, also those of what stands below.

    `children` are positions and plans of the structures in it. With `is_quick` a structure is sound when its closed
    values are known to the shape.
    """

    __slots__ = ("children", "fits", "is_quick", "shape", "size")

    def __init__(self, plan: Plan, layout: Layout) -> None:
        self.shape = shape_of(plan, layout.tags)
        self.size = layout.size
        self.fits = self.shape.faultless and all(
            _fits(plan.rules[tag], length) for tag, length in zip(layout.tags, layout.lengths, strict=True)
        )
        nested = [position for position, _, _ in layout.nested]
        self.children = tuple((at, plan.child(layout.tags[at])) for at in nested if layout.tags[at] in plan.rules)
        self.is_quick = self.fits and not (self.children or self.shape.has_contents)

    def is_sound(self, values: Sequence[bytes | Structure]) -> bool:
        """Whether nothing is wrong with a structure of this layout, down to the lowest level."""
        if not (self.fits and self.shape.has_good_values(values)):
            return False
        for position, plan in self.children:  # noqa: SIM110 - a generator costs more than what it goes through
            if not is_sound(values[position], plan):
                return False
        return True


def is_sound(value: bytes | Structure, plan: Plan) -> bool:
    """Whether a value is a structure in which nothing is wrong, down to the lowest level; its own size is not judged.

    False may also mean that this short way does not know: then whoever asks must look closer.
    """
    if isinstance(value, bytes):
        return False
    if plan.open_content:
        return True
    layout = value.layout
    if layout is not None:
        return form_of(plan, layout).is_sound(value.values)
    shape = shape_of(plan, value.tags)
    if not shape.is_clean(value.values):
        return False
    return all(is_sound(value.values[position], plan.child(rule.tag)) for position, rule in shape.children)


def form_of(plan: Plan, layout: Layout) -> Form:
    """The form of a layout in a place, from memory when it was seen before."""
    form = plan.forms.get(layout)
    if form is None:
        if len(_filled) >= MAX_FORMS:
            forget_forms()
        form = plan.forms[layout] = Form(plan, layout)
        _filled.append(plan)
    return form


def forget_forms() -> None:
    """Empties the memory of forms; verdicts stay the same."""
    for plan in _filled:
        plan.forms.clear()
    _filled.clear()


def _fits(rule: TagRule, length: int) -> bool:
    if rule.lengths is not None:
        return length in rule.lengths
    return rule.limit is None or length <= rule.limit or rule.tag == ITEM
