"""Documents of one FN one after the other."""

from __future__ import annotations

import msgspec
import pytest

from ofd_gateway.ffd import Document
from ofd_gateway.ffd.checks import CheckPolicy, SequenceFacts, advance, check_sequence
from tests.ffd.checks.making import Records, child, document, drop, item_of, minimal, put, u32, vln

START = 1717200000
HOUR = 3600


def fd(
    code: int, number: int, *, hour: float = 0, ffd: str = "1.2", shift: int | None = None, **more: object
) -> Records:
    records = put(put(minimal(code, ffd), 1040, u32(number)), 1012, u32(START + int(hour * HOUR)))
    if shift is not None:
        put(records, 1038, u32(shift))
    for tag, value in more.items():
        assert isinstance(value, bytes | list)
        put(records, int(tag.removeprefix("t")), value)
    return records


def registration(**more: object) -> tuple[int, Records]:
    return 1, fd(1, 1, **more)  # type: ignore[arg-type]


def opening(number: int = 2, shift: int = 1, **more: object) -> tuple[int, Records]:
    return 2, fd(2, number, shift=shift, **more)  # type: ignore[arg-type]


def receipt(number: int, receipt: int = 1, shift: int = 1, **more: object) -> tuple[int, Records]:
    return 3, fd(3, number, shift=shift, t1042=u32(receipt), **more)  # type: ignore[arg-type]


def totals(count: int, kopecks: int) -> Records:
    return [(1134, u32(count)), (1129, [(1135, u32(count)), (1136, vln(kopecks)), (1201, vln(kopecks))])]


def closing(
    number: int, *, documents: int, receipts: int, shift: int = 1, kopecks: int | None = None, **more: object
) -> tuple[int, Records]:
    counted = {"t1111": u32(documents), "t1118": u32(receipts)}
    if kopecks is not None:
        counted |= {"t1194": totals(receipts, kopecks), "t1157": totals(receipts, kopecks)}  # type: ignore[dict-item]
    return 5, fd(5, number, shift=shift, **{**counted, **more})  # type: ignore[arg-type]


def made(*steps: tuple[int, Records], ffd: str | None = "1.2") -> list[Document]:
    return [document(code, records, ffd=ffd) for code, records in steps]


def story(*steps: tuple[int, Records]) -> list[list[tuple[str, int | None]]]:
    """Rule and tag of what is found at each document, in order of arrival."""
    facts: SequenceFacts | None = None
    told = []
    for one in made(*steps):
        found = check_sequence(one, facts)
        assert {violation.severity.value for violation in found} <= {"warning"}
        told.append([(violation.rule, violation.tag) for violation in found])
        before = msgspec.json.encode(facts)
        after = advance(facts, one)
        assert msgspec.json.encode(facts) == before
        facts = msgspec.json.decode(msgspec.json.encode(after), type=SequenceFacts)
        assert facts == after
    return told


DAY = (
    registration(),
    opening(),
    receipt(3, 1),
    receipt(4, 2),
    closing(5, documents=4, receipts=2, kopecks=20000),
    opening(6, shift=2),
    receipt(7, 1, shift=2),
    (5, fd(5, 8, shift=2, t1111=u32(3), t1118=u32(1), t1194=totals(1, 10000), t1157=totals(3, 30000))),
    (6, fd(6, 9)),
)


def test_an_ordinary_life_is_sound() -> None:
    assert story(*DAY) == [[]] * len(DAY)


@pytest.mark.parametrize(
    ("told", "steps"),
    [
        ([("R-V6", 1040)], (receipt(1),)),
        ([("R-Q1", 1040)], ((1, fd(1, 2)),)),
        ([], (receipt(100),)),
        ([], ((11, fd(11, 1)),)),
        ([("R-Q1", 1040)], (*DAY[:2], receipt(4, 1))),
        ([("R-Q1", 1040)], (*DAY[:4], receipt(3, 1))),
        ([("R-Q2", 1038)], (*DAY[:2], receipt(3, 1, shift=2))),
        ([("R-Q2", 1038)], (*DAY[:5], opening(6, shift=3))),
        ([("R-Q1", 1040), ("R-Q2", 1038)], (*DAY[:5], opening(9, shift=1))),
        ([("R-Q1", 1040), ("R-Q2", 1038)], (*DAY[:5], receipt(9, 1, shift=0))),
        ([("R-Q1", 1040)], (*DAY[:5], opening(9, shift=7))),
        ([("R-Q1", 1040)], (*DAY[:5], receipt(9, 5, shift=3))),
        ([("R-Q3", 1042)], (*DAY[:2], receipt(3, 2))),
        ([("R-Q3", 1042)], (*DAY[:3], receipt(4, 1))),
        ([("R-Q4", 1038)], (*DAY[:1], receipt(2, 1, shift=0))),
        ([("R-Q4", 1038)], (*DAY[:5], receipt(6, 1))),
        ([("R-Q4", 1038)], (*DAY[:5], closing(6, documents=1, receipts=0))),
        ([("R-Q4", 1038)], (*DAY[:2], opening(3, shift=2))),
        ([("R-Q4", 1012)], (*DAY[:2], receipt(3, 1, hour=24.01))),
        ([], (*DAY[:2], receipt(3, 1, hour=24))),
        ([("R-Q5", 1012)], (*DAY[:2], receipt(3, 1, hour=-0.1))),
        ([], (*DAY[:2], receipt(3, 1, hour=-0.08))),
        ([("R-Q9", 1040)], (*DAY, (21, fd(21, 10)))),
        ([("R-S8", 1111)], (*DAY[:4], closing(5, documents=5, receipts=2, kopecks=20000))),
        ([("R-S8", 1118), ("R-S9", 1194)], (*DAY[:4], closing(5, documents=4, receipts=3, kopecks=20000))),
        ([("R-S9", 1194)], (*DAY[:4], closing(5, documents=4, receipts=2, kopecks=30000))),
        ([("R-S9", 1194)], (*DAY[:4], closing(5, documents=4, receipts=2))),
        ([], (*DAY[:4], (5, drop(closing(5, documents=4, receipts=2)[1], 1194)))),
        (
            [("R-S9", 1157)],
            (*DAY[:7], (5, fd(5, 8, shift=2, t1111=u32(3), t1118=u32(1), t1194=totals(1, 10000), t1157=totals(3, 1)))),
        ),
        ([], (receipt(50), closing(51, documents=9, receipts=9, kopecks=1))),
        ([("R-V2", 1209)], (*DAY[:2], (3, fd(3, 3, ffd="1.1", shift=1, t1042=u32(1))))),
        ([("R-V2", 1209)], (*DAY[:1], (11, fd(11, 2, ffd="1.1")))),
        ([], (*DAY[:1], (11, fd(11, 2, ffd="1.1", t1205=u32(1 << 21))))),
        ([], (*DAY[:1], (11, fd(11, 2, ffd="1.05", t1101=b"\1")))),
        ([("R-X8", 1055)], (registration(t1062=b"\2"), opening(), receipt(3, 1))),
        ([], (registration(t1062=b"\3"), opening(), receipt(3, 1))),
        (
            [("R-P11", 1098)],
            (registration(t1002=b"\1"), opening(), (5, fd(5, 3, shift=1, t1111=u32(2), t1118=u32(0), t1098=u32(0)))),
        ),
    ],
)
def test_the_last_document_of_a_story(told: list[tuple[str, int]], steps: tuple[tuple[int, Records], ...]) -> None:
    assert story(*steps)[-1] == told


def with_kind(kind: int, *, ffd: str = "1.05") -> tuple[int, Records]:
    code, records = receipt(3, 1, ffd=ffd)
    put(item_of(records), 1212, bytes((kind,)))
    return code, records


@pytest.mark.parametrize(("flag", "kinds"), [(1207, (2,)), (1193, (5, 6)), (1126, (7, 8))])
@pytest.mark.parametrize("registered", [0, 1])
def test_kinds_of_goods_are_registered_by_flags(flag: int, kinds: tuple[int, ...], registered: int) -> None:
    for kind in kinds:
        code, records = registration(ffd="1.05", t1207=b"\1", t1193=b"\1", t1126=b"\1")
        put(records, flag, bytes((registered,)))
        steps = ((code, records), opening(ffd="1.05"), with_kind(kind))
        assert story(*steps)[-1] == ([] if registered else [("R-X5", 1059)])


@pytest.mark.parametrize(("bit", "kinds"), [(6, (2, 30, 31)), (10, (5, 6)), (11, (7, 8))])
@pytest.mark.parametrize("registered", [0, 1])
def test_kinds_of_goods_are_registered_by_bits(bit: int, kinds: tuple[int, ...], registered: int) -> None:
    for kind in kinds:
        usage = u32((1 << 6 | 1 << 10 | 1 << 11) & ~((1 - registered) << bit))
        steps = (registration(t1290=usage), opening(), with_kind(kind, ffd="1.2"))
        assert story(*steps)[-1] == ([] if registered else [("R-X5", 1059)])


def test_agents_are_registered() -> None:
    register = registration(ffd="1.05", t1057=b"\4")
    root = receipt(3, 1, ffd="1.05", t1057=b"\6")
    assert story(register, opening(ffd="1.05"), root)[-1] == [("R-X2", 1057)]
    for bits, told in ((b"\1", [("R-X2", 1059)]), (b"\4", [])):
        code, records = receipt(3, 1, ffd="1.05")
        put(item_of(records), 1222, bits)
        records.append((1059, list(item_of(records))))
        records.append((1059, drop(list(item_of(records)), 1212, 1222)))
        assert story(register, opening(ffd="1.05"), (code, records))[-1] == told


def test_an_empty_story_of_kinds() -> None:
    """Nothing was registered: nothing is compared."""
    assert story(receipt(7, 1), with_kind(2))[0] == []


def test_checks_that_are_off_say_nothing() -> None:
    (late,) = made(receipt(1))
    assert check_sequence(late, None, policy=CheckPolicy(mode="off")) == ()
    assert check_sequence(late, None, policy=CheckPolicy(severities={"R-V6": "off"})) == ()
    (raised,) = check_sequence(late, None, policy=CheckPolicy(severities={"R-V6": "error"}))
    assert (raised.path, raised.severity.value) == ("receipt.fiscalDocumentNumber", "error")


def test_a_document_without_a_number_is_not_compared() -> None:
    (nameless,) = made((3, drop(minimal(3, "1.2"), 1040)))
    assert check_sequence(nameless, SequenceFacts(last_fd=7)) == ()
    facts = SequenceFacts(last_fd=7)
    assert advance(facts, nameless) is facts
    assert advance(None, nameless).last_fd == 0


def test_an_older_document_that_arrives_late_changes_nothing() -> None:
    first, late = made(receipt(9), receipt(5))
    facts = advance(None, first)
    assert advance(facts, late) is facts


def test_documents_with_holes_are_compared_as_far_as_they_go() -> None:
    steps = (
        registration(),
        (2, drop(fd(2, 2), 1038, 1012)),
        (3, drop(fd(3, 3), 1038, 1042, 1012, 1020, 1054, 1059)),
        (5, drop(fd(5, 4), 1111, 1118, 1157, 1194, 1038)),
        (11, drop(fd(11, 5), 1002, 1290)),
    )
    assert story(*steps) == [[]] * 5


def test_groups_of_counters_with_holes() -> None:
    from ofd_gateway.ffd.checks.facts import group_totals

    block = put(minimal(5, "1.2"), 1157, [(1129, [(1135, u32(1))])])
    fields = document(5, block).root.by_tag
    assert group_totals(fields, 1157) == ()
    empty = put(minimal(5, "1.2"), 1157, [(1129, [(1135, u32(0))]), (1130, [(1135, b"")])])
    assert group_totals(document(5, empty).root.by_tag, 1157) == ()
    put(child(empty, 1157), 1130, [(1135, u32(2)), (1201, vln(5))])
    assert group_totals(document(5, empty).root.by_tag, 1157) == (0, 0, 2, 5, 0, 0, 0, 0)
