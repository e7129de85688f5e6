"""Bytes of a fuzzer as instructions: numbers, pieces, and documents that are sound TLV but for what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ofd_gateway.ffd.dictionary import document_codes, specs
from ofd_gateway.ffd.tlv import STRUCTURE_TAGS, tlv
from ofd_gateway.protocol import FROM_FN, FROM_OPERATOR, Connection, CrcMode, Role, build_container

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["FN", "Instructions", "document", "message"]

FN: Final = "9999078900000001"
_CODES: Final = tuple(sorted(document_codes()))
_TAGS: Final = tuple(sorted({spec.tag for spec in specs()} | {1, 999, 0xFFFF}))
_VERSIONS: Final = tuple(bytes.fromhex(text) for text in ("0001", "0100", "0105", "0110", "0120", "ffff"))
_DEEPEST: Final = 18
_LARGEST: Final = 8192


class Instructions:
    """Reads a fuzzer's bytes from the front; what is not there reads as zero."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def is_empty(self) -> bool:
        """Everything has been read."""
        return self._at >= len(self._data)

    def number(self, size: int = 1) -> int:
        """The next `size` bytes, little-endian."""
        return int.from_bytes(self.take(size), "little")

    def take(self, size: int) -> bytes:
        """At most `size` bytes."""
        piece = self._data[self._at : self._at + size]
        self._at += size
        return piece

    def rest(self) -> bytes:
        """Everything that is left."""
        return self.take(len(self._data))

    def choice(self, options: Sequence[bytes]) -> bytes:
        """One of the options."""
        return options[self.number() % len(options)]


def document(instructions: Instructions) -> bytes:
    """An STLV whose lengths are right and whose tags are mostly known ones."""
    code = _CODES[instructions.number() % len(_CODES)]
    return tlv(code, _records(instructions, 1))


def _records(instructions: Instructions, depth: int) -> bytes:
    parts = []
    size = 0
    for _ in range(instructions.number() % 64):
        if instructions.is_empty or size > _LARGEST // depth:
            break
        tag = _TAGS[instructions.number(2) % len(_TAGS)]
        if tag in STRUCTURE_TAGS and depth < _DEEPEST and instructions.number() % 4:
            value = _records(instructions, depth + 1)
        else:
            value = instructions.take(instructions.number() % 40)
        parts.append(tlv(tag, value))
        size += len(parts[-1])
    return b"".join(parts)


def message(instructions: Instructions, *, is_from_operator: bool = False) -> bytes:
    """A session message with right lengths and checksums around a document or around any bytes."""
    modes = (CrcMode.NONE, CrcMode.HEADER, CrcMode.FULL)
    choices = instructions.number()
    version = instructions.choice(_VERSIONS)
    if choices & 0x40:
        return Connection(Role.REGISTER).send_service(version=version, fn=FN, crc_mode=modes[choices % 3])
    body = document(instructions) if choices & 0x80 else instructions.take(4 + instructions.number()).ljust(4, b"\0")
    container = build_container(
        kind=FROM_OPERATOR if is_from_operator else FROM_FN,
        document_code=body[0],
        fn=FN,
        fd=instructions.number(2) + 1,
        nonce=bytes(7) + b"\x01",
        body=body,
        trailer=(b"\x82\x06" if is_from_operator else b"\x81\x06") + instructions.take(6).ljust(6, b"\x07") + b"\0\0",
    )
    return Connection(Role.REGISTER).send_message(
        container, version=version, fn=FN, crc_mode=modes[choices % 3], expects_answer=not choices & 0x20
    )
