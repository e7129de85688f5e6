"""The text of a message (СМС): its words, and its parts as bytes in one of the two alphabets of GSM.

::

    one part     up to 160 signs of GSM 03.38 (an escaped sign counts twice), or 70 units of UCS-2
    several      up to 153 or 67 each, behind a header: 05 00 03, reference, number of parts, part

A sign of GSM 03.38 takes one octet here; the centre packs seven bits. Sources: GSM 03.38, 6.2.1; 3GPP TS 23.040,
9.2.3.24.1.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

import msgspec

from ofd_gateway.ffd.values import decode_text
from ofd_gateway.plain_text import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ofd_gateway.ffd import Document

__all__ = ["DATA_CODING_GSM", "DATA_CODING_UCS2", "EncodedSms", "encode_sms", "reference_of", "sms_text"]

DATA_CODING_GSM: Final = 0
DATA_CODING_UCS2: Final = 8

_BASIC: Final = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_ESCAPE: Final = 0x1B
_EXTENSION: Final = {"^": 0x14, "{": 0x28, "}": 0x29, "\\": 0x2F, "[": 0x3C, "~": 0x3D, "]": 0x3E, "|": 0x40, "€": 0x65}
_GSM: Final[dict[str, bytes]] = {
    **{sign: bytes([code]) for code, sign in enumerate(_BASIC) if code != _ESCAPE},
    **{sign: bytes([_ESCAPE, code]) for sign, code in _EXTENSION.items()},
}
_ONE_GSM_OCTETS: Final = 160
_EACH_GSM_OCTETS: Final = 153
_ONE_UCS2_OCTETS: Final = 140
_EACH_UCS2_OCTETS: Final = 134
_MOST_PARTS: Final = 255
_SELLER_SIGNS: Final = 40
_SELLER: Final = 1048
_REFUNDS: Final = frozenset({2, 4})


class EncodedSms(msgspec.Struct, frozen=True, kw_only=True):
    """A text as the centre takes it. With more than one part each begins with the header of concatenation."""

    data_coding: int
    parts: tuple[bytes, ...]

    @property
    def has_header(self) -> bool:
        """Whether the parts begin with a header."""
        return len(self.parts) > 1


def sms_text(document: Document, link: str) -> str:
    """Seller, sum in roubles and link; a refund says so. Latin sellers stay within the cheap alphabet."""
    raw = document.root.leaf(_SELLER)
    seller = clean(decode_text(raw), _SELLER_SIGNS) if raw else ""
    seller = seller or f"ИНН {document.user_inn or '–'}"
    roubles, kopecks = divmod(document.total_kopecks or 0, 100)
    refund = ["возврат"] if document.operation_type in _REFUNDS else []
    return " ".join([seller, *refund, f"{roubles}.{kopecks:02}", link])


def encode_sms(text: str, reference: int) -> EncodedSms:
    """The parts of a text, in GSM 03.38 where it has all signs, else in UCS-2. `reference` (0 to 255) joins them.

    Raises:
        ValueError: it would take more than 255 parts.
    """
    signs = [_GSM.get(sign) for sign in text]
    if all(sign is not None for sign in signs):
        coding, one, each = DATA_CODING_GSM, _ONE_GSM_OCTETS, _EACH_GSM_OCTETS
        units: list[bytes] = [sign for sign in signs if sign is not None]
    else:
        coding, one, each = DATA_CODING_UCS2, _ONE_UCS2_OCTETS, _EACH_UCS2_OCTETS
        units = [sign.encode("utf-16-be", "replace") for sign in text]
    whole = b"".join(units)
    if len(whole) <= one:
        return EncodedSms(data_coding=coding, parts=(whole,))
    chunks = _chunks(units, each)
    if len(chunks) > _MOST_PARTS:
        raise ValueError(f"a text of {len(text)} signs takes {len(chunks)} parts, at most {_MOST_PARTS} are sent")
    headers = (bytes([5, 0, 3, reference & 0xFF, len(chunks), number]) for number in range(1, len(chunks) + 1))
    return EncodedSms(data_coding=coding, parts=tuple(map(bytes.__add__, headers, chunks)))


def reference_of(fn: str, generation: int, fd: int) -> int:
    """The reference of a receipt's parts: the same each time, so that a part that is sent again finds the others."""
    return zlib.crc32(f"{fn}/{generation}/{fd}".encode()) & 0xFF


def _chunks(units: Sequence[bytes], most_octets: int) -> list[bytes]:
    """The units in as few pieces as hold them; no unit is torn."""
    chunks: list[bytes] = []
    current = bytearray()
    for unit in units:
        if len(current) + len(unit) > most_octets:
            chunks.append(bytes(current))
            current.clear()
        current += unit
    chunks.append(bytes(current))
    return chunks
