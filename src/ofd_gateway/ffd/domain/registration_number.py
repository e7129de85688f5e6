"""Registration number of a register (регистрационный номер ККТ, РНМ, 1037): ten digits and six control digits."""

from __future__ import annotations

from typing import Final

from ofd_gateway.protocol import crc16

__all__ = ["is_valid_registration_number", "registration_check_digits", "registration_number_for"]

_SEQUENCE_DIGITS: Final = 10
_CHECK_DIGITS: Final = 6
_INN_DIGITS: Final = 12
_SERIAL_CHARACTERS: Final = 20


def registration_check_digits(sequence: str, inn: str, serial: str) -> str:
    """The last six digits: CRC-16/CCITT-FALSE as a decimal with leading zeros, over 42 ASCII characters.

    ::

        ┌───────────────┬───────────────────────┬──────────────────────────────┐
        │ sequence, 10  │ INN, 12, zeros before │ serial (1013), 20, zeros before │
        └───────────────┴───────────────────────┴──────────────────────────────┘

    Raises ValueError when a part is too long, or not ASCII. Source: order ММВ-7-20/229@, checked on two real documents.
    """
    parts = ((sequence, _SEQUENCE_DIGITS), (inn, _INN_DIGITS), (serial, _SERIAL_CHARACTERS))
    for text, width in parts:
        if len(text) > width or not text.isascii():
            raise ValueError(f"{text!r} does not fit {width} ASCII characters")
    padded = "".join(text.rjust(width, "0") for text, width in parts)
    return str(crc16(padded.encode("ascii"))).rjust(_CHECK_DIGITS, "0")


def registration_number_for(sequence: int, *, inn: str, serial: str) -> str:
    """A whole registration number of sixteen digits. Raises ValueError as `registration_check_digits` does."""
    text = str(sequence).rjust(_SEQUENCE_DIGITS, "0")
    return text + registration_check_digits(text, inn, serial)


def is_valid_registration_number(number: str, *, inn: str, serial: str) -> bool:
    """Whether the control digits of a registration number fit the INN and the serial number of its register.

    Padding of all three is ignored. A part that is too long or not ASCII makes it wrong, never an exception.
    """
    digits = number.rstrip(" ")
    if len(digits) != _SEQUENCE_DIGITS + _CHECK_DIGITS or not (digits.isascii() and digits.isdigit()):
        return False
    sequence, check = digits[:_SEQUENCE_DIGITS], digits[_SEQUENCE_DIGITS:]
    try:
        return registration_check_digits(sequence, inn.rstrip(" "), serial.rstrip(" ")) == check
    except ValueError:
        return False
