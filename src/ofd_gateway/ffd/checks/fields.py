"""Says what is wrong with a structure field by field: presence, repetition, lengths, values, content.

This is the slow path. `Shape` knows whether there is anything to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ofd_gateway.ffd.checks.forms import form_of
from ofd_gateway.ffd.checks.plan import ITEM
from ofd_gateway.ffd.checks.shape import shape_of

if TYPE_CHECKING:
    from ofd_gateway.ffd.checks.place import Spot
    from ofd_gateway.ffd.checks.plan import Plan, TagRule
    from ofd_gateway.ffd.checks.report import Report
    from ofd_gateway.ffd.checks.shape import Shape

__all__ = ["describe", "examine_children", "report_length"]

_FFD_VERSION: Final = 1209
_FFD_1_0: Final = b"\x01"
_EVENT_FLAGS: Final = frozenset({1050, 1051, 1052, 1053, 1125})
"""Sent with the value 1 only: 0 is a matter of R-P11."""
_NO: Final = b"\x00"
_SHOWN_VALUES: Final = 16


def describe(spot: Spot, plan: Plan, shape: Shape, report: Report) -> None:
    """Every fault of the fields of one structure, without those inside the structures below it.

    `shape` is that of the tags of `spot.structure`, all of them.
    """
    structure = spot.structure
    for tag in shape.missing:
        report.add("R-P1", path=spot.field(tag), tag=tag, offset=structure.offset, expected="must be there")
    for position in shape.extraneous:
        _extraneous(spot, position, plan, report)
    for position in shape.repeated:
        report.add(
            "R-P3",
            path=spot.field_at(position),
            tag=structure.tags[position],
            offset=spot.offset_at(position),
            found=f"value {spot.index_at(position) + 1}",
            expected="1 value",
        )
    rules = plan.rules
    for position, (tag, value) in enumerate(zip(structure.tags, structure.values, strict=True)):
        rule = rules.get(tag)
        if rule is None:
            continue
        if isinstance(value, bytes):
            _value(spot, position, rule, value, plan, report)
        elif tag != ITEM and rule.limit is not None and (size := value.size) > rule.limit:
            report_length(spot, position, rule, size, report)


def examine_children(spot: Spot, plan: Plan, report: Report) -> None:
    """Every structure below one, all the way down, but for the items of the root, which are judged apart."""
    structure = spot.structure
    for position, (tag, value) in enumerate(zip(structure.tags, structure.values, strict=True)):
        if not isinstance(value, bytes) and tag in plan.rules and tag != ITEM:
            below = plan.child(tag)
            if value.layout is None or not form_of(below, value.layout).is_sound(value.values):
                _examine(spot.child(value, position), below, report)


def _examine(spot: Spot, plan: Plan, report: Report) -> None:
    if plan.open_content:
        return
    structure = spot.structure
    shape = shape_of(plan, structure.tags)
    if not shape.is_clean(structure.values):
        describe(spot, plan, shape, report)
    if shape.children:
        examine_children(spot, plan, report)


def _extraneous(spot: Spot, position: int, plan: Plan, report: Report) -> None:
    structure = spot.structure
    tag, value = structure.tags[position], structure.values[position]
    rule, expected = "R-P2", f"not in {_place_name(plan)} of FFD {plan.ffd}"
    if tag == _FFD_VERSION and plan.parent is None:
        if value == _FFD_1_0:
            rule = "R-V1"
        else:
            rule, expected = "R-X1", "2, 3 or 4, or no 1209 at all"
    report.add(
        rule,
        path=spot.field_at(position),
        tag=tag,
        offset=spot.offset_at(position),
        found=value if isinstance(value, bytes) else f"structure of {len(value.tags)} records",
        expected=expected,
    )


def _place_name(plan: Plan) -> str:
    return f"document {plan.document}" if plan.parent is None else f"structure {plan.parent}"


def _value(spot: Spot, position: int, rule: TagRule, raw: bytes, plan: Plan, report: Report) -> None:
    if rule.is_structure:
        if not rule.open_text:
            _add(spot, position, rule, report, "R-P2", raw, "a structure; a text here is the format of 2016")
        return
    length = len(raw)
    if rule.lengths is not None and length not in rule.lengths:
        expected = " or ".join(str(one) for one in sorted(rule.lengths))
        _add(spot, position, rule, report, "R-T2", f"{length} bytes: {raw[:24].hex(' ')}", f"{expected} bytes")
    elif rule.limit is not None and rule.lengths is None and length > rule.limit:
        report_length(spot, position, rule, length, report)
    elif rule.tag in _EVENT_FLAGS and raw == _NO:
        _add(spot, position, rule, report, "R-P11", "0", "1, or nothing")
    elif not rule.admits(raw):
        _add(spot, position, rule, report, "R-X1", _meaning(rule, raw), _allowed(rule))
    elif rule.content is not None and not rule.content.accepts(raw):
        found = raw.decode("cp866") if rule.spec.kind.value == "string" else int.from_bytes(raw, "little")
        _add(spot, position, rule, report, rule.content.rule, found, rule.content.expected)


def report_length(spot: Spot, position: int, rule: TagRule, length: int, report: Report) -> None:
    """R-T4 for a number, R-T9 for anything else: the value at a position is longer than the format allows."""
    name = "R-T4" if rule.is_number else "R-T9"
    _add(spot, position, rule, report, name, f"{length} bytes", f"at most {rule.limit} bytes")


def _add(spot: Spot, position: int, rule: TagRule, report: Report, name: str, found: object, expected: str) -> None:
    report.add(
        name,
        path=spot.field_at(position),
        tag=rule.tag,
        offset=spot.offset_at(position),
        found=found,
        expected=expected,
        lowered=rule.lowered,
    )


def _meaning(rule: TagRule, raw: bytes) -> str:
    if rule.mask is not None:
        return f"bits 0x{int.from_bytes(raw, 'little'):02x}"
    return raw.decode("cp866") if rule.spec.kind.value == "string" else str(int.from_bytes(raw, "little"))


def _allowed(rule: TagRule) -> str:
    if rule.mask is not None:
        bits = ", ".join(str(bit) for bit in range(rule.mask.bit_length()) if rule.mask >> bit & 1)
        return f"exactly one of the bits {bits}" if rule.one_bit else f"bits {bits}"
    values = sorted(rule.allowed or ())
    text = rule.spec.kind.value == "string"
    shown = [raw.decode("cp866") if text else str(int.from_bytes(raw, "little")) for raw in values[:_SHOWN_VALUES]]
    return ", ".join(shown) + (", …" if len(values) > _SHOWN_VALUES else "")
