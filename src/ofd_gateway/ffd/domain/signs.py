"""The fiscal sign as it is printed (ФПД, ФП): the last four bytes of 1077 as ten decimal digits."""

from __future__ import annotations

from typing import Final

from ofd_gateway.ffd.document import printed_fiscal_sign

__all__ = ["format_fiscal_sign", "parse_fiscal_sign"]

_SIGN_BYTES: Final = 6
_PRINTED_DIGITS: Final = 10
_U32_MAX: Final = 0xFFFFFFFF


def format_fiscal_sign(raw: bytes) -> str:
    """Ten digits with leading zeros: bytes 2 to 5 of 1077, big-endian. Raises ValueError unless there are 6 bytes."""
    if len(raw) != _SIGN_BYTES:
        raise ValueError(f"a fiscal sign has {_SIGN_BYTES} bytes, not {len(raw)}")
    return str(printed_fiscal_sign(raw)).rjust(_PRINTED_DIGITS, "0")


def parse_fiscal_sign(text: str) -> int:
    """The number of a printed sign. Raises ValueError unless it is one to ten digits and fits 32 bits."""
    if not (text.isascii() and text.isdigit() and len(text) <= _PRINTED_DIGITS) or int(text) > _U32_MAX:
        raise ValueError(f"{text!r} is no fiscal sign of at most ten digits")
    return int(text)
