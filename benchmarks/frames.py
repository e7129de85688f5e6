"""Prebuilt register messages: a ten-item receipt of FFD 1.05, as many FNs and FDs as a load needs."""

from __future__ import annotations

import struct
from binascii import crc_hqx
from typing import Final

ITEMS: Final = (
    ("Хлеб пшеничный нарезной в упаковке 400 г", 5490, 1000),
    ("Молоко пастеризованное 3,2% пэт 930 мл", 8999, 2000),
    ("Огурцы гладкие тепличные, вес", 17999, 308),
    ("Филе цыплёнка-бройлера охлаждённое", 38990, 1014),
    ("Сыр полутвёрдый 45% фасованный", 64900, 276),
    ("Яйцо куриное столовое С1 10 шт", 11990, 1000),
    ("Чай чёрный байховый 100 пакетиков", 27900, 1000),
    ("Сахар белый кристаллический 1 кг", 7290, 1000),
    ("Масло сливочное 82,5% 180 г", 21990, 2000),
    ("Пакет-майка полимерный большой", 990, 1000),
)


def tlv(tag: int, value: bytes) -> bytes:
    """One TLV record: tag and length u16 little-endian, then the value."""
    return struct.pack("<HH", tag, len(value)) + value


def vln(value: int) -> bytes:
    """A little-endian integer without leading zeros."""
    return value.to_bytes((value.bit_length() + 7) // 8, "little")


def _u32(value: int) -> bytes:
    return struct.pack("<I", value)


def _items() -> tuple[bytes, int]:
    body, total = b"", 0
    for name, price, thousandths in ITEMS:
        amount = (price * thousandths + 500) // 1000
        total += amount
        body += tlv(
            1059,
            tlv(1030, name.encode("cp866"))
            + tlv(1079, vln(price))
            + tlv(1023, b"\x03" + vln(thousandths))
            + tlv(1043, vln(amount))
            + tlv(1199, b"\x02")
            + tlv(1200, vln((amount * 10 + 55) // 110))
            + tlv(1212, b"\x01")
            + tlv(1214, b"\x04"),
        )
    return body, total


_ITEMS_BODY, TOTAL_KOPECKS = _items()


def receipt_body(fn: str, fd: int, *, issued_at: int = 1_764_000_000, contact: bytes = b"") -> bytes:
    """The STLV of a receipt (кассовый чек): 105 TLV records, about 1.2 KB; one more with a buyer's contact."""
    inner = (
        tlv(1209, b"\x02")
        + tlv(1041, fn.encode())
        + tlv(1037, fn.encode().ljust(20))
        + tlv(1018, b"7802781104  ")
        + tlv(1040, _u32(fd))
        + tlv(1012, _u32(issued_at))
        + tlv(1077, b"\x31\x04" + struct.pack(">I", fd * 2654435761 & 0xFFFFFFFF))
        + tlv(1038, _u32(1))
        + tlv(1042, _u32(fd))
        + tlv(1054, b"\x01")
        + tlv(1020, vln(TOTAL_KOPECKS))
        + _ITEMS_BODY
        + tlv(1031, b"")
        + tlv(1081, vln(TOTAL_KOPECKS))
        + tlv(1215, b"")
        + tlv(1216, b"")
        + tlv(1217, b"")
        + tlv(1055, b"\x01")
        + tlv(1021, "Иванова".encode("cp866"))
        + tlv(1103, vln(TOTAL_KOPECKS * 10 // 110))
        + tlv(1048, 'ООО "Продукты"'.encode("cp866"))
        + tlv(1009, "191025, Санкт-Петербург, Невский пр., 1".encode("cp866"))
        + tlv(1187, "Магазин 1".encode("cp866"))
    )
    if contact:
        inner += tlv(1008, contact)
    return tlv(3, inner)


def message(fn: str, fd: int, *, contact: bytes = b"") -> bytes:
    """A whole session message of P-version 0105 without a session CRC, ready to be sent."""
    body = receipt_body(fn, fd, contact=contact)
    sign = struct.pack(">HI", fd & 0xFFFF, crc_hqx(body, fd & 0xFFFF) + 1)
    tail = (
        bytes((0xA5, 3, 1, 0x10, 0x09))
        + bytes.fromhex(fn)
        + fd.to_bytes(3, "big")
        + b"\x01\x02\x03\x04\x05\x00\x00\x01"
        + b"\x00\x02"
        + len(body).to_bytes(2, "big")
        + body
        + b"\x81\x06"
        + sign
        + b"\x00\x00"
    )
    length = struct.pack("<H", len(tail) + 4)
    container = length + struct.pack("<H", crc_hqx(tail, crc_hqx(length, 0xFFFF))) + tail
    header = b"\x2a\x08\x41\x0a\x81\xa2\x01\x05" + fn.encode() + length + b"\x14\x00\x00\x00"
    return header + container


def fn_number(index: int) -> str:
    """The `index`-th debug FN of a load."""
    return f"9999{index:012d}"
