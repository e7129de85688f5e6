"""QR codes read as a phone reads them: from the picture alone."""

from __future__ import annotations

import re
import struct
import zlib

import zxingcpp

_DARK, _LIGHT = 0, 255


def read_png(png: bytes) -> str:
    """The text of the only QR code in a PNG of one bit a pixel."""
    width, height, depth, colour = struct.unpack(">IIBB", png[16:26])
    assert (depth, colour) == (1, 0)
    data, at = b"", 8
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        data += png[at + 8 : at + 8 + length] if kind == b"IDAT" else b""
        at += 12 + length
    raw = zlib.decompress(data)
    row_bytes = (width + 7) // 8
    above, pixels = bytes(row_bytes), bytearray()
    for y in range(height):
        kind, *row = raw[y * (row_bytes + 1) : (y + 1) * (row_bytes + 1)]
        assert kind in (0, 2), "neither plain nor the difference to the row above"
        above = bytes((value + before) & 255 for value, before in zip(row, above, strict=True)) if kind else bytes(row)
        bits = "".join(f"{value:08b}" for value in above)[:width]
        pixels += bytes(_LIGHT if bit == "1" else _DARK for bit in bits)
    return _read(bytes(pixels), width, height)


def read_svg(svg: str, *, pixels_of_a_module: int = 4) -> str:
    """The text of the only QR code in an SVG whose path is made of horizontal strokes, one module high."""
    found = re.search(r'viewBox="0 0 (\d+) \1"', svg)
    path = re.search(r' d="([^"]+)"', svg)
    assert found is not None
    assert path is not None
    size = int(found[1])
    rows = [bytearray([_LIGHT]) * size for _ in range(size)]
    x, y = 0.0, 0.0
    for command, numbers in re.findall(r"([Mmh])([-0-9. ]+)", path[1]):
        values = [float(number) for number in numbers.split()]
        if command == "M":
            x, y = values
        elif command == "m":
            x, y = x + values[0], y + values[1]
        else:
            rows[int(y)][int(x) : int(x + values[0])] = bytearray([_DARK]) * int(values[0])
            x += values[0]
    scale = pixels_of_a_module
    wide = [bytes(pixel for pixel in row for _ in range(scale)) for row in rows]
    return _read(b"".join(row for row in wide for _ in range(scale)), size * scale, size * scale)


def _read(pixels: bytes, width: int, height: int) -> str:
    (code,) = zxingcpp.read_barcodes(memoryview(pixels).cast("B", (height, width)))
    assert code.format == zxingcpp.BarcodeFormat.QRCode
    return str(code.text)
