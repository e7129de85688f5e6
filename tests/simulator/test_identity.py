from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofd_gateway.simulator.identity import company_inn, identity_of, inn_is_valid, person_inn, registration_number


def test_the_registration_numbers_of_two_working_registers_follow_the_rule() -> None:
    assert registration_number("0", user_inn="7802781104", serial_number="0128003270") == "0000000000024136"
    assert registration_number("0000000005", user_inn="7702203276", serial_number="000000000002") == "0000000005008570"


@pytest.mark.parametrize("inn", ["7704211201", "7802781104", "7702203276", "7734675810"])
def test_companies_of_the_field_have_right_control_digits(inn: str) -> None:
    assert company_inn(inn[:9]) == inn
    assert inn_is_valid(inn)


def test_a_person_has_two_control_digits() -> None:
    assert person_inn("5001007322") == "500100732259"
    assert inn_is_valid("500100732259")


@pytest.mark.parametrize("inn", ["7704211202", "500100732258", "77042112", "77042112o1", "", "770421120１"])
def test_what_is_no_inn_is_told(inn: str) -> None:
    assert not inn_is_valid(inn)


@given(st.integers(0, 999_999), st.integers(0, 999_999))
def test_every_identity_passes_every_control_digit(seed: int, index: int) -> None:
    identity = identity_of(seed, index)

    assert identity.fn == f"9999{seed:06d}{index:06d}"
    assert inn_is_valid(identity.user_inn)
    assert inn_is_valid(identity.cashier_inn)
    assert len(identity.cashier_inn) == 12
    assert identity.registration_number == registration_number(
        identity.registration_number[:10], user_inn=identity.user_inn, serial_number=identity.serial_number
    )
    assert len(identity.registration_number) == 16
    assert identity_of(seed, index) == identity


@pytest.mark.parametrize(("seed", "index"), [(-1, 0), (1_000_000, 0), (0, -1), (0, 1_000_000)])
def test_numbers_that_do_not_fit_are_refused(seed: int, index: int) -> None:
    with pytest.raises(ValueError, match="from 0 to 999999"):
        identity_of(seed, index)
