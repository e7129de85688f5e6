"""Which answers a fault meets."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofd_gateway.faults import Subject, fires, is_spent, matches, parse_fault
from ofd_gateway.faults.matching import chance

SUBJECT = Subject(
    fn="9999078900000001", fd=15, kind="receipt", rnm="0000000000024136    ", version=b"\x01\x20", repeated=False
)


@pytest.mark.parametrize(
    ("conditions", "matched"),
    [
        ({}, True),
        ({"fn": "9999078900000001"}, True),
        ({"fn": "9999078900000002"}, False),
        ({"fn": "9999*"}, True),
        ({"fn": "*"}, True),
        ({"fn": "8710*"}, False),
        ({"rnm": "0000000000024136"}, True),
        ({"rnm": "24136"}, False),
        ({"kind": "receipt"}, True),
        ({"kind": "closeShift"}, False),
        ({"fd": "15"}, True),
        ({"fd": "16"}, False),
        ({"fd": "15-"}, True),
        ({"fd": "16-"}, False),
        ({"fd": "-15"}, True),
        ({"fd": "-14"}, False),
        ({"fd": "10-20"}, True),
        ({"version": "1.2"}, True),
        ({"version": "0120"}, True),
        ({"version": "1.1"}, False),
        ({"version": "0102"}, False),
        ({"attempt": "any"}, True),
        ({"attempt": "first"}, True),
        ({"attempt": "repeat"}, False),
        ({"fn": "9999*", "kind": "receipt", "fd": "99"}, False),
    ],
)
def test_conditions(conditions: dict[str, Any], matched: bool) -> None:
    assert matches(parse_fault({"what": "reset", **conditions}), SUBJECT) is matched


def test_a_document_without_a_registration_number_is_no_register_s() -> None:
    nameless = Subject(fn=SUBJECT.fn, fd=1, kind="bso", rnm=None, version=b"\xff\xff", repeated=True)
    assert not matches(parse_fault({"what": "reset", "rnm": "1"}), nameless)
    assert not matches(parse_fault({"what": "reset", "version": "1.2"}), nameless)
    assert matches(parse_fault({"what": "reset", "version": "ffff", "attempt": "repeat"}), nameless)


def applied(conditions: dict[str, Any], count: int) -> list[int]:
    fault = parse_fault({"what": "reset", **conditions})
    hits: list[int] = []
    for seen in range(1, count + 1):
        if fires(fault, seen=seen, hits=len(hits)):
            hits.append(seen)
    return hits


@pytest.mark.parametrize(
    ("conditions", "hits"),
    [
        ({}, [1, 2, 3, 4, 5, 6]),
        ({"times": 2}, [1, 2]),
        ({"first": 3}, [1, 2, 3]),
        ({"every": 2}, [2, 4, 6]),
        ({"every": 2, "times": 1}, [2]),
        ({"every": 2, "first": 5}, [2, 4]),
        ({"probability": 1}, [1, 2, 3, 4, 5, 6]),
    ],
)
def test_counting(conditions: dict[str, Any], hits: list[int]) -> None:
    assert applied(conditions, 6) == hits


def test_a_share_is_about_as_large_as_it_says() -> None:
    assert 250 < len(applied({"probability": 0.3, "seed": 7}, 1000)) < 350
    assert applied({"probability": 0.3, "seed": 7}, 100) != applied({"probability": 0.3, "seed": 8}, 100)


@given(st.integers(0, 2**53), st.integers(1, 2**53))
def test_chance_is_a_share(seed: int, number: int) -> None:
    assert 0 <= chance(seed, number) < 1
    assert chance(seed, number) == chance(seed, number)


@given(st.integers(1, 20), st.integers(1, 20))
def test_what_is_spent_never_fires(times: int, first: int) -> None:
    fault = parse_fault({"what": "reset", "times": times, "first": first})
    for seen in range(first + 2):
        for hits in range(times + 2):
            if is_spent(fault, seen=seen, hits=hits):
                assert not fires(fault, seen=seen + 1, hits=hits)
