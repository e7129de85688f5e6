"""Registration number against INN and serial number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofd_gateway.ffd.domain import is_valid_registration_number, registration_check_digits, registration_number_for


@pytest.mark.parametrize(
    ("number", "inn", "serial"),
    [
        ("0000000000024136", "7802781104", "0128003270"),
        ("0000000005008570", "7702203276", "000000000002"),
        ("0000000000024136    ", "7802781104  ", "0128003270"),
    ],
)
def test_real_numbers(number: str, inn: str, serial: str) -> None:
    assert is_valid_registration_number(number, inn=inn, serial=serial)


@pytest.mark.parametrize(
    ("number", "inn", "serial"),
    [
        ("0000000000024137", "7802781104", "0128003270"),
        ("0000000000024136", "7802781105", "0128003270"),
        ("0000000000024136", "7802781104", "0128003271"),
        ("000000000024136", "7802781104", "0128003270"),
        ("00000000000241AB", "7802781104", "0128003270"),
        ("0000000000024136", "7802781104", "0" * 21),
        ("0000000000024136", "7802781104", "№ 1"),
        ("", "", ""),
    ],
)
def test_wrong_numbers_are_told_without_an_exception(number: str, inn: str, serial: str) -> None:
    assert not is_valid_registration_number(number, inn=inn, serial=serial)


@given(
    st.integers(0, 10**10 - 1),
    st.from_regex(r"\A[0-9]{10}([0-9]{2})?\Z"),
    st.text("0123456789ABC", min_size=1, max_size=20),
)
def test_a_made_number_is_right(sequence: int, inn: str, serial: str) -> None:
    number = registration_number_for(sequence, inn=inn, serial=serial)
    assert len(number) == 16
    assert is_valid_registration_number(number, inn=inn, serial=serial)


def test_too_long_parts_are_refused() -> None:
    with pytest.raises(ValueError, match="does not fit 10"):
        registration_number_for(10**10, inn="7802781104", serial="1")
    assert registration_check_digits("0000000000", "7802781104", "0128003270") == "024136"
