"""Hex and hex dumps as people paste them. First byte: bit 0 writes the rest as a dump, which must read back."""

from __future__ import annotations

from typing import Final

from fuzz.cases import Instructions
from ofd_gateway.cli.hexdump import NotHex, hex_dump, read_hex

__all__ = ["check"]

_LARGEST_OUTPUT: Final = 4 * 1024 * 1024


def check(data: bytes) -> None:
    """Bytes or a named error, and never more bytes than a message could need."""
    instructions = Instructions(data)
    choice = instructions.number()
    rest = instructions.rest()
    if choice & 1:
        assert read_hex(_xxd(rest)) == rest
        assert read_hex(rest.hex(" ")) == rest or len(rest) >= 2
        hex_dump(rest, start=choice, end=choice + 64)
        return
    text = rest.decode("utf-8", "replace")
    try:
        found = read_hex(text)
    except NotHex as error:
        assert 0 <= error.offset <= len(text)
        assert error.reason in {"no_hex", "odd_hex"}
        return
    assert len(found) <= max(_LARGEST_OUTPUT, len(text))


def _xxd(data: bytes) -> str:
    lines = []
    for at in range(0, len(data), 16):
        part = data[at : at + 16]
        words = " ".join(part[place : place + 2].hex() for place in range(0, len(part), 2))
        shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        lines.append(f"{at:08x}: {words:<39}  {shown}")
    return "\n".join(lines)
