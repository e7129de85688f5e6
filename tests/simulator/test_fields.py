from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofd_gateway.simulator import fields


def test_numbers_are_little_endian_under_tag_and_length() -> None:
    assert fields.u8(1054, 1).hex() == "1e04010001"
    assert fields.u16(1213, 410).hex() == "bd0402009a01"
    assert fields.u32(1040, 1).hex() == "1004040001000000"


def test_padding_and_cp866() -> None:
    assert fields.padded(1017, "7704211201", 12) == b"\xf9\x03\x0c\x007704211201  "
    assert fields.text(1021, "Ёж №1").hex() == "fd030500f0a620fc31"


@given(st.integers(0, 2**48 - 1))
def test_kopecks_read_back_and_carry_no_leading_zero_byte(amount: int) -> None:
    value = fields.kopecks(1020, amount)[4:]

    assert int.from_bytes(value, "little") == amount
    assert len(value) == 1 or value[-1] != 0


def test_quantity_carries_its_decimals() -> None:
    assert fields.quantity(1023, 876, 3).hex() == "ff030300036c03"
    assert fields.quantity(1023, 1).hex() == "ff0302000001"


def test_local_time_takes_the_wall_clock_for_utc() -> None:
    assert fields.local_seconds(datetime(2016, 4, 13, 14, 14)) == 1460556840


def test_a_zoned_time_is_refused() -> None:
    with pytest.raises(ValueError, match="naive"):
        fields.local_time(1012, datetime(2026, 1, 1, tzinfo=UTC))
