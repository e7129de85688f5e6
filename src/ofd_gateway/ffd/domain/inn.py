"""INN (ИНН): the taxpayer's number, ten digits for companies and twelve for people."""

from __future__ import annotations

import enum
from typing import Final

__all__ = ["NO_INN", "InnKind", "inn_kind", "is_valid_inn", "trim_inn"]

NO_INN: Final = "000000000000"
"""Stands for "has no Russian INN" in 1226 and 1228, and for "no operator" in 1017."""

_WEIGHTS: Final = (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)
_COMPANY_DIGITS: Final = 10
_PERSON_DIGITS: Final = 12


class InnKind(enum.Enum):
    """Whose number it is."""

    COMPANY = "company"
    """Ten digits, the last one a control digit."""
    PERSON = "person"
    """Twelve digits, the last two control digits."""
    NONE = "none"
    """000000000000."""


def is_valid_inn(text: str) -> bool:
    """Whether `text` is ten or twelve digits with right control digits. Zeros alone are no INN.

    Each control digit is the weighted sum of the digits before it, modulo 11, modulo 10; the weights end with
    4, 6, 8. Source: the published algorithm, checked on real documents.
    """
    return inn_kind(text) in (InnKind.COMPANY, InnKind.PERSON)


def inn_kind(text: str) -> InnKind | None:
    """Whose number `text` is, None when it is not an INN or its control digits are wrong."""
    if text == NO_INN:
        return InnKind.NONE
    if not (text.isascii() and text.isdigit()) or not text.strip("0"):
        return None
    digits = list(map(int, text))
    if len(digits) == _COMPANY_DIGITS:
        return InnKind.COMPANY if _control(digits[:9]) == digits[9] else None
    if len(digits) == _PERSON_DIGITS:
        right = _control(digits[:10]) == digits[10] and _control(digits[:11]) == digits[11]
        return InnKind.PERSON if right else None
    return None


def trim_inn(text: str) -> str:
    """An INN as it stands in a fiscal document, without padding: spaces on the right, or «00» before ten digits."""
    trimmed = text.rstrip(" ")
    if len(trimmed) == _PERSON_DIGITS and trimmed.startswith("00") and trimmed != NO_INN:
        return trimmed[2:]
    return trimmed


def _control(digits: list[int]) -> int:
    weights = _WEIGHTS[len(_WEIGHTS) - len(digits) :]
    return sum(weight * digit for weight, digit in zip(weights, digits, strict=True)) % 11 % 10
