"""Reads a container's fields with nothing but struct, so that writer and reader share no code."""

from __future__ import annotations

import struct

STRUCTURES = {
    1059,
    1115,
    1119,
    1129,
    1130,
    1131,
    1132,
    1133,
    1145,
    1146,
    1157,
    1158,
    1163,
    1174,
    1194,
    1232,
    1223,
    1224,
    1233,
    1256,
}


def root_of(container: bytes) -> dict[int, list[bytes]]:
    """The values of each tag at the root of a container's document."""
    (plain_length,) = struct.unpack_from(">H", container, 30)
    body = container[32:-10]
    assert plain_length == len(body)
    code, length = struct.unpack_from("<HH", body)
    assert code == container[5]
    assert length == len(body) - 4
    return fields_of(body[4:])


def fields_of(data: bytes) -> dict[int, list[bytes]]:
    found: dict[int, list[bytes]] = {}
    position = 0
    while position < len(data):
        tag, length = struct.unpack_from("<HH", data, position)
        value = data[position + 4 : position + 4 + length]
        assert len(value) == length
        found.setdefault(tag, []).append(value)
        if tag in STRUCTURES:
            fields_of(value)
        position += 4 + length
    return found


def number(values: list[bytes]) -> int:
    (value,) = values
    return int.from_bytes(value, "little")
