"""What single values must look like inside (содержание реквизитов): INN, numbers of FN and register, dates."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Final

import msgspec

from ofd_gateway.ffd.domain.inn import is_valid_inn
from ofd_gateway.ffd.values import decode_text

__all__ = ["ContentRule", "content_rule"]

_CACHED: Final = 4096
_NO_INN: Final = b"000000000000"
_SECONDS_OF_DAY: Final = 86_400
_REGISTRATION_DIGITS: Final = 16
_REGISTRATION_PADDING: Final = b"    "


class ContentRule(msgspec.Struct, frozen=True):
    """A test of the bytes of one tag, the rule that it stands for, and what it expects."""

    rule: str
    accepts: Callable[[bytes], bool]
    expected: str


def content_rule(tag: int) -> ContentRule | None:
    """The test for a tag, None when its content is free. The length has been judged before."""
    return _RULES.get(tag)


@functools.lru_cache(maxsize=_CACHED)
def _is_inn(raw: bytes) -> bool:
    """Right control digits; a number of ten digits padded with «00» on the left is what some registers send."""
    text = decode_text(raw).rstrip(" ")
    return is_valid_inn(text) or (len(text) == len(_NO_INN) and text.startswith("00") and is_valid_inn(text[2:]))


@functools.lru_cache(maxsize=_CACHED)
def _is_inn_or_none(raw: bytes) -> bool:
    return raw == _NO_INN or _is_inn(raw)


@functools.lru_cache(maxsize=_CACHED)
def _is_fn_number(raw: bytes) -> bool:
    digits = raw.rstrip(b" ")
    return digits.isdigit() and len(digits) >= len(raw) - 1


@functools.lru_cache(maxsize=_CACHED)
def _is_registration_number(raw: bytes) -> bool:
    return raw[:_REGISTRATION_DIGITS].isdigit() and raw[_REGISTRATION_DIGITS:] == _REGISTRATION_PADDING


def _is_midnight(raw: bytes) -> bool:
    return int.from_bytes(raw, "little") % _SECONDS_OF_DAY == 0


_INN: Final = ContentRule("R-X6", _is_inn, "INN of 10 or 12 digits with right control digits")
_INN_OR_NONE: Final = ContentRule("R-X6", _is_inn_or_none, "INN with right control digits, or 000000000000")
_MIDNIGHT: Final = ContentRule("R-T5", _is_midnight, "time of day 00:00:00")

_RULES: Final = {
    1016: _INN,
    1017: _INN_OR_NONE,
    1018: _INN,
    1203: _INN,
    1226: _INN_OR_NONE,
    1228: _INN_OR_NONE,
    1037: ContentRule("R-X7", _is_registration_number, "16 digits and 4 spaces"),
    1041: ContentRule("R-T3", _is_fn_number, "16 digits"),
    1098: _MIDNIGHT,
    1178: _MIDNIGHT,
}
