"""Writing of TLV fields (реквизит) for the virtual fiscal drive: small, and only in the writing direction."""

from __future__ import annotations

from datetime import UTC, datetime
from struct import Struct

_HEAD = Struct("<HH")
_U8 = Struct("<HHB")
_U16 = Struct("<HHH")
_U32 = Struct("<HHI")

INN_BYTES = 12
REGISTRATION_NUMBER_BYTES = 20
FN_BYTES = 16


def tlv(tag: int, value: bytes) -> bytes:
    """One field: tag u16 LE, length u16 LE, value."""
    return _HEAD.pack(tag, len(value)) + value


def u8(tag: int, value: int) -> bytes:
    """A one-byte number, flag or bit set."""
    return _U8.pack(tag, 1, value)


def u16(tag: int, value: int) -> bytes:
    """A two-byte number, little-endian."""
    return _U16.pack(tag, 2, value)


def u32(tag: int, value: int) -> bytes:
    """A four-byte number, little-endian."""
    return _U32.pack(tag, 4, value)


def kopecks(tag: int, amount_kopecks: int) -> bytes:
    """A sum of money: VLN, little-endian, as many bytes as it needs and at least one."""
    return tlv(tag, amount_kopecks.to_bytes(max(1, (amount_kopecks.bit_length() + 7) // 8), "little"))


def quantity(tag: int, units: int, decimals: int = 0) -> bytes:
    """A quantity of `units` / 10^`decimals`: FVLN, the first byte is the number of decimals, the rest little-endian."""
    return tlv(tag, bytes((decimals,)) + units.to_bytes(max(1, (units.bit_length() + 7) // 8), "little"))


def text(tag: int, value: str) -> bytes:
    """A string in CP866, as long as it is."""
    return tlv(tag, value.encode("cp866"))


def padded(tag: int, value: str, length: int) -> bytes:
    """A string in CP866, filled with spaces on the right to its fixed `length`."""
    return tlv(tag, value.encode("cp866").ljust(length))


def local_time(tag: int, value: datetime) -> bytes:
    """A wall-clock time: u32 LE, seconds since 1970 as though the wall clock stood in UTC."""
    return u32(tag, local_seconds(value))


def local_seconds(value: datetime) -> int:
    """The number the wire carries for a naive local time."""
    if value.tzinfo is not None:
        raise ValueError("a register's clock has no zone: the time must be naive")
    return int(value.replace(tzinfo=UTC).timestamp())
