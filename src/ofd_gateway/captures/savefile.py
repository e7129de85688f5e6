"""Capture files: pcap and pcapng, as tcpdump and Wireshark write them, to frames with time and link type.

::

    pcap     a1 b2 c3 d4 (microseconds) or a1 b2 3c 4d (nanoseconds), either byte order | 2.4 | 8 B | snaplen | link
             then records: seconds, fraction, captured length, original length (u32 each) | bytes
    pcapng   blocks: type u32 | length u32 | body, padded to 4 | length u32 again
             section header 0A0D0D0A, interface 1, packets 2, 3 and 6, others are passed over

Every length is checked before it is used; what cannot be followed is a `SavefileFault` with its offset, and reading
ends there, because nothing says where the next record begins.
Sources: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng.
"""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Frame", "SavefileFault", "is_savefile", "read_frames"]

_PCAP: Final = {
    bytes.fromhex("a1b2c3d4"): (">", 1_000_000),
    bytes.fromhex("d4c3b2a1"): ("<", 1_000_000),
    bytes.fromhex("a1b23c4d"): (">", 1_000_000_000),
    bytes.fromhex("4d3cb2a1"): ("<", 1_000_000_000),
}
_PCAP_HEADER_BYTES: Final = 24
_PCAP_RECORD_BYTES: Final = 16
_LARGEST_FRAME_BYTES: Final = 262_144
"""The largest packet that libpcap itself accepts of an ordinary link."""

_SECTION: Final = 0x0A0D0D0A
_SECTION_MAGIC: Final = bytes.fromhex("0a0d0d0a")
_BYTE_ORDERS: Final = {bytes.fromhex("4d3c2b1a"): "<", bytes.fromhex("1a2b3c4d"): ">"}
_INTERFACE: Final = 1
_OLD_PACKET: Final = 2
_SIMPLE_PACKET: Final = 3
_ENHANCED_PACKET: Final = 6
_LEAST_BLOCK_BYTES: Final = 12
_LEAST_BODY_BYTES: Final = {_SECTION: 16, _INTERFACE: 8, _OLD_PACKET: 20, _SIMPLE_PACKET: 4, _ENHANCED_PACKET: 20}
_RESOLUTION_OPTION: Final = 9
_OFFSET_OPTION: Final = 14
_LINK_MASK: Final = 0xFFFF
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Frame(NamedTuple):
    """One captured frame; `number` counts from 1 as Wireshark does, `original_bytes` is its length on the wire."""

    number: int
    at: datetime | None
    link_type: int
    data: bytes
    original_bytes: int


class SavefileFault(NamedTuple):
    """Where a file stops making sense: a slug, the offset in the file and a sentence."""

    reason: str
    offset: int
    text: str


class _Interface(NamedTuple):
    link_type: int
    ticks_per_second: int
    offset_s: int
    snap_bytes: int


def is_savefile(data: bytes) -> bool:
    """Whether the bytes begin as a pcap or pcapng file does."""
    return data[:4] in _PCAP or (data[:4] == _SECTION_MAGIC and data[8:12] in _BYTE_ORDERS)


def read_frames(data: bytes) -> Iterator[Frame | SavefileFault]:
    """Every frame of a capture file; a fault, if there is one, comes last."""
    if data[:4] in _PCAP:
        yield from _read_pcap(data)
    else:
        yield from _PcapNg(data).read()


def _read_pcap(data: bytes) -> Iterator[Frame | SavefileFault]:
    order, ticks_per_second = _PCAP[data[:4]]
    if len(data) < _PCAP_HEADER_BYTES:
        yield SavefileFault("capture_truncated", len(data), "the file header of pcap has 24 bytes")
        return
    link_type = struct.unpack_from(f"{order}I", data, 20)[0] & _LINK_MASK
    record = struct.Struct(f"{order}IIII")
    at, number = _PCAP_HEADER_BYTES, 0
    while at < len(data):
        if len(data) - at < _PCAP_RECORD_BYTES:
            yield SavefileFault("capture_truncated", at, f"{len(data) - at} bytes where a record's head of 16 must be")
            return
        seconds, fraction, captured, original = record.unpack_from(data, at)
        start = at + _PCAP_RECORD_BYTES
        if captured > _LARGEST_FRAME_BYTES:
            yield SavefileFault("capture_damaged", at, f"a record announces {captured} bytes")
            return
        number += 1
        moment = _moment(seconds * ticks_per_second + fraction, ticks_per_second)
        yield Frame(number, moment, link_type, data[start : start + captured], max(original, captured))
        at = start + captured
        if at > len(data):
            missing = f"a record announces {captured} bytes, {len(data) - start} follow"
            yield SavefileFault("capture_truncated", start, missing)


class _PcapNg:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._order = "<"
        self._interfaces: list[_Interface] = []
        self._number = 0

    def read(self) -> Iterator[Frame | SavefileFault]:
        at = 0
        while at < len(self._data):
            found = self._block_at(at)
            if isinstance(found, SavefileFault):
                yield found
                return
            kind, body = found
            read = self._read_block(kind, body, at)
            if read is not None:
                yield read
            at += _LEAST_BLOCK_BYTES + len(body)

    def _block_at(self, at: int) -> tuple[int, bytes] | SavefileFault:
        data = self._data
        left = len(data) - at
        if left < _LEAST_BLOCK_BYTES:
            return SavefileFault("capture_truncated", at, f"{left} bytes where a block of at least 12 must be")
        if data[at : at + 4] == _SECTION_MAGIC:
            order = _BYTE_ORDERS.get(data[at + 8 : at + 12])
            if order is None:
                return SavefileFault("capture_damaged", at + 8, "a section header without a byte order")
            self._order = order
        kind, length = struct.unpack_from(f"{self._order}II", data, at)
        if length < _LEAST_BLOCK_BYTES or length % 4:
            return SavefileFault("capture_damaged", at + 4, f"a block announces {length} bytes")
        if length > left:
            return SavefileFault("capture_truncated", at, f"a block announces {length} bytes, {left} are left")
        if struct.unpack_from(f"{self._order}I", data, at + length - 4)[0] != length:
            return SavefileFault("capture_damaged", at + length - 4, "a block's two lengths differ")
        body = data[at + 8 : at + length - 4]
        if len(body) < _LEAST_BODY_BYTES.get(kind, 0):
            return SavefileFault("capture_damaged", at, f"a block of type {kind} has {len(body)} bytes")
        return kind, body

    def _read_block(self, kind: int, body: bytes, at: int) -> Frame | SavefileFault | None:
        if kind == _SECTION:
            self._interfaces = []
        elif kind == _INTERFACE:
            self._interfaces.append(self._interface(body))
        elif kind == _ENHANCED_PACKET:
            number, high, low, captured, original = struct.unpack_from(f"{self._order}5I", body)
            return self._frame(number, high << 32 | low, body[20:], captured, original, at)
        elif kind == _OLD_PACKET:
            number, _drops, high, low, captured, original = struct.unpack_from(f"{self._order}2H4I", body)
            return self._frame(number, high << 32 | low, body[20:], captured, original, at)
        elif kind == _SIMPLE_PACKET:
            original = struct.unpack_from(f"{self._order}I", body)[0]
            snap_bytes = self._interfaces[0].snap_bytes if self._interfaces else 0
            captured = min(original, snap_bytes or original, len(body) - 4)
            return self._frame(0, None, body[4:], captured, original, at)
        return None

    def _frame(
        self, interface_number: int, ticks: int | None, data: bytes, captured: int, original: int, at: int
    ) -> Frame | SavefileFault:
        self._number += 1
        if interface_number >= len(self._interfaces):
            return SavefileFault("capture_damaged", at, f"a packet of interface {interface_number}, which is not there")
        if captured > len(data):
            return SavefileFault("capture_damaged", at, f"a packet of {captured} bytes in a block with {len(data)}")
        interface = self._interfaces[interface_number]
        moment = None if ticks is None else _moment(ticks, interface.ticks_per_second, interface.offset_s)
        return Frame(self._number, moment, interface.link_type, data[:captured], max(original, captured))

    def _interface(self, body: bytes) -> _Interface:
        link_type, _, snap_bytes = struct.unpack_from(f"{self._order}HHI", body)
        ticks_per_second, offset_s = 1_000_000, 0
        for code, value in self._options(body[8:]):
            if code == _RESOLUTION_OPTION and len(value) == 1:
                exponent = value[0] & 0x7F
                ticks_per_second = 2**exponent if value[0] & 0x80 else 10**exponent
            elif code == _OFFSET_OPTION and len(value) == 8:
                offset_s = struct.unpack(f"{self._order}q", value)[0]
        return _Interface(link_type, ticks_per_second, offset_s, snap_bytes)

    def _options(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        at = 0
        while at + 4 <= len(data):
            code, length = struct.unpack_from(f"{self._order}HH", data, at)
            at += 4
            if code == 0 or length > len(data) - at:
                return
            yield code, data[at : at + length]
            at += -(-length // 4) * 4


def _moment(ticks: int, ticks_per_second: int, offset_s: int = 0) -> datetime | None:
    """The moment, None where a damaged file names one that no calendar has."""
    seconds, rest = divmod(ticks, ticks_per_second)
    try:
        return _EPOCH + timedelta(seconds=seconds + offset_s, microseconds=rest * 1_000_000 // ticks_per_second)
    except OverflowError:
        return None
