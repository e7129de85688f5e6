"""Whatever can be decoded can be checked, in bounded time, and a change is either named or within the tables."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ofd_gateway.ffd import FormatError, decode
from ofd_gateway.ffd.checks import RULES, SequenceFacts, advance, check, check_sequence, runner
from ofd_gateway.ffd.checks import shape as shape_room
from ofd_gateway.ffd.checks.fields import describe
from ofd_gateway.ffd.checks.place import Spot
from ofd_gateway.ffd.checks.plan import ITEM, root_plan
from ofd_gateway.ffd.checks.policy import DEFAULT
from ofd_gateway.ffd.checks.report import Report
from ofd_gateway.ffd.checks.shape import Shape, shape_of
from ofd_gateway.ffd.dictionary import specs
from ofd_gateway.ffd.tlv import STRUCTURE_TAGS, tlv
from tests.ffd.checks.making import (
    CODES,
    NOW,
    SECOND_ORDER,
    Records,
    document,
    drop,
    encode,
    errors,
    item_of,
    judge,
    minimal,
    put,
    vln,
)
from tests.ffd.valid_documents import valid_documents

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType


KNOWN_TAGS = sorted({spec.tag for spec in specs() if 1000 <= spec.tag < 60000})
FFDS = ("1.0", "1.05", "1.1", "1.2")
VALUES = st.one_of(st.binary(max_size=12), st.sampled_from([b"\0", b"\1", b"\2", b"\7", b"\xff" * 4, b"\xff" * 8]))


def records(depth: int) -> st.SearchStrategy[bytes]:
    leaf = st.builds(tlv, st.sampled_from(KNOWN_TAGS), VALUES)
    if depth == 0:
        return st.lists(leaf, max_size=6).map(b"".join)
    nested = st.builds(tlv, st.sampled_from(sorted(STRUCTURE_TAGS)), records(depth - 1))
    return st.lists(st.one_of(leaf, nested), max_size=12).map(b"".join)


@given(st.sampled_from((*CODES, 81, 82, 83, 84, 99)), records(3), st.sampled_from(FFDS))
def test_arbitrary_records_are_judged_without_an_exception(code: int, body: bytes, ffd: str) -> None:
    try:
        made = decode(tlv(code, body), version_hint=ffd)
    except FormatError:
        return
    found = check(made, now=NOW)
    assert all(one.rule in RULES for one in found)
    assert len(found) <= DEFAULT.limit + 1
    facts = advance(None, made)
    assert {one.rule for one in check_sequence(made, facts)} <= set(RULES)
    later = advance(SequenceFacts(last_fd=0, shift_is_whole=True, shift_totals=(0,) * 8, fn_totals=(0,) * 8), made)
    check_sequence(made, later)


@given(st.binary(max_size=400), st.sampled_from((3, 1, 5)))
def test_arbitrary_bytes_are_judged_without_an_exception(body: bytes, code: int) -> None:
    try:
        made = decode(tlv(code, body))
    except FormatError:
        return
    check(made, now=NOW)


@given(valid_documents())
def test_documents_by_the_tables_break_no_rule_of_single_fields(made: tuple[bytes, int, str]) -> None:
    """Dates, sums, sets with one bit and the tie between fields are not in the tables that documents are drawn from."""
    plain, _, ffd = made
    found = check(decode(plain, version_hint=ffd), now=NOW)
    assert {one.rule for one in found if one.rule in ("R-P1", "R-P3", "R-T2", "R-T4", "R-V1")} == set()


@given(st.sampled_from(FFDS), st.sampled_from(CODES), st.data())
def test_a_changed_document_breaks_a_named_rule_or_is_within_the_tables(
    ffd: str, code: int, data: st.DataObject
) -> None:
    whole = minimal(code, ffd)
    position = data.draw(st.integers(0, len(whole) - 1))
    tag, before = whole[position]
    if isinstance(before, list):
        return
    change = data.draw(st.sampled_from(("drop", "double", "value")))
    if change == "drop":
        del whole[position]
    elif change == "double":
        whole.append((tag, before))
    else:
        whole[position] = (tag, data.draw(st.binary(max_size=24)))
    plan = root_plan(ffd, code, SECOND_ORDER)
    assert plan is not None
    rule = plan.rules.get(tag)
    found = judge(code, whole, ffd=ffd)
    if errors(found):
        assert all(one[0] in RULES for one in found)
        return
    raw = whole[position][1] if change == "value" else before
    assert isinstance(raw, bytes)
    within = rule is not None and (
        (change == "drop" and tag not in plan.demanded)
        or (change == "double" and rule.repeatable)
        or (
            change == "value"
            and (rule.lowered or rule.lengths is None or len(raw) in rule.lengths)
            and (rule.lowered or rule.admits(raw))
        )
    )
    assert within or tag == 1209


@given(st.sampled_from((3, 1, 5, 31)), records(1), st.sampled_from(FFDS))
def test_the_remembered_verdict_is_that_of_the_slow_path(code: int, body: bytes, ffd: str) -> None:
    try:
        made = decode(tlv(code, body), version_hint=ffd)
    except FormatError:
        return
    plan = root_plan(made.ffd, code, SECOND_ORDER)
    assert plan is not None
    root = made.root
    shape = shape_of(plan, root.tags)
    report = Report(DEFAULT, made)
    describe(Spot(made, root), plan, shape, report)
    assert shape.is_clean(root.values) == (report.violations() == ())


ITEM_CHANGES = {
    1079: (9999, 10000, 10200),
    1043: (9999, 10000),
    1199: (1, 2, 5, 6, 7),
    1200: (0, 909, 1667, 1670),
    1214: (4, 7),
}
ROOT_CHANGES = {1020: (10000, 9999), 1031: (10000, 0), 1102: (0, 1667, 1670), 1103: (909,), 1105: (0, 10000, 9950)}


@given(st.data(), st.sampled_from(FFDS))
def test_the_short_way_never_hides_what_the_long_way_finds(data: st.DataObject, ffd: str) -> None:
    whole = minimal(3, ffd)
    for records_, changes in ((item_of(whole), ITEM_CHANGES), (whole, ROOT_CHANGES)):
        for tag, values in changes.items():
            if data.draw(st.booleans()):
                put(records_, tag, vln(data.draw(st.sampled_from(values))))
    if data.draw(st.booleans()):
        drop(item_of(whole), data.draw(st.sampled_from((1030, 1199, 1200))))
    short = judge(3, whole, ffd=ffd)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "is_in_order", lambda *_: False)
        assert judge(3, whole, ffd=ffd) == short


def test_an_item_without_fields_is_judged() -> None:
    whole = put(minimal(3, "1.05"), ITEM, [])
    assert [one[0] for one in errors(judge(3, whole))] == ["R-P1"]


def hostile(items: int) -> bytes:
    """As many items as fit, every field of every item wrong."""
    item: Records = [
        (1030, b""),
        (1079, b"\0" * 3),
        (1023, b"\xff\x01"),
        (1043, b"\xff\xff"),
        (1199, b"\xee"),
        (1212, b"\xee"),
    ]
    whole = [record for record in minimal(3, "1.2") if record[0] != ITEM]
    return encode(
        3, [(tag, b"\xee" if tag in (1054, 1055) else value) for tag, value in whole] + [(ITEM, item)] * items
    )


def calls(work: Callable[[], object]) -> int:
    """Calls of functions, Python's and C's, that the work makes: its cost without a clock."""
    count = 0

    def seen(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(seen)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def test_wrong_items_cost_no_more_than_their_number() -> None:
    half, whole = decode(hostile(500)), decode(hostile(1000))
    assert len(whole.raw) > 32_000
    found = check(whole, now=NOW)
    assert len(found) == DEFAULT.limit + 1
    assert found[-1].rule == "R-M1"
    assert int(found[-1].found) > 3000
    check(half, now=NOW)
    assert calls(lambda: check(whole, now=NOW)) < 2.2 * calls(lambda: check(half, now=NOW))


@pytest.mark.parametrize("tag", [40000, 1041, 1261])
def test_unknown_records_cost_no_more_than_their_number(tag: int) -> None:
    half, whole = (decode(tlv(3, tlv(1209, b"\4") + tlv(tag, b"") * count)) for count in (4000, 8000))
    assert check(whole, now=NOW)
    check(half, now=NOW)
    assert calls(lambda: check(whole, now=NOW)) < 2.2 * calls(lambda: check(half, now=NOW))


def test_the_memory_of_shapes_is_bounded() -> None:
    plan = root_plan("1.2", 3, SECOND_ORDER)
    assert plan is not None
    shape_room._shapes.clear()
    for extra in range(shape_room.MAX_SHAPES + 10):
        shape_of(plan, [10000 + extra])
    assert len(shape_room._shapes) == 10
    long = list(range(shape_room.MAX_CACHED_TAGS + 1))
    assert isinstance(shape_of(plan, long), Shape)
    assert shape_of(plan, long) is not shape_of(plan, long)


def test_the_memory_of_values_is_bounded() -> None:
    plan = root_plan("1.2", 1, SECOND_ORDER)
    assert plan is not None
    shape = Shape(plan, [1062, 1290])
    for bits in range(64):
        for uses in range(80):
            usage = sum(1 << (6, 8, 9, 10, 11, 12, 13)[bit] for bit in range(7) if uses >> bit & 1)
            assert shape.has_sound_leaves([bytes((bits,)), usage.to_bytes(4, "little")])
    assert len(shape.known) <= shape_room.MAX_KNOWN_VALUES


@settings(max_examples=25)
@given(st.integers(1, 60))
def test_a_receipt_of_any_length_is_sound(items: int) -> None:
    whole = [record for record in minimal(3, "1.2") if record[0] not in (ITEM, 1020, 1031)]
    item = item_of(minimal(3, "1.2"))
    total = (10000 * items).to_bytes(4, "little")
    made = document(3, [*whole, *[(ITEM, item)] * items, (1020, total), (1031, total)])
    assert check(made, now=datetime(2024, 6, 2, tzinfo=UTC)) == ()
