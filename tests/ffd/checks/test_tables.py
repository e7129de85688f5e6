"""Every row of the tables is a rule: what is demanded is missed, closed sets are closed, fixed lengths are fixed."""

from __future__ import annotations

import msgspec
import pytest

from ofd_gateway.ffd import enumerations as enumeration_table
from ofd_gateway.ffd import presence as presence_table
from ofd_gateway.ffd.checks.plan import ITEM, Plan, root_plan
from ofd_gateway.ffd.enumerations import describe, enumeration
from ofd_gateway.ffd.evidence import TableError
from ofd_gateway.ffd.presence import EDITIONS, Era, Requirement, editions, era_at, places, rows
from ofd_gateway.ffd.tlv import STRUCTURE_TAGS
from tests.ffd.checks.making import (
    BEFORE_ORDERS,
    CODES,
    FIRST_ORDER,
    SALES,
    SECOND_ORDER,
    Records,
    child,
    document,
    drop,
    errors,
    item_of,
    judge,
    minimal,
)

FFDS = ("1.0", "1.05", "1.1", "1.2")
ERAS = (BEFORE_ORDERS, FIRST_ORDER, SECOND_ORDER)


def plan_of(ffd: str, code: int, issued_at: int) -> Plan:
    plan = root_plan(ffd, code, issued_at)
    assert plan is not None
    return plan


def spots(records: Records, plan: Plan) -> list[tuple[tuple[int, ...], Plan]]:
    """The ways to every structure of a document, with its plan."""
    found: list[tuple[tuple[int, ...], Plan]] = [((), plan)]
    for tag, value in records:
        if isinstance(value, list):
            found += [((tag, *way), below) for way, below in spots(value, plan.child(tag))]
    return found


def reach(records: Records, way: tuple[int, ...]) -> Records:
    for tag in way:
        records = child(records, tag)
    return records


@pytest.mark.parametrize("issued_at", ERAS)
@pytest.mark.parametrize("ffd", FFDS)
@pytest.mark.parametrize("code", CODES)
def test_every_demanded_tag_is_missed(code: int, ffd: str, issued_at: int) -> None:
    plan = plan_of(ffd, code, issued_at)
    checked = 0
    for way, below in spots(minimal(code, ffd, issued_at=issued_at), plan):
        for tag in below.demanded:
            if tag == 1012 or (tag == 1209 and not way):
                continue
            records = minimal(code, ffd, issued_at=issued_at)
            drop(reach(records, way), tag)
            found = [one for one in errors(judge(code, records, ffd=ffd)) if one[0] == "R-P1"]
            assert len(found) == 1, (way, tag)
            checked += 1
    assert checked > 3


@pytest.mark.parametrize("ffd", ["1.05", "1.1", "1.2"])
@pytest.mark.parametrize("code", [code for code in CODES if code != 7])
def test_the_version_itself_is_demanded_where_the_session_names_it(code: int, ffd: str) -> None:
    records = drop(minimal(code, ffd), 1209)
    assert errors(judge(code, records, ffd=ffd))[0][2].endswith(".fiscalDocumentFormatVer")


@pytest.mark.parametrize("ffd", FFDS)
@pytest.mark.parametrize("code", CODES)
def test_every_single_tag_may_not_repeat(code: int, ffd: str) -> None:
    plan = plan_of(ffd, code, SECOND_ORDER)
    for way, below in spots(minimal(code, ffd), plan):
        for tag, rule in below.rules.items():
            records = minimal(code, ffd)
            here = reach(records, way)
            present = [record for record in here if record[0] == tag]
            if not present or rule.repeatable:
                continue
            here.append(present[0])
            assert [one[0] for one in errors(judge(code, records, ffd=ffd))] == ["R-P3"], (way, tag)


@pytest.mark.parametrize("ffd", FFDS)
@pytest.mark.parametrize("code", CODES)
def test_every_value_of_the_least_documents_is_held_to_length_and_set(code: int, ffd: str) -> None:
    plan = plan_of(ffd, code, SECOND_ORDER)
    for way, below in spots(minimal(code, ffd), plan):
        for tag, rule in below.rules.items():
            if tag in STRUCTURE_TAGS or tag in (1012, 1209) or tag not in dict(reach(minimal(code, ffd), way)):
                continue
            severity = "warning" if rule.lowered else "error"
            if rule.lengths is not None:
                records = minimal(code, ffd)
                here = reach(records, way)
                here[:] = [(at, b"\0" * (max(rule.lengths) + 1) if at == tag else value) for at, value in here]
                assert ("R-T2", severity) in [one[:2] for one in judge(code, records, ffd=ffd)], (way, tag)
            if rule.allowed is not None or rule.mask is not None:
                records = minimal(code, ffd)
                here = reach(records, way)
                width = max(rule.lengths or {1})
                here[:] = [(at, b"\xee" * width if at == tag else value) for at, value in here]
                assert ("R-X1", severity) in [one[:2] for one in judge(code, records, ffd=ffd)], (way, tag)


@pytest.mark.parametrize("ffd", FFDS)
@pytest.mark.parametrize("code", SALES)
def test_every_closed_set_of_a_receipt_takes_its_values_and_no_other(code: int, ffd: str) -> None:
    plan = plan_of(ffd, code, SECOND_ORDER)
    for inside in (False, True):
        below = plan.child(ITEM) if inside else plan
        if inside and not plan.demands_items:
            continue
        for tag, rule in below.rules.items():
            found = enumeration(tag)
            if found is None or not found.closed or found.bits or tag in (1209, 1173):
                continue
            for value in (*range(36), 255):
                records = minimal(code, ffd)
                here = item_of(records) if inside else records
                drop(here, tag).append((tag, bytes((value,))))
                told = "R-X1" in [one[0] for one in judge(code, records, ffd=ffd)] or (tag == 1125 and value == 0)
                if isinstance(next(iter(found.members)).value, int):
                    assert told == (value not in found.values(ffd)), (tag, value)
                assert rule.admits(bytes((value,))) == (value in found.values(ffd))


# the tables themselves


def test_eras_and_their_editions() -> None:
    assert [era_at(moment) for moment in (None, *ERAS)] == [
        Era.UNDATED,
        Era.BEFORE_ORDERS,
        Era.FIRST_ORDER,
        Era.SECOND_ORDER,
    ]
    assert editions("1.05", Era.UNDATED) == (2017, 2021)
    assert editions("1.2", Era.FIRST_ORDER) == (2021,)
    for era in Era:
        for ffd in FFDS:
            for year in editions(ffd, era):
                assert any(edition.ffd == ffd and edition.year == year for edition in EDITIONS)


def test_a_row_answers_for_each_edition() -> None:
    (row,) = [row for row in rows() if row.tag == 1009 and row.documents == (3, 4)]
    said = {(edition.ffd, edition.year): row.in_edition(edition) for edition in EDITIONS}
    assert said["1.2", 2021] is Requirement.MANDATORY
    assert said["1.05", 2017] is Requirement.OPTIONAL
    assert said["1.2", 2025] is None
    assert places(3, None, "1.2")[1009].demanded((2021,))


def test_an_unknown_place_holds_nothing() -> None:
    assert places(99, None, "1.2") == {}
    assert places(3, 1041, "1.2") == {}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"documents": (2,)}, "does not let it stand"),
        ({"requirement": "MM"}, "one sign for each edition"),
        ({"sources": "O99"}, "unknown source"),
        ({"confidence": "x"}, "unknown source or confidence"),
    ],
)
def test_a_row_that_contradicts_the_dictionary_is_refused(change: dict[str, object], complaint: str) -> None:
    row = msgspec.structs.replace(rows()[0], **change)
    with pytest.raises(TableError, match=complaint):
        presence_table._verify(row)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((1041, "enum", "enum", "O17", "h"), "knows no set"),
        ((1054, "enum", "bit", "O17", "h"), "beside"),
        ((1054, "list", "list", "O17", "h"), "beside"),
        ((1054, "enum", "enum", "O99", "h"), "unknown source"),
        ((1054, "enum", "enum", "O17", "?"), "unknown source"),
    ],
)
def test_a_set_that_contradicts_the_dictionary_is_refused(
    arguments: tuple[int, str, str, str, str], complaint: str
) -> None:
    with pytest.raises(TableError, match=complaint):
        enumeration_table._verify(*arguments)


def test_values_in_words() -> None:
    assert describe(1055, 3) == "ОСН, УСН доход"
    assert describe(1055, 4, language="en") == "simplified_income_minus_expense"
    assert describe(1199, 2) == "НДС 10%"
    assert describe(1199, 99) == ""
    assert describe(1041, 1) == ""
    assert describe(1245, "21") == "паспорт РФ"


def test_sets_by_version() -> None:
    rates, uses = enumeration(1199), enumeration(1290)
    assert rates is not None
    assert uses is not None
    assert rates.values("1.0") == {1, 2, 3, 4, 5, 6}
    assert rates.values("1.2") == set(range(1, 13))
    assert rates.mask("1.2") == 0
    assert uses.values("1.2") == frozenset()
    assert uses.mask("1.1") == 0
    assert uses.mask("1.2") & 1 << 6
    reasons = enumeration(1101)
    assert reasons is not None
    assert reasons.values("1.2") == frozenset()


def test_plans_are_made_once() -> None:
    first = root_plan("1.2", 3, SECOND_ORDER)
    assert first is root_plan("1.2", 3, SECOND_ORDER + 1)
    assert first is not None
    assert first.child(ITEM) is first.child(ITEM)
    assert root_plan("1.2", 99, None) is None
    assert document(3, minimal(3, "1.2")).ffd == "1.2"
