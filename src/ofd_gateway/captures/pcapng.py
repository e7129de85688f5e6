"""Blocks of a pcapng file of one Ethernet interface, as a recording writes them.

::

    section header    0A0D0D0A | length | 1A2B3C4D | 1.0 | -1 | options | length
    interface         1 | length | link type 1, 0 | 0 (no snapshot length) | options | length
    enhanced packet   6 | length | interface 0 | µs since 1970, high and low | captured | original | bytes | length

All integers are u32 or u16, little-endian; a block is padded to 4 bytes. Source: draft-ietf-opsawg-pcapng.
"""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta
from typing import Final

__all__ = ["enhanced_packet", "file_header"]

_SECTION_HEADER: Final = 0x0A0D0D0A
_INTERFACE: Final = 1
_ENHANCED_PACKET: Final = 6
_BYTE_ORDER: Final = 0x1A2B3C4D
_ETHERNET: Final = 1
_COMMENT: Final = 1
_APPLICATION: Final = 4
_NAME: Final = 2
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def file_header(*, application: str, comment: str) -> bytes:
    """What a file begins with: the section, who wrote it and why, and its only interface."""
    section = struct.pack("<IHHq", _BYTE_ORDER, 1, 0, -1)
    options = _option(_COMMENT, comment) + _option(_APPLICATION, application) + _END
    interface = struct.pack("<HHI", _ETHERNET, 0, 0)
    return _block(_SECTION_HEADER, section + options) + _block(
        _INTERFACE, interface + _option(_NAME, "ofd-gateway proxy") + _END
    )


def enhanced_packet(frame: bytes, at: datetime) -> bytes:
    """One frame seen at an aware moment."""
    ticks = (at - _EPOCH) // _MICROSECOND
    head = struct.pack("<IIIII", 0, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame))
    return _block(_ENHANCED_PACKET, head + frame + _padding(frame))


_END: Final = struct.pack("<HH", 0, 0)


def _option(code: int, text: str) -> bytes:
    value = text.encode()
    return struct.pack("<HH", code, len(value)) + value + _padding(value)


def _padding(data: bytes) -> bytes:
    return bytes(-len(data) % 4)


def _block(kind: int, body: bytes) -> bytes:
    length = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + length + body + length
