"""Values of single tags: raw bytes to numbers and text, and back."""

from __future__ import annotations

import enum
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from ofd_gateway.ffd.errors import UnfitValueError

if TYPE_CHECKING:
    from ofd_gateway.ffd.dictionary import TagSpec

__all__ = [
    "ENCODING",
    "TagKind",
    "Value",
    "as_local_datetime",
    "as_unix_seconds",
    "decode_fvln",
    "decode_text",
    "decode_uint",
    "decode_value",
    "encode_fvln",
    "encode_value",
    "encode_vln",
    "fits",
    "plain_decimal",
    "widths_of",
]

ENCODING: Final = "cp866"

Value = int | str | Decimal | bytes
"""What a leaf means: a number, text, a quantity or raw bytes."""


class TagKind(enum.Enum):
    """How the bytes of a value are read (тип реквизита)."""

    STRING = "string"
    """Text in CP866."""
    BYTES = "bytes"
    """Raw bytes."""
    BYTE = "byte"
    """u8."""
    BITS8 = "bits8"
    """Set of bits in one byte."""
    U16 = "u16"
    """u16 little-endian."""
    U32 = "u32"
    """u32 little-endian."""
    BITS32 = "bits32"
    """Set of bits in four bytes, little-endian."""
    UNIXTIME = "unixtime"
    """u32 little-endian, seconds since 1970 of the wall clock."""
    VLN = "vln"
    """Little-endian integer of as many bytes as it needs."""
    FVLN = "fvln"
    """First byte: number of decimal places; the rest a little-endian integer."""
    STLV = "stlv"
    """Structure: nested TLV records."""


_WIDTHS: Final = {
    TagKind.BYTE: 1,
    TagKind.BITS8: 1,
    TagKind.U16: 2,
    TagKind.U32: 4,
    TagKind.BITS32: 4,
    TagKind.UNIXTIME: 4,
}
_WIDTHS_BY_TAG: Final = {1213: (2, 4)}
"""Registers send 1213 in two bytes as the orders say or in four; both are read."""

_VLN_BYTES: Final = 8
_MAX_DECIMALS: Final = 255
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - a register's wall clock has no zone
_U32_MAX: Final = 0xFFFFFFFF


def fits(spec: TagSpec, raw: bytes) -> bool:
    """Whether `raw` has a length from which a value of this kind can be read; the limits of the orders are stricter."""
    if spec.widths:
        return not raw or len(raw) in spec.widths
    kind = spec.kind
    if kind is TagKind.STRING or kind is TagKind.BYTES:
        return True
    return kind is not TagKind.STLV and len(raw) <= max(_VLN_BYTES, spec.length or 0)


def widths_of(tag: int, kind: TagKind) -> tuple[int, ...]:
    """Lengths an integer of this kind may have on the wire; empty for kinds of any length."""
    return _WIDTHS_BY_TAG.get(tag) or ((_WIDTHS[kind],) if kind in _WIDTHS else ())


def decode_value(spec: TagSpec, raw: bytes) -> Value | None:
    """What `raw` means as a value of `spec`, None when its length does not fit the kind.

    Strings keep their padding. An empty number is 0, an empty string "". Times stay the u32 of the wire, see
    `as_local_datetime`.
    """
    if not fits(spec, raw):
        return None
    kind = spec.kind
    if spec.widths or kind is TagKind.VLN:
        return int.from_bytes(raw, "little")
    if kind is TagKind.STRING:
        return decode_text(raw)
    if kind is TagKind.FVLN:
        return decode_fvln(raw)
    return raw


def decode_text(raw: bytes) -> str:
    """Text in code page 866, padding included; every byte is a character of it.

    Numbers and codes are ASCII, which the interpreter decodes in a tenth of the time.
    """
    return raw.decode("ascii") if raw.isascii() else raw.decode(ENCODING)


def decode_uint(raw: bytes) -> int:
    """A little-endian integer of any length; empty is 0."""
    return int.from_bytes(raw, "little")


def decode_fvln(raw: bytes) -> Decimal:
    """A quantity: `03 e8 03` is 1.000; empty is 0."""
    if not raw:
        return Decimal(0)
    return Decimal((0, tuple(map(int, str(decode_uint(raw[1:])))), -raw[0]))


def encode_vln(number: int) -> bytes:
    """The shortest little-endian form, one zero byte for 0. Raises OverflowError for a negative number."""
    return number.to_bytes(max(1, (number.bit_length() + 7) // 8), "little")


def encode_fvln(quantity: Decimal | int) -> bytes:
    """The shortest form that is exactly `quantity`: 1 is `00 01`, 0.876 is `03 6c 03`.

    Raises ValueError for a negative, infinite or too finely divided number.
    """
    text = plain_decimal(Decimal(quantity))
    whole, _, fraction = text.partition(".")
    if len(fraction) > _MAX_DECIMALS:
        raise ValueError(f"{len(fraction)} decimal places do not fit one byte")
    return bytes((len(fraction),)) + encode_vln(int(whole + fraction))


def plain_decimal(number: Decimal) -> str:
    """Digits without exponent, sign or trailing zeros. Raises ValueError when it is negative or not finite."""
    if not number.is_finite() or number < 0:
        raise ValueError(f"{number} is not a quantity")
    text = format(number, "f")
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"


def encode_value(spec: TagSpec, value: object, *, path: str | None = None) -> bytes:
    """The canonical bytes of `value`: shortest number, text in CP866, fixed strings filled with spaces on the right.

    Times may be given as u32 or as a naive datetime. Raises UnfitValueError, which names `path` or the tag's own
    name, when the value is of the wrong type or does not fit. Limits of the orders are a matter for the checks.
    """
    try:
        return _encode(spec, value)
    except (ValueError, OverflowError) as error:
        raise UnfitValueError(path=path or spec.name, tag=spec.tag, detail=_reason(error)) from error


def as_local_datetime(seconds: int) -> datetime:
    """The wall-clock time a u32 stands for, without a zone (in document 7 it is UTC)."""
    return _EPOCH + timedelta(seconds=seconds)


def as_unix_seconds(at_local: datetime) -> int:
    """The u32 of a naive wall-clock time; fractions of a second are dropped.

    Raises ValueError for an aware time or one the wire cannot carry.
    """
    if at_local.tzinfo is not None:
        raise ValueError("a register's clock has no zone: the time must be naive")
    seconds = (at_local - _EPOCH) // timedelta(seconds=1)
    if not 0 <= seconds <= _U32_MAX:
        raise ValueError(f"{at_local.isoformat()} is outside 1970 to 2106")
    return seconds


def _encode(spec: TagSpec, value: object) -> bytes:
    kind = spec.kind
    if isinstance(value, datetime):
        value = as_unix_seconds(value)
    if isinstance(value, bool):
        raise ValueError("a flag is written 0 or 1")  # noqa: TRY004 - one kind of error for every unfit value
    if kind is TagKind.VLN and isinstance(value, int):
        return _bounded(spec, encode_vln(value))
    if kind in _WIDTHS and isinstance(value, int):
        return value.to_bytes(_WIDTHS[kind], "little")
    if kind is TagKind.STRING and isinstance(value, str):
        raw = value.encode(ENCODING)
        return raw.ljust(spec.length) if spec.fixed and spec.length else raw
    if kind is TagKind.FVLN and isinstance(value, int | Decimal):
        return _bounded(spec, encode_fvln(value))
    if kind is TagKind.BYTES and isinstance(value, bytes):
        return value
    raise ValueError(f"a {kind.value} is not made of {type(value).__name__}")


def _bounded(spec: TagSpec, raw: bytes) -> bytes:
    if not fits(spec, raw):
        raise ValueError(f"{len(raw)} bytes are more than a {spec.kind.value} can be read from")
    return raw


def _reason(error: ValueError | OverflowError) -> str:
    if isinstance(error, UnicodeEncodeError):
        return f"{error.object[error.start : error.end]!r} has no place in CP866"
    return str(error)
