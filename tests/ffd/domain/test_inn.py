"""INN of companies and people."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofd_gateway.ffd.domain import InnKind, inn_kind, is_valid_inn, trim_inn


@pytest.mark.parametrize("text", ["7802781104", "7704211201", "7734675810", "5029069967", "7825706086", "7707083893"])
def test_companies(text: str) -> None:
    assert inn_kind(text) is InnKind.COMPANY
    assert is_valid_inn(text)


@pytest.mark.parametrize("text", ["500100732259", "366512608416"])
def test_people(text: str) -> None:
    assert inn_kind(text) is InnKind.PERSON
    assert is_valid_inn(text)


def test_zeros_stand_for_none() -> None:
    assert inn_kind("000000000000") is InnKind.NONE
    assert not is_valid_inn("000000000000")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0000000000",
        "7802781105",
        "500100732258",
        "500100732269",
        "78027811",
        "78027811040",
        "780278110a",
        "٧٨٠٢٧٨١١٠٤",
    ],
)
def test_what_is_no_inn(text: str) -> None:
    assert inn_kind(text) is None
    assert not is_valid_inn(text)


@given(st.integers(1, 10**9 - 1), st.integers(1, 9))
def test_one_wrong_digit_is_noticed_in_nine_cases_of_ten(number: int, shift: int) -> None:
    body = str(number).rjust(9, "0")
    valid = [body + str(digit) for digit in range(10) if is_valid_inn(body + str(digit))]
    assert len(valid) == 1
    changed = valid[0][:-1] + str((int(valid[0][-1]) + shift) % 10)
    assert not is_valid_inn(changed)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7802781104  ", "7802781104"),
        ("007802781104", "7802781104"),
        ("500100732259", "500100732259"),
        ("000000000000", "000000000000"),
        ("", ""),
    ],
)
def test_padding_is_taken_off(text: str, expected: str) -> None:
    assert trim_inn(text) == expected
