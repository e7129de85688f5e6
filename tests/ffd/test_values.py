"""Values of single tags, both ways."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import construct
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofd_gateway.ffd import TagSpec, UnfitValueError, decode_value, encode_value, lookup
from ofd_gateway.ffd.dictionary import specs
from ofd_gateway.ffd.values import (
    TagKind,
    as_local_datetime,
    as_unix_seconds,
    decode_fvln,
    decode_text,
    encode_fvln,
    encode_vln,
    fits,
    plain_decimal,
)


def spec_of(tag: int, parent: int = 3, ffd: str = "1.2") -> TagSpec:
    spec = lookup(tag, parent, ffd=ffd)
    assert spec is not None
    return spec


@pytest.mark.parametrize(
    ("tag", "raw", "value"),
    [
        (1030, "8ea484", "ОдД"),
        (1030, "fcf0", "№Ё"),
        (1018, "373733343637353831302020", "7734675810  "),
        (1054, "03", 3),
        (1055, "20", 32),
        (1213, "9a01", 410),
        (1213, "9a010000", 410),
        (1040, "40610000", 24896),
        (1290, "40010000", 320),
        (1012, "fc1ad85b", 1540889340),
        (1020, "1c3e", 15900),
        (1020, "1c3e000000000000", 15900),
        (1023, "036c03", Decimal("0.876")),
        (1162, "444d00", b"\x44\x4d\x00"),
        (1077, "3104", b"\x31\x04"),
        (1054, "", 0),
        (1020, "", 0),
        (1012, "", 0),
        (1023, "", Decimal(0)),
        (1021, "", ""),
        (1077, "", b""),
        (1213, "010203", None),
        (1054, "0102", None),
        (1040, "01", None),
        (1020, "01" * 9, None),
        (1023, "01" * 9, None),
        (1059, "", None),
        (1059, "01", None),
    ],
)
def test_bytes_to_value(tag: int, raw: str, value: object) -> None:
    assert decode_value(spec_of(tag), bytes.fromhex(raw)) == value


def test_long_integers_of_the_2016_format_are_read() -> None:
    assert decode_value(spec_of(1123), b"\xff" * 24) == (1 << 192) - 1
    assert decode_value(spec_of(1123), b"\xff" * 25) is None


@pytest.mark.parametrize("kind", list(TagKind))
def test_every_kind_is_in_the_table_and_says_what_fits(kind: TagKind) -> None:
    spec = next(spec for spec in specs() if spec.kind is kind)
    assert fits(spec, b"") == (kind is not TagKind.STLV)
    assert fits(spec, b"\x00" * 200) == (kind in (TagKind.STRING, TagKind.BYTES))


CODECS: dict[TagKind, tuple[int, construct.Construct[int, int]]] = {
    TagKind.BYTE: (1054, construct.Int8ul),
    TagKind.BITS8: (1055, construct.Int8ul),
    TagKind.U16: (1213, construct.Int16ul),
    TagKind.U32: (1040, construct.Int32ul),
    TagKind.BITS32: (1290, construct.Int32ul),
    TagKind.UNIXTIME: (1012, construct.Int32ul),
}


@pytest.mark.parametrize("kind", list(CODECS))
@given(data=st.data())
def test_integers_agree_with_construct(kind: TagKind, data: st.DataObject) -> None:
    tag, codec = CODECS[kind]
    number = data.draw(st.integers(0, 256 ** codec.sizeof() - 1))
    raw = encode_value(spec_of(tag), number)
    assert raw == codec.build(number)
    assert decode_value(spec_of(tag), raw) == number


@given(st.integers(0, (1 << 64) - 1))
def test_money_is_as_short_as_can_be(kopecks: int) -> None:
    raw = encode_value(spec_of(1020), kopecks)
    assert raw == encode_vln(kopecks)
    assert len(raw) == 1 or raw[-1] != 0
    assert decode_value(spec_of(1020), raw) == kopecks


@given(st.decimals(0, 10**9, allow_nan=False, places=5))
def test_quantities_survive_exactly(quantity: Decimal) -> None:
    raw = encode_value(spec_of(1023), quantity)
    assert decode_fvln(raw) == quantity
    assert raw == encode_fvln(Decimal(plain_decimal(quantity)))


@given(st.binary(min_size=1, max_size=8))
def test_every_quantity_on_the_wire_has_a_shortest_form(raw: bytes) -> None:
    assert decode_fvln(encode_fvln(decode_fvln(raw))) == decode_fvln(raw)


@given(st.binary(max_size=40))
def test_every_byte_is_text_in_cp866(raw: bytes) -> None:
    text = decode_value(spec_of(1030), raw)
    assert isinstance(text, str)
    assert encode_value(spec_of(1030), text) == raw


@given(st.integers(0, (1 << 32) - 1))
def test_times_are_wall_clocks_without_a_zone(seconds: int) -> None:
    at_local = as_local_datetime(seconds)
    assert at_local.tzinfo is None
    assert as_unix_seconds(at_local) == seconds
    assert encode_value(spec_of(1012), at_local) == seconds.to_bytes(4, "little")


@pytest.mark.parametrize(
    ("number", "text"),
    [("1.000", "1"), ("100", "100"), ("0.876", "0.876"), ("1E-7", "0.0000001"), ("1E+3", "1000"), ("0.00", "0")],
)
def test_plain_decimal(number: str, text: str) -> None:
    assert plain_decimal(Decimal(number)) == text


@pytest.mark.parametrize(
    ("tag", "value", "detail"),
    [
        (1054, 256, "int too big to convert"),
        (1054, -1, "can't convert negative int to unsigned"),
        (1054, "1", "a byte is not made of str"),
        (1054, True, "a flag is written 0 or 1"),
        (1020, Decimal(1), "a vln is not made of Decimal"),
        (1020, 1 << 64, "9 bytes are more than a vln can be read from"),
        (1023, Decimal(10) ** 30, "14 bytes are more than a fvln can be read from"),
        (1023, "1", "a fvln is not made of str"),
        (1021, b"text", "a string is not made of bytes"),
        (1021, "☃", "'☃' has no place in CP866"),
        (1077, "text", "a bytes is not made of str"),
        (1059, b"", "a stlv is not made of bytes"),
        (1012, datetime(2025, 1, 1, tzinfo=UTC), "the time must be naive"),
        (1012, datetime.fromisoformat("2107-01-01"), "outside 1970 to 2106"),
    ],
)
def test_unfit_values_are_named(tag: int, value: object, detail: str) -> None:
    with pytest.raises(UnfitValueError, match=r"\(tag ") as caught:
        encode_value(spec_of(tag), value)
    assert detail in caught.value.detail
    assert caught.value.tag == tag
    assert caught.value.path == spec_of(tag).name


def test_unfit_value_without_a_tag_says_so() -> None:
    assert str(UnfitValueError(path="receipt.x", tag=None, detail="no")) == "receipt.x (unknown tag): no"


def test_every_byte_is_a_character_of_code_page_866() -> None:
    for value in range(256):
        raw = bytes((value,))
        assert decode_text(raw) == raw.decode("cp866")
        assert decode_text(b"INN " + raw) == "INN " + raw.decode("cp866")
