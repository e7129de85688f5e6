"""Every usual way to write bytes down as text is read back as the same bytes."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofd_gateway.cli.hexdump import NotHex, hex_dump, read_hex

MESSAGE = bytes.fromhex("2a08410a81a20120") + b"9999078902013267" + bytes.fromhex("270114000000") + bytes(range(256))
REPEATING = MESSAGE[:5] + bytes(100) + b"\xff" * 50 + MESSAGE


def text_of(data: bytes) -> str:
    return "".join(chr(byte) if 32 <= byte < 127 else "." for byte in data)


def parts(data: bytes, size: int = 16) -> list[tuple[int, bytes]]:
    return [(offset, data[offset : offset + size]) for offset in range(0, len(data), size)]


def xxd(data: bytes) -> str:
    return "".join(f"{offset:08x}: {part.hex(' ', -2):<39}  {text_of(part)}\n" for offset, part in parts(data))


def canonical(data: bytes) -> str:
    """As `hexdump -C`: two halves, text between bars, the length in the last line."""
    lines = []
    for offset, part in parts(data):
        halves = f"{part[:8].hex(' '):<23}  {part[8:].hex(' '):<23}"
        lines.append(f"{offset:08x}  {halves}  |{text_of(part)}|")
    return "\n".join([*lines, f"{len(data):08x}", ""])


def words(data: bytes, *, base: str = "07x", ending: bool = True) -> str:
    """As `hexdump` (offsets in hex) and `od -x` (in octal) on a machine that keeps the low byte first."""
    lines = []
    for offset, part in parts(data):
        pairs = [part[at : at + 2].ljust(2, b"\0") for at in range(0, len(part), 2)]
        lines.append(f"{offset:{base}} " + " ".join(pair[::-1].hex() for pair in pairs))
    return "\n".join([*lines, f"{len(data):{base}}"] if ending else lines)


def od_bytes(data: bytes) -> str:
    lines = [f"{offset:07o} {part.hex(' ')}" for offset, part in parts(data)]
    return "\n".join([*lines, f"{len(data):07o}"])


def wireshark(data: bytes) -> str:
    return "\n".join(f"{offset:04x}   {part.hex(' ')}" for offset, part in parts(data)) + f"\n{len(data):04x}"


def tcpdump(data: bytes) -> str:
    return "\n".join(f"\t0x{offset:04x}:  {part.hex(' ', -2)}  {text_of(part)}" for offset, part in parts(data))


SPELLINGS = {
    "bare": bytes.hex,
    "capitals": lambda data: data.hex().upper(),
    "blanks": lambda data: data.hex(" "),
    "colons": lambda data: data.hex(":"),
    "lines": lambda data: "\r\n".join(part.hex() for _, part in parts(data, 30)),
    "python": lambda data: "".join(f"\\x{byte:02x}" for byte in data),
    "c": lambda data: "{" + ", ".join(f"0x{byte:02X}" for byte in data) + "};",
    "one 0x": lambda data: "0x" + data.hex(),
    "xxd": xxd,
    "hexdump -C": canonical,
    "hexdump": words,
    "od -x": lambda data: words(data, base="07o"),
    "od -t x1": od_bytes,
    "wireshark": wireshark,
    "tcpdump": tcpdump,
    "ours": lambda data: hex_dump(data) + f"\n{len(data):08x}",
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@given(data=st.binary(min_size=1, max_size=80))
def test_every_spelling_is_read_back(spelling: str, data: bytes) -> None:
    # An offset of nothing but zeros in front of nothing is a number as good as any.
    written = SPELLINGS[spelling](b"\x2a" + data)
    assert read_hex(written) == b"\x2a" + data


@pytest.mark.parametrize("data", [MESSAGE, REPEATING], ids=["message", "repeating"])
@pytest.mark.parametrize(
    "tool",
    [
        "xxd",
        "xxd -g1",
        "xxd -p",
        "xxd -c 8",
        "hexdump",
        "hexdump -C",
        "od -x",
        "od -t x1",
        "od -A x -t x1z",
        "od -An -tx1 -v",
    ],
)
def test_what_the_tools_write_is_read(tool: str, data: bytes) -> None:
    words = tool.split()
    if shutil.which(words[0]) is None:
        pytest.skip(f"{words[0]} is not on this machine")
    dump = subprocess.run([*words, "-"] if words[0] == "xxd" else words, input=data, capture_output=True, check=True)
    assert read_hex(dump.stdout.decode()) == data


def test_text_beside_the_bytes_is_no_data() -> None:
    data = b"ab cd ef 12 34 5" * 2
    assert read_hex(xxd(data)) == data
    assert read_hex(canonical(data)) == data


def test_blank_lines_between_are_nothing() -> None:
    assert read_hex(xxd(MESSAGE).replace("\n", "\n\n")) == MESSAGE


def test_a_part_of_a_dump_is_read_by_its_colons() -> None:
    lines = xxd(MESSAGE).splitlines()
    assert read_hex("\n".join(lines[2:4])) == MESSAGE[32:64]
    assert read_hex(lines[2]) == MESSAGE[32:48]


@pytest.mark.parametrize(
    "text",
    [
        "00000000: 2a08\n00000009: 410a\n",  # a gap
        "00000010: 2a08\n00000000: 410a\n",  # backwards
    ],
)
def test_a_dump_whose_offsets_disagree_is_no_dump(text: str) -> None:
    assert read_hex(text) == bytes.fromhex("".join(text.replace(":", "").split()))


def test_a_gap_is_not_filled_without_bound() -> None:
    text = "00000000: 2a08\n*\n7fffffff: 41\n"
    with pytest.raises(NotHex) as caught:
        read_hex(text)
    assert (caught.value.reason, caught.value.offset) == ("no_hex", text.index("*"))


def test_digits_in_words_are_no_dump() -> None:
    assert read_hex("0000 2a08") == bytes.fromhex("00002a08")
    assert read_hex("2a08410a 81a2\n0120 3939") == bytes.fromhex("2a08410a81a201203939")
    assert read_hex("0000 2a08\nffff 2a08") == bytes.fromhex("00002a08ffff2a08")


@pytest.mark.parametrize(
    ("text", "reason", "offset"),
    [
        ("2a08z1", "no_hex", 4),
        ("2a 08 4", "odd_hex", 2),
        ("xyz", "no_hex", 0),
        ("*", "no_hex", 0),
        ("0x2a, 0yff", "no_hex", 7),
    ],
)
def test_what_is_no_hex_is_named(text: str, reason: str, offset: int) -> None:
    with pytest.raises(NotHex) as caught:
        read_hex(text)
    assert (caught.value.reason, caught.value.offset) == (reason, offset)


def test_our_dump_shows_a_window() -> None:
    assert hex_dump(b"") == ""
    assert hex_dump(b"A\x00\xffz" * 8, start=17, end=18) == (
        "00000010  41 00 ff 7a 41 00 ff 7a 41 00 ff 7a 41 00 ff 7a  A..zA..zA..zA..z"
    )


def test_many_gaps_are_not_filled_without_bound() -> None:
    hop = 60_000
    lines = [f"{at:08x}: {'2a08 ' * 8}\n*" for at in range(0, hop * 40, hop)]
    with pytest.raises(NotHex):
        read_hex("\n".join(lines))
    few = read_hex("\n".join([*lines[:3], f"{hop * 3:08x}: 41"]))
    assert len(few) == hop * 3 + 1
