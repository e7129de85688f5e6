"""Packets of SMPP: round trips, garbage, and another implementation's opinion."""

from __future__ import annotations

import msgspec
import pytest
import smpp34
from hypothesis import given
from hypothesis import strategies as st

from ofd_gateway.buyers.smpp.pdu import (
    HEADER_BYTES,
    Bind,
    Command,
    Message,
    PduError,
    Tag,
    answer,
    encode,
    parse_bind_answer,
    parse_header,
    parse_message,
    parse_message_id,
)

OCTET = st.integers(0, 255)
ADDRESS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20)
MESSAGES = st.builds(
    Message,
    source=ADDRESS,
    destination=ADDRESS,
    text=st.binary(max_size=254),
    source_ton=OCTET,
    source_npi=OCTET,
    destination_ton=OCTET,
    destination_npi=OCTET,
    esm_class=OCTET,
    validity=st.sampled_from(["", "000001000000000R"]),
    registered_delivery=OCTET,
    data_coding=OCTET,
    options=st.dictionaries(st.integers(0x1400, 0x3FFF), st.binary(max_size=40), max_size=3),
)


@given(MESSAGES, st.integers(1, 2**31 - 1))
def test_a_message_comes_back(message: Message, sequence: int) -> None:
    raw = encode(Command.SUBMIT_SM, sequence, message)
    header = parse_header(raw)
    assert (header.length_bytes, header.command, header.sequence) == (len(raw), Command.SUBMIT_SM, sequence)
    assert parse_message(raw[HEADER_BYTES:]) == message


@given(MESSAGES)
def test_another_implementation_reads_the_same(message: Message) -> None:
    read = smpp34.decode(encode(Command.SUBMIT_SM, 7, message))
    assert isinstance(read, smpp34.SubmitSm)
    assert (read.sequence_number, read.source_addr, read.destination_addr) == (7, message.source, message.destination)
    assert (bytes(read.short_message), read.esm_class, read.data_coding) == (
        message.text,
        message.esm_class,
        message.data_coding,
    )
    assert (read.source_addr_ton, read.dest_addr_npi, read.validity_period, read.registered_delivery) == (
        message.source_ton,
        message.destination_npi,
        message.validity,
        message.registered_delivery,
    )
    assert {tlv.tag: bytes(tlv.value) for tlv in read.tlvs} == message.options


@given(MESSAGES)
def test_what_another_implementation_writes_is_read(message: Message) -> None:
    written = smpp34.DeliverSm(
        message.source,
        message.destination,
        message.text,
        esm_class=message.esm_class,
        data_coding=message.data_coding,
        tlvs=[smpp34.Tlv(tag, value) for tag, value in message.options.items()],
    ).encode()
    read = parse_message(written[HEADER_BYTES:])
    assert (read.source, read.destination, read.text) == (message.source, message.destination, message.text)
    assert (read.esm_class, read.data_coding, read.options) == (
        message.esm_class,
        message.data_coding,
        message.options,
    )


def test_a_bind_as_the_specification_has_it() -> None:
    raw = encode(Command.BIND_TRANSCEIVER, 1, Bind(system_id="SMPP3TEST", password="secret08", system_type="SUBMIT1"))
    assert raw.hex() == (
        "0000002f000000090000000000000001534d50503354455354007365637265743038005355424d495431003400000" + "0"
    )


def test_answers() -> None:
    assert answer(Command.ENQUIRE_LINK_RESP, 5).hex() == "00000010800000150000000000000005"
    assert answer(Command.DELIVER_SM_RESP, 5, 0x64).hex() == "0000001180000005000000640000000500"


def test_a_long_text_may_stand_in_an_optional_field() -> None:
    message = Message(source="1", destination="2", text=b"", options={Tag.MESSAGE_PAYLOAD: b"x" * 300})
    assert parse_message(encode(Command.DELIVER_SM, 1, message)[HEADER_BYTES:]).text == b"x" * 300


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (Message(source="1", destination="2", text=b"x" * 255), "short_message"),
        (Message(source="Ромашка", destination="2", text=b""), "source"),
        (Message(source="1" * 66, destination="2", text=b""), "source"),
        (Message(source="1", destination="2\0", text=b""), "destination"),
        (Message(source="1", destination="2", text=b"", data_coding=256), "data_coding"),
    ],
)
def test_what_does_not_fit_is_named(message: Message, field: str) -> None:
    with pytest.raises(PduError) as caught:
        encode(Command.SUBMIT_SM, 1, message)
    assert caught.value.field == field


@given(st.binary(max_size=200))
def test_garbage_gives_a_named_error(raw: bytes) -> None:
    for parse in (parse_header, parse_message, parse_bind_answer, parse_message_id):
        try:
            parse(raw)
            continue
        except PduError as raised:
            error = raised
        assert error.field
        assert error.offset >= 0


@given(MESSAGES, st.data())
def test_a_message_cut_short_is_refused(message: Message, data: st.DataObject) -> None:
    body = encode(Command.SUBMIT_SM, 1, msgspec.structs.replace(message, options={5000: b"abc"}))[HEADER_BYTES:]
    cut = data.draw(st.integers(0, len(body) - 1))
    whole_without_options = len(body) - 7
    if cut == whole_without_options:
        assert parse_message(body[:cut]).options == {}
    else:
        with pytest.raises(PduError):
            parse_message(body[:cut])


@pytest.mark.parametrize("length", [0, 15, 70_001, 2**32 - 1])
def test_a_length_that_makes_no_sense(length: int) -> None:
    with pytest.raises(PduError) as caught:
        parse_header(length.to_bytes(4, "big") + bytes(12))
    assert (caught.value.field, caught.value.offset) == ("command_length", 0)


@pytest.mark.parametrize(("body", "expected"), [(b"", ""), (b"\0", ""), (b"abc\0", "abc"), (b"abc", "abc")])
def test_message_ids(body: bytes, expected: str) -> None:
    assert parse_message_id(body) == expected
