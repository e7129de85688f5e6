from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ofd_gateway.protocol import crc16


def bit_by_bit(data: bytes, crc: int = 0xFFFF) -> int:
    """The definition: polynomial 0x1021, most significant bit first, no reflection, no final exclusive-or."""
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ (0x1021 if crc & 0x8000 else 0)) & 0xFFFF
    return crc


def test_check_value():
    assert crc16(b"123456789") == 0x29B1


def test_of_nothing_is_the_initial_value():
    assert crc16(b"") == 0xFFFF


@given(st.binary(max_size=300))
def test_is_the_definition(data):
    assert crc16(data) == bit_by_bit(data)
    assert crc16(memoryview(data)) == bit_by_bit(data)


@given(st.binary(max_size=100), st.binary(max_size=100))
def test_goes_on_from_an_earlier_value(first, second):
    assert crc16(second, crc16(first)) == crc16(first + second)
