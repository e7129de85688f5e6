from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofd_gateway.protocol import (
    FROM_OPERATOR,
    ProtocolError,
    confirmation_body,
    parse_confirmation,
    parse_container,
)
from ofd_gateway.protocol.declaration import CONFIRMATION, OPERATOR_SIGN
from tests.protocol.samples import (
    BODY,
    FN,
    OPERATOR_TRAILER,
    SHORT_FN,
    confirmation_container,
    confirmation_fields,
    container,
    tlv,
)

SIGN = bytes.fromhex("8806 86ce8830 0003")
CONFIRMED_AT = datetime(2024, 9, 15, 11, 46, 56, tzinfo=UTC)
VALUES = {
    "operator_inn": "7704211201",
    "operator_sign": SIGN,
    "fn": FN,
    "fd": 5,
    "confirmed_at": CONFIRMED_AT,
    "response_code": 0,
}
ANY_VALUES = st.fixed_dictionaries(
    {
        "operator_inn": st.from_regex(r"[0-9]{10}([0-9]{2})?", fullmatch=True).filter(str.isascii),
        "operator_sign": st.binary(min_size=8, max_size=8),
        "fn": st.from_regex(r"[0-9]{15,16}", fullmatch=True).filter(str.isascii),
        "fd": st.integers(1, 0xFF_FFFF),
        "confirmed_at": st.integers(0, 0xFFFF_FFFF).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
        "response_code": st.integers(0, 255),
        "operator_message": st.integers(0, 255),
    }
)


def read(fields, **changes):
    return parse_confirmation(parse_container(confirmation_container(fields, **changes), kind=FROM_OPERATOR))


def error_of(fields, **changes):
    with pytest.raises(ProtocolError) as caught:
        read(fields, **changes)
    assert caught.value.reason == "confirmation"
    return caught.value


def test_layout_is_that_of_the_captured_ones():
    expected = tlv(7, b"".join(tlv(tag, value) for tag, value in confirmation_fields().items()))
    assert confirmation_body(**VALUES) == expected


def test_the_operator_message_follows_only_when_a_bit_is_set():
    plain = confirmation_body(**VALUES, operator_message=0)
    told = confirmation_body(**VALUES, operator_message=2)
    assert plain == confirmation_body(**VALUES)
    assert told[4:] == plain[4:] + tlv(1206, b"\x02")
    assert told[:4] == b"\x07\x00" + (len(plain) - 4 + 5).to_bytes(2, "little")


def test_the_time_goes_out_in_utc_whole_seconds():
    moscow = timezone(timedelta(hours=3))
    there = CONFIRMED_AT.astimezone(moscow) + timedelta(microseconds=999_999)
    assert confirmation_body(**(VALUES | {"confirmed_at": there})) == confirmation_body(**VALUES)


def test_fields_are_read():
    confirmation = read(confirmation_fields(code=14) | {1206: b"\x06"})
    assert confirmation.operator_inn == "7704211201"
    assert confirmation.operator_sign == SIGN
    assert (confirmation.fn, confirmation.fd) == (FN, 5)
    assert confirmation.confirmed_at == CONFIRMED_AT
    assert (confirmation.response_code, confirmation.operator_message) == (14, 6)
    assert confirmation.trailer == OPERATOR_TRAILER


def test_the_order_of_fields_does_not_matter():
    backwards = dict(reversed(confirmation_fields().items()))
    assert read(backwards) == read(confirmation_fields())


def test_fields_that_are_not_known_are_left_alone():
    assert read(confirmation_fields() | {1060: b"nalog.ru", 65535: b""}) == read(confirmation_fields())


def test_a_text_beside_the_response_code_is_left_alone():
    message = tlv(1014, b"text") + tlv(1022, b"\x0b")
    assert read(confirmation_fields() | {1068: message}).response_code == 11


def test_a_short_fn_number():
    fields = confirmation_fields(fn=SHORT_FN)
    assert read(fields, fn_bcd=bytes.fromhex(SHORT_FN + "f")).fn == SHORT_FN


@given(ANY_VALUES)
def test_what_is_built_is_read_back(values):
    body = confirmation_body(**values)
    packed_fn = bytes.fromhex(values["fn"].ljust(16, "f"))
    data = container(body, kind=0x5A, code=7, fn_bcd=packed_fn, fd=values["fd"], trailer=OPERATOR_TRAILER)
    found = parse_confirmation(parse_container(data, kind=FROM_OPERATOR))
    assert {name: getattr(found, name) for name in values} == values


@given(ANY_VALUES)
def test_declaration_and_code_agree(values):
    body = confirmation_body(**values)
    declared = CONFIRMATION.parse(body)
    assert declared.operator_inn == values["operator_inn"].ljust(12).encode()
    assert declared.operator_sign == values["operator_sign"]
    assert declared.fn == values["fn"].ljust(16).encode()
    assert declared.confirmed_at == int(values["confirmed_at"].timestamp())
    assert (declared.fd, declared.response_code) == (values["fd"], values["response_code"])
    assert declared.operator_message == (values["operator_message"] or None)
    assert CONFIRMATION.build(declared) == body


def test_declaration_of_the_operator_sign():
    assert OPERATOR_SIGN.parse(SIGN).sign == bytes.fromhex("86ce8830")
    assert OPERATOR_SIGN.sizeof() == 8


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"operator_inn": "770421120"}, "an INN has 10 or 12 digits"),
        ({"operator_inn": "7704211201  "}, "an INN has 10 or 12 digits"),
        ({"operator_inn": "٧704211201"}, "an INN has 10 or 12 digits"),
        ({"fn": "12345"}, "an FN number has 15 or 16 digits"),
        ({"operator_sign": bytes(7)}, "7 bytes instead of 8"),
        ({"confirmed_at": datetime(2024, 9, 15)}, "needs a zone"),
        ({"confirmed_at": datetime(1969, 1, 1, tzinfo=UTC)}, "does not fit"),
        ({"confirmed_at": datetime(2107, 1, 1, tzinfo=UTC)}, "does not fit"),
        ({"fd": 1 << 32}, "does not fit"),
        ({"response_code": 256}, "does not fit"),
        ({"operator_message": 256}, "does not fit"),
    ],
)
def test_values_that_do_not_fit_are_the_callers_mistake(change, words):
    with pytest.raises(ValueError, match=words):
        confirmation_body(**(VALUES | change))


OFFSETS = {1017: 36, 1078: 52, 1041: 64, 1040: 84, 1012: 92, 1068: 100, 1206: 109}


@pytest.mark.parametrize("tag", [1017, 1078, 1041, 1040, 1012, 1068])
def test_a_missing_field(tag):
    fields = confirmation_fields()
    del fields[tag]
    error = error_of(fields)
    assert (error.field, error.offset, error.detail) == (f"tag {tag}", 32, "it is absent")


@pytest.mark.parametrize("tag", [1017, 1041, 1040, 1012, 1206])
@pytest.mark.parametrize("change", [b"", b"1" * 13])
def test_a_field_of_another_length(tag, change):
    error = error_of(confirmation_fields() | {tag: change})
    assert (error.field, error.offset, error.detail) == (f"tag {tag}", OFFSETS[tag], f"{len(change)} bytes")


@pytest.mark.parametrize(
    ("tag", "value", "detail"),
    [
        (1078, b"", "0 bytes"),
        (1078, bytes(19), "19 bytes"),
        (1017, b"77042112X1  ", "found b'77042112X1  '"),
        (1017, b"  7704211201", "found b'  7704211201'"),
        (1017, b"770421120   ", "found b'770421120   '"),
        (1017, b"\xff" * 12, "found b'" + r"\xff" * 12 + "'"),
        (1041, b"999907890201326X", "found b'999907890201326X'"),
        (1041, b"9999078902013268", "found 9999078902013268"),
        (1040, b"\x06\x00\x00\x00", "found 6"),
    ],
)
def test_a_value_that_a_register_refuses(tag, value, detail):
    error = error_of(confirmation_fields() | {tag: value})
    assert (error.field, error.offset, error.detail) == (f"tag {tag}", OFFSETS[tag], detail)


@pytest.mark.parametrize(
    ("message", "field", "offset", "detail"),
    [
        (b"", "tag 1022", 100, "it is absent"),
        (tlv(1014, b"text"), "tag 1022", 100, "it is absent"),
        (tlv(1022, b""), "tag 1022", 104, "0 bytes"),
        (tlv(1022, b"\x00\x00"), "tag 1022", 104, "2 bytes"),
        (b"\xfe\x03\x01", "field", 104, "3 bytes are left"),
        (b"\xfe\x03\x01\x00", "tag 1022", 104, "its length is 1"),
        (tlv(1022, b"\x00") * 2, "tag 1022", 109, "it comes again"),
    ],
)
def test_a_message_to_the_fn_without_a_readable_code(message, field, offset, detail):
    error = error_of(confirmation_fields() | {1068: message})
    assert (error.field, error.offset, error.detail) == (field, offset, detail)


@pytest.mark.parametrize(
    ("tail", "field", "detail"),
    [
        (b"\x01", "field", "1 bytes are left"),
        (b"\xb6\x04\x02\x00\x00", "tag 1206", "its length is 2"),
        (tlv(1017, b"7704211201  "), "tag 1017", "it comes again"),
    ],
)
def test_fields_that_overrun_or_repeat(tail, field, detail):
    inner = b"".join(tlv(tag, value) for tag, value in confirmation_fields().items()) + tail
    data = container(tlv(7, inner), kind=0x5A, code=7, trailer=OPERATOR_TRAILER)
    with pytest.raises(ProtocolError) as caught:
        parse_confirmation(parse_container(data, kind=FROM_OPERATOR))
    assert (caught.value.field, caught.value.offset, caught.value.detail) == (field, 109, detail)


@pytest.mark.parametrize("body", [b"\x07\x00\x01\x00", b"\x03\x00\x00\x00", tlv(7, b"")[:-1] + b"\x01", BODY])
def test_a_body_that_is_no_document_7(body):
    data = container(body, kind=0x5A, code=7, trailer=OPERATOR_TRAILER)
    with pytest.raises(ProtocolError) as caught:
        parse_confirmation(parse_container(data, kind=FROM_OPERATOR))
    assert (caught.value.field, caught.value.offset) == ("document", 32)


def test_a_container_of_another_document():
    error = error_of(confirmation_fields(), code=3)
    assert (error.field, error.offset, error.detail) == ("document type", 5, "found 3")


@given(st.binary(max_size=200).map(lambda inner: tlv(7, inner)))
def test_arbitrary_fields_give_a_protocol_error(body):
    data = container(body, kind=0x5A, code=7, trailer=OPERATOR_TRAILER)
    with pytest.raises(ProtocolError):
        parse_confirmation(parse_container(data, kind=FROM_OPERATOR))
