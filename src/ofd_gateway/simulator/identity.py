"""Who a virtual register is: numbers that pass their control digits, all drawn from one seed."""

from __future__ import annotations

from dataclasses import dataclass

from ofd_gateway.ffd.domain import registration_check_digits
from ofd_gateway.simulator.dice import Dice

DEBUG_FN_PREFIX = "9999"
SEEDS = 1_000_000
REGISTERS_PER_SEED = 1_000_000

_INN_WEIGHTS = (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The numbers of one register (ККТ): they stay the same for its whole life."""

    fn: str
    """FN number (номер ФН, 1041), 16 digits, prefix 9999 of debug drives."""
    registration_number: str
    """Registration number (РНМ, 1037), 16 digits, the last six are its control number."""
    serial_number: str
    """Factory number (заводской номер, 1013)."""
    user_inn: str
    """INN of the owner (ИНН пользователя, 1018): 10 digits of a company or 12 of a person."""
    cashier_inn: str
    """INN of the cashier (ИНН кассира, 1203), 12 digits."""


def identity_of(seed: int, index: int, *, owner_inn: str | None = None) -> Identity:
    """The identity of register `index` of the fleet `seed`; fleets of different seeds never share an FN.

    `owner_inn` gives registers one owner; without it each has its own.

    Raises ValueError when either number leaves its six digits.
    """
    if not 0 <= seed < SEEDS:
        raise ValueError(f"a seed is a number from 0 to {SEEDS - 1}, not {seed}")
    if not 0 <= index < REGISTERS_PER_SEED:
        raise ValueError(f"a register's index is a number from 0 to {REGISTERS_PER_SEED - 1}, not {index}")
    dice = Dice("identity", seed, index)
    user_inn = company_inn("77" + dice.digits(7)) if dice.chance(0.7) else person_inn("77" + dice.digits(8))
    user_inn = owner_inn or user_inn
    serial_number = f"{dice.digits(10)}"
    sequence = f"{seed % 10_000:04d}{index:06d}"
    return Identity(
        fn=f"{DEBUG_FN_PREFIX}{seed:06d}{index:06d}",
        registration_number=registration_number(sequence, user_inn=user_inn, serial_number=serial_number),
        serial_number=serial_number,
        user_inn=user_inn,
        cashier_inn=person_inn("77" + dice.digits(8)),
    )


def company_inn(nine_digits: str) -> str:
    """A company's INN (10 digits): the control digit is put after `nine_digits`."""
    return nine_digits + _control_digit(nine_digits)


def person_inn(ten_digits: str) -> str:
    """A person's INN (12 digits): both control digits are put after `ten_digits`."""
    eleven = ten_digits + _control_digit(ten_digits)
    return eleven + _control_digit(eleven)


def inn_is_valid(inn: str) -> bool:
    """Whether `inn` has 10 or 12 ASCII digits whose control digits are right."""
    if not (inn.isascii() and inn.isdigit()):
        return False
    if len(inn) == 10:
        return inn == company_inn(inn[:9])
    return len(inn) == 12 and inn == person_inn(inn[:10])


def registration_number(sequence: str, *, user_inn: str, serial_number: str) -> str:
    """A registration number (РНМ, 1037): ten digits and the CRC of owner and factory number as six more."""
    return sequence.rjust(10, "0") + registration_check_digits(sequence, user_inn, serial_number)


def _control_digit(digits: str) -> str:
    weights = _INN_WEIGHTS[len(_INN_WEIGHTS) - len(digits) :]
    return str(sum(weight * int(digit) for weight, digit in zip(weights, digits, strict=True)) % 11 % 10)
