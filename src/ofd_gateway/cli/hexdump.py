"""Hex as people keep it: bare digits, separated bytes, dumps with offsets; and a dump of our own."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

__all__ = ["NotHex", "hex_dump", "read_hex"]

_NOISE: Final = re.compile(r"0[xX]|\\[xX]|[\s:,;{}\[\]()-]")
_SIGN: Final = re.compile(rf"{_NOISE.pattern}|[0-9a-fA-F]|(?P<odd>.)", re.DOTALL)
_DIGITS: Final = re.compile(r"[0-9a-fA-F]*")
_DUMP_LINE: Final = re.compile(r"(?:0[xX])?([0-9a-fA-F]{4,16})(:?)(?:\s+(\S.*))?")
_HEX_WORD: Final = re.compile(r"(?:[0-9a-fA-F]{2}){1,8}")
_GAP: Final = re.compile(r"\s{3,}|\s\|")
_BYTES_A_LINE: Final = 16
_MOST_REPEATED: Final = 1 << 20
"""Bytes that all the `*` of a dump stand for together; more is a text made to fill the memory."""


class NotHex(ValueError):
    """The text is no hex; `offset` counts its characters when `reason` is `no_hex`, bytes when it is `odd_hex`."""

    def __init__(self, reason: str, offset: int, text: str) -> None:
        super().__init__(text)
        self.reason = reason
        self.offset = offset


def read_hex(text: str) -> bytes:
    r"""The bytes behind a text.

    Digits may be separated by blanks, line ends, colons, commas, brackets, and prefixed with `0x` or `\x`. Dumps with
    offsets are read as `xxd`, `hexdump`, `hexdump -C`, `od -x`, `od -t x1`, tcpdump and Wireshark write them; words
    without a colon behind the offset are in the order of the machine, low byte first.

    Raises:
        NotHex: names the first sign that fits nothing, or half a byte.
    """
    dumped = _read_dump(text)
    if dumped is not None:
        return dumped
    digits = _NOISE.sub("", text)
    if not _DIGITS.fullmatch(digits):
        raise NotHex("no_hex", _first_odd(text), "text that is neither hex nor a hex dump")
    if len(digits) % 2:
        raise NotHex("odd_hex", len(digits) // 2, f"{len(digits)} hex digits: the last byte is cut in half")
    return bytes.fromhex(digits)


def hex_dump(data: bytes, *, start: int = 0, end: int | None = None) -> str:
    """Sixteen bytes a line with offsets, from the line of `start` to that of `end`."""
    last = len(data) if end is None else min(end, len(data))
    lines = []
    for offset in range(start // _BYTES_A_LINE * _BYTES_A_LINE, last, _BYTES_A_LINE):
        part = data[offset : offset + _BYTES_A_LINE]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        lines.append(f"{offset:08x}  {part.hex(' '):<47}  {text}")
    return "\n".join(lines)


class _Line(NamedTuple):
    """One line of a dump; `offset` is None for `*`, which stands for repetitions of the line above."""

    offset: str | None
    has_colon: bool
    rest: str


def _read_dump(text: str) -> bytes | None:
    """The bytes of a dump, None for a text that is none: its offsets must agree with its bytes."""
    lines: list[_Line] = []
    for written in text.splitlines():
        stripped = written.strip()
        match = _DUMP_LINE.fullmatch(stripped)
        if match:
            lines.append(_Line(match[1], bool(match[2]), match[3] or ""))
        elif stripped == "*" and lines:
            lines.append(_Line(None, False, ""))
        elif stripped:
            return None
    if not lines or (len(lines) == 1 and not lines[0].has_colon):
        return None
    # `od` counts in octal.
    return _join(lines, 16) or _join(lines, 8)


def _join(lines: list[_Line], base: int) -> bytes | None:
    try:
        offsets = [None if line.offset is None else int(line.offset, base) for line in lines]
    except ValueError:
        return None
    first = offsets[0] or 0
    if first and not lines[0].has_colon:
        return None
    data, above, repeated = bytearray(), b"", 0
    for line, offset, following in zip(lines, offsets, [*offsets[1:], None], strict=True):
        if offset is None:
            continue
        missing = offset - first - len(data)
        if missing > 0 and above and repeated + missing <= _MOST_REPEATED:
            data += (above * (missing // len(above) + 1))[:missing]
            repeated += missing
        elif missing:
            return None
        room = (len(above) or _BYTES_A_LINE) if following is None else following - offset
        above = _words(line, room)
        if following is not None and len(above) != room:
            return None
        data += above
    return bytes(data)


def _words(line: _Line, room: int) -> bytes:
    data = b""
    for word in _GAP.split(line.rest, maxsplit=1)[0].split():
        if len(data) >= room or not _HEX_WORD.fullmatch(word):
            break
        part = bytes.fromhex(word)
        data += part if line.has_colon else part[::-1]
    return data[: max(room, 0)]


def _first_odd(text: str) -> int:
    return next(match.start() for match in _SIGN.finditer(text) if match["odd"])
