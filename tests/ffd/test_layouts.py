"""What is remembered of earlier documents never changes what is read of a later one, nor the verdict on it."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ofd_gateway.ffd import FormatError, decode
from ofd_gateway.ffd.checks import check, forms, runner
from ofd_gateway.ffd.checks.plan import ITEM, root_plan
from ofd_gateway.ffd.checks.shape import forget_shapes
from ofd_gateway.ffd.layouts import LARGEST_LAYOUT_BYTES, Layouts
from ofd_gateway.ffd.tlv import MAX_NESTING, STRUCTURE_TAGS, Structure, forget_layouts, tlv
from tests.ffd.checks.making import NOW, SECOND_ORDER, Records, add, encode, item_of, minimal, put, vln
from tests.ffd.valid_documents import valid_documents

if TYPE_CHECKING:
    from collections.abc import Mapping

ITEM_FIELDS = {
    1030: (b"Tea", b"Coffee", b"A rather long name of goods, black, 100 g", b""),
    1079: (vln(5000), vln(10000), vln(9999), b""),
    1023: (b"\0\1", b"\3\xe8\3", b"\0\2", b""),
    1043: (vln(10000), vln(9999), vln(5000)),
    1199: (b"\1", b"\2", b"\5", b"\6", b"\7", b"\x0b", b"\xee", b""),
    1200: (vln(1667), vln(909), vln(0), b""),
    1212: (b"\1", b"\2", b"\xee"),
    1214: (b"\4", b"\7", b"\1"),
    1222: (b"\x40", b"\x01", b"\0"),
    1226: (b"7802781104  ", b"000000000000", b"7802781105  "),
    1223: ([(1073, b"+79990000000")], [(1044, b"x" * 30)], []),
    1163: ([(1305, b"0104600439931256")], [(1300, b"\0" * 20), (1301, b"12345678")], []),
    1191: (b"",),
    1112: ([(1035, b"\1")], b"text", b"\1\0\xff\xff"),
    40000: (b"unknown",),
}
ROOT_FIELDS = {
    1020: (vln(10000), vln(20000), vln(30000), b""),
    1031: (vln(10000), vln(20000), b""),
    1081: (vln(10000), b"", vln(30000)),
    1102: (vln(1667), vln(3334), b""),
    1103: (vln(909), b""),
    1105: (vln(10000), vln(20000), b""),
    1115: ([(1119, [(1199, b"\7"), (1120, vln(476))])], b"text", b""),
    1125: (b"\1", b"\0"),
    1008: (b"a@example.com",),
    1256: ([(1227, b"Buyer"), (1228, b"7802781104  ")], [(1228, b"1")]),
    1057: (b"\x40",),
    1171: (b"+79990000000",),
    1084: (b"text", [(1085, b"a"), (1086, b"b")]),
}
VERSIONS = ("1.0", "1.05", "1.1", "1.2")


@st.composite
def receipts(draw: st.DrawFn) -> bytes:
    """A receipt of the kind registers send, with a few fields changed, added or left out."""
    ffd, code = draw(st.sampled_from(VERSIONS)), draw(st.sampled_from((3, 3, 3, 4, 31)))
    whole = minimal(code, ffd)
    items: Records = [record for record in whole if record[0] == ITEM]
    if items:
        at = whole.index(items[0])
        many = [_changed(draw, list(items[0][1]), ITEM_FIELDS) for _ in range(draw(st.integers(1, 4)))]  # type: ignore[arg-type]
        whole[at : at + 1] = [(ITEM, item) for item in many]
        for tag in (1020, 1031):
            put(whole, tag, vln(10000 * len(many)))
    return encode(code, _changed(draw, whole, ROOT_FIELDS))


def _changed(draw: st.DrawFn, records: Records, fields: Mapping[int, tuple[object, ...]]) -> Records:
    for tag in draw(st.lists(st.sampled_from(sorted(fields)), max_size=3)):
        value = draw(st.sampled_from(fields[tag]))
        if any(one == tag for one, _ in records):
            put(records, tag, value)  # type: ignore[arg-type]
        else:
            add(records, (tag, value))  # type: ignore[arg-type]
    return records


@st.composite
def with_mutants(draw: st.DrawFn) -> list[bytes]:
    """Documents, and the same with bytes changed, taken out and put in, mixed."""
    whole = draw(
        st.lists(st.one_of(receipts(), receipts(), valid_documents().map(lambda made: made[0])), min_size=1, max_size=3)
    )
    mixed = list(whole)
    for plain in whole:
        for _ in range(draw(st.integers(0, 3))):
            at = draw(st.integers(0, len(plain) - 1))
            kind = draw(st.sampled_from(("change", "change", "bit", "swap", "cut")))
            if kind == "change":
                mutant = plain[:at] + draw(st.binary(min_size=1, max_size=4)) + plain[at + 1 :]
            elif kind == "bit":
                mutant = plain[:at] + bytes((plain[at] ^ 1 << draw(st.integers(0, 7)),)) + plain[at + 1 :]
            elif kind == "swap":
                mutant = plain[:at] + plain[at + 1 : at + 2] + plain[at : at + 1] + plain[at + 2 :]
            else:
                mutant = plain[:at]
            mixed.append(mutant)
            if kind != "bit":
                mixed.append(mutant[:2] + (max(0, len(mutant) - 4) & 0xFFFF).to_bytes(2, "little") + mutant[4:])
    return draw(st.permutations(mixed))


def forget() -> None:
    forget_layouts()
    forms.forget_forms()
    forget_shapes()


def outcome(plain: bytes) -> object:
    """All that is read of a document and said of it, or the error with its place."""
    try:
        document = decode(plain, version_hint="1.05")
    except FormatError as error:
        return error.reason, error.path, error.offset, error.rule, error.detail
    return document.ffd, _flat(document.root), check(document, now=NOW)


def _flat(structure: Structure) -> object:
    assert structure.size == sum(4 + (v.size if isinstance(v, Structure) else len(v)) for v in structure.values)
    return [
        (tag, offset, _flat(value) if isinstance(value, Structure) else value)
        for tag, value, offset in structure.entries()
    ]


@settings(max_examples=80, deadline=None)
@given(with_mutants())
def test_a_warm_memory_says_what_an_empty_one_says(mixed: list[bytes]) -> None:
    cold = []
    for plain in mixed:
        forget()
        cold.append(outcome(plain))
    forget()
    assert [outcome(plain) for plain in mixed] == cold
    assert [outcome(plain) for plain in mixed] == cold


@settings(max_examples=80, deadline=None)
@given(st.lists(receipts(), min_size=1, max_size=4))
def test_the_short_way_says_what_the_long_way_says(mixed: list[bytes]) -> None:
    short = [outcome(plain) for plain in mixed * 2]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "is_in_order", lambda *_: False)
        patch.setattr(forms.Form, "is_sound", lambda *_: False)
        assert [outcome(plain) for plain in mixed * 2] == short


@pytest.mark.parametrize("ffd", VERSIONS)
def test_the_short_way_overlooks_no_pair_of_changes(ffd: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [_with(ffd, pair) for pair in combinations(_single_changes(), 2)]
    short = [outcome(plain) for plain in made]
    monkeypatch.setattr(runner, "is_in_order", lambda *_: False)
    monkeypatch.setattr(forms.Form, "is_sound", lambda *_: False)
    assert [outcome(plain) for plain in made] == short


def _single_changes() -> list[tuple[bool, int, object]]:
    """Changes of an item and of the root that bring rules of their own."""
    changes: list[tuple[bool, int, object]] = []
    for in_item, fields in ((True, ITEM_FIELDS), (False, ROOT_FIELDS)):
        changes += [(in_item, tag, value) for tag in sorted(fields) for value in fields[tag]]
    return changes


def _with(ffd: str, changes: tuple[tuple[bool, int, object], ...]) -> bytes:
    whole = minimal(3, ffd)
    items = [list(item_of(whole)), list(item_of(whole))]
    for in_item, tag, value in changes:
        put(items[0] if in_item else whole, tag, value)  # type: ignore[arg-type]
    at = [tag for tag, _ in whole].index(ITEM)
    whole[at : at + 1] = [(ITEM, item) for item in items]
    paid = {tag for in_item, tag, _ in changes if not in_item}
    for tag in {1020, 1031} - paid:
        put(whole, tag, vln(20000))
    return encode(3, whole)


def test_an_ordinary_receipt_goes_the_short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "judge_receipt", None)
    for ffd in ("1.05", "1.1", "1.2"):
        whole = minimal(3, ffd)
        put(item_of(whole), 1214, b"\4")
        assert check(decode(encode(3, whole)), now=NOW) == ()


def test_goods_with_a_code_go_the_short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "judge_receipt", None)
    whole = minimal(3, "1.2")
    put(item_of(whole), 1163, [(1305, b"0104600439931256")])
    assert check(decode(encode(3, whole)), now=NOW) == ()


def test_layouts_of_one_head_and_size_are_told_apart() -> None:
    first = tlv(1030, b"Tea") + tlv(1079, b"\1\2") + tlv(1043, b"\1\2\3")
    other = tlv(1030, b"Tea") + tlv(1079, b"\1\2\3") + tlv(1043, b"\1\2")
    plain = tlv(3, tlv(1059, first) + tlv(1059, other))
    for _ in range(3):
        items = decode(plain).root.structures(1059)
        assert [item.values for item in items] == [(b"Tea", b"\1\2", b"\1\2\3"), (b"Tea", b"\1\2\3", b"\1\2")]


def test_equal_structures_share_their_layout() -> None:
    plain = tlv(3, tlv(1059, tlv(1030, b"Green tea") + tlv(1079, vln(100))) * 2)
    forget()
    first, second = decode(plain).root.structures(1059)
    assert first.layout is second.layout is not None
    assert first.tags == second.tags == (1030, 1079)


def test_a_known_layout_below_the_deepest_level_is_refused() -> None:
    pair = tlv(1030, b"goods and more goods") + tlv(1163, tlv(1305, b"0104600439931256"))
    decode(tlv(3, tlv(1059, pair)))
    deep = pair
    for _ in range(MAX_NESTING - 1):
        deep = tlv(1059, deep)
    with pytest.raises(FormatError) as caught:
        decode(tlv(3, deep))
    assert caught.value.reason == "nesting_too_deep"
    assert caught.value.offset == 4 + 4 * (MAX_NESTING - 1) + 24


@pytest.mark.parametrize("size", [15, LARGEST_LAYOUT_BYTES + 1])
def test_small_and_large_structures_are_not_remembered(size: int) -> None:
    item = tlv(1059, tlv(1030, b"x" * (size - 4)))
    assert decode(tlv(3, item * 2)).root.structures(1059)[1].layout is None


def test_the_memory_of_layouts_is_bounded() -> None:
    memory = Layouts(10, STRUCTURE_TAGS)
    for tag in range(1000):
        memory.learn(tag, (tag, tag), (1, 2))
        assert len(memory) <= 10
    for length in range(9):
        memory.learn(7, (7,), (length,))
    assert [layout.lengths for layout in memory.known(7, ())] == [(8,), (7,), (6,), (5,)]
    assert len(memory) <= 10
    assert memory.learn(7, tuple(range(100)), (0,) * 100) is None


def test_the_memory_of_forms_is_bounded() -> None:
    plan = root_plan("1.2", 3, SECOND_ORDER)
    assert plan is not None
    forget()
    memory = Layouts(forms.MAX_FORMS * 2, STRUCTURE_TAGS)
    for extra in range(forms.MAX_FORMS + 10):
        layout = memory.learn(extra, (10000 + extra,), (1,))
        assert layout is not None
        forms.form_of(plan, layout)
    assert len(plan.forms) == 10


def test_payments_are_read_by_their_layout_wherever_the_first_of_them_stands() -> None:
    payments = [(1031, vln(100)), (1081, b""), (1215, b""), (1216, vln(7)), (1217, b""), (1055, b"\1")]
    record = b"".join(tlv(tag, value) for tag, value in payments)
    for rest in (b"", tlv(1031, b"\1") + tlv(1081, b"\2"), tlv(1021, b"Ivanova")):
        plain = tlv(3, tlv(1020, vln(107)) + record + rest)
        forget()
        cold, warm = decode(plain), decode(plain)
        assert warm.root == cold.root
        assert warm.encode() == plain
        assert list(zip(warm.root.tags, warm.root.values, strict=True))[1:7] == payments


def test_a_known_run_is_not_read_beyond_the_end() -> None:
    payments = [tlv(1031, vln(100)), tlv(1081, b""), tlv(1215, b""), tlv(1216, b"")]
    decode(tlv(3, b"".join(payments)))
    short = decode(tlv(3, b"".join(payments[:2])))
    assert short.root.tags == (1031, 1081)


def test_nothing_is_judged_in_structures_that_may_hold_anything() -> None:
    plan = root_plan("1.0", 3, SECOND_ORDER)
    assert plan is not None
    assert forms.is_sound(Structure((40000,), (b"",), 0), plan.child(1084))
    assert not forms.is_sound(b"text", plan.child(1084))


def test_a_structure_equals_nothing_but_a_structure() -> None:
    one, other = Structure((), (), 0), Structure((), (), 4)
    assert one == other
    assert not one != other  # noqa: SIM202  the base class has an operator of its own for this
    assert () not in [one, other]
