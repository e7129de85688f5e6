"""Captured messages and those made after the standard's text, read in place where they are at hand."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ofd_gateway.protocol import (
    CONFIRMATION_CODE,
    FROM_FN,
    FROM_OPERATOR,
    Connection,
    CrcMode,
    MessageReceived,
    Role,
    ServiceAnswered,
    ServiceRequested,
    build_container,
    confirmation_body,
    parse_confirmation,
    parse_container,
)
from ofd_gateway.protocol.declaration import CONFIRMATION, CONTAINER_HEADER, OPERATOR_SIGN, SESSION_HEADER, TRAILER
from tests.protocol.feeding import feed

CAPTURED_MESSAGE = "kkt_ffd12_rereg_fd1_full_message"
CAPTURED_CONTAINER = "yandex_test_container_reg_2016"
MESSAGES = {
    CAPTURED_MESSAGE: CrcMode.NONE,
    "synthetic_kkt_message_crc_header": CrcMode.HEADER,
    "synthetic_kkt_message_crc_full": CrcMode.FULL,
}
CONFIRMATIONS = {
    "taxcom_ack_fd1_code14_container": (
        {
            "fd": 1,
            "operator_sign": bytes.fromhex("880686ce88300003"),
            "confirmed_at": datetime(2024, 9, 15, 11, 46, 56, tzinfo=UTC),
            "response_code": 14,
        },
        bytes.fromhex("e1dd304e1a9321ad"),
        bytes.fromhex("820636937ded906b0000"),
    ),
    "taxcom_ack_fd2_code0_container": (
        {
            "fd": 2,
            "operator_sign": bytes.fromhex("88068196dc3c0003"),
            "confirmed_at": datetime(2024, 9, 15, 12, 25, 3, tzinfo=UTC),
            "response_code": 0,
        },
        bytes.fromhex("f0b189c0d5d9d148"),
        bytes.fromhex("8206e19719dc04530000"),
    ),
}


@pytest.fixture
def vector(reference):
    def read(name: str) -> bytes:
        return bytes.fromhex((reference / "vectors" / f"{name}.hex").read_text())

    return read


@pytest.mark.parametrize(("name", "mode"), MESSAGES.items())
def test_messages_are_received(vector, name, mode):
    data = vector(name)
    (event,) = feed(Connection(Role.OPERATOR), [data])
    assert isinstance(event, MessageReceived)
    header, container = event.header, event.container
    assert (header.fn, header.version.hex(), header.ffd_hint) == ("9999078902013267", "0120", "1.2")
    assert (header.crc_mode, header.expects_answer, header.carries_container) == (mode, True, True)
    assert (container.kind, container.document_code, container.fd) == (FROM_FN, 11, 1)
    assert container.nonce.hex() == "6eb266d1b9000001"
    assert container.message_sign.hex() == "810633ded311f315"
    assert (len(container.body), container.raw) == (253, data[30:])


@pytest.mark.parametrize(("name", "mode"), MESSAGES.items())
def test_messages_are_sent(vector, name, mode):
    data = vector(name)
    sent = Connection(Role.REGISTER).send_message(data[30:], version=b"\x01\x20", fn="9999078902013267", crc_mode=mode)
    assert sent == data


def test_a_short_fn_number(vector):
    container = parse_container(vector(CAPTURED_CONTAINER))
    assert (container.fn, container.fd, container.document_code) == ("999907891234567", 1, 1)
    assert container.message_sign.hex() == "810673fca34b2872"


@pytest.mark.parametrize("name", [CAPTURED_CONTAINER, *CONFIRMATIONS])
def test_containers_are_rebuilt_from_their_parts(vector, name):
    data = vector(name)
    kind = FROM_OPERATOR if name in CONFIRMATIONS else FROM_FN
    found = parse_container(data, kind=kind)
    rebuilt = build_container(
        kind=kind,
        document_code=found.document_code,
        format_version=found.format_version,
        service_data=found.service_data,
        fn=found.fn,
        fd=found.fd,
        nonce=found.nonce,
        key_id=found.key_id,
        body=found.body,
        trailer=found.trailer,
    )
    assert rebuilt == data


@pytest.mark.parametrize(("name", "parts"), CONFIRMATIONS.items())
def test_confirmations_are_rebuilt_from_their_fields(vector, name, parts):
    fields, nonce, trailer = parts
    body = confirmation_body(operator_inn="7704211201", fn="9999078902013267", **fields)
    rebuilt = build_container(
        kind=FROM_OPERATOR,
        document_code=CONFIRMATION_CODE,
        fn="9999078902013267",
        fd=fields["fd"],
        nonce=nonce,
        body=body,
        trailer=trailer,
    )
    assert rebuilt == vector(name)


@pytest.mark.parametrize(("name", "parts"), CONFIRMATIONS.items())
def test_confirmations_are_read(vector, name, parts):
    fields, _, trailer = parts
    confirmation = parse_confirmation(parse_container(vector(name), kind=FROM_OPERATOR))
    assert {name: getattr(confirmation, name) for name in fields} == fields
    assert (confirmation.operator_inn, confirmation.fn) == ("7704211201", "9999078902013267")
    assert (confirmation.operator_message, confirmation.trailer) == (0, trailer)


@pytest.mark.parametrize("name", CONFIRMATIONS)
def test_a_captured_confirmation_answers_the_captured_message(vector, name):
    message, answer = vector(CAPTURED_MESSAGE), vector(name)
    operator, register = Connection(Role.OPERATOR), Connection(Role.REGISTER)
    operator.receive(register.send_message(message[30:], version=b"\x01\x20", fn="9999078902013267"))
    assert isinstance(operator.next_event(), MessageReceived)
    sent = operator.confirm(answer)
    assert sent[:24] == message[:24]
    assert sent[24:30] == bytes.fromhex("7700 1400 0000")
    (event,) = feed(register, [sent])
    assert event.container.raw == answer


@pytest.mark.parametrize("kind", ["nocrc", "crc"])
def test_service_mode(vector, kind):
    request, reply = vector(f"synthetic_service_request_{kind}"), vector(f"synthetic_service_reply_{kind}")
    operator, register = Connection(Role.OPERATOR), Connection(Role.REGISTER)
    mode = CrcMode.HEADER if kind == "crc" else CrcMode.NONE
    assert register.send_service(version=b"\x01\x20", fn="9999078902013267", crc_mode=mode) == request
    operator.receive(request)
    assert isinstance(operator.next_event(), ServiceRequested)
    assert operator.answer_service() == reply
    (event,) = feed(register, [reply])
    assert isinstance(event, ServiceAnswered)


def test_declarations_read_the_captures(vector):
    message, answer = vector(CAPTURED_MESSAGE), vector("taxcom_ack_fd1_code14_container")
    header, head = SESSION_HEADER.parse(message[:30]), CONTAINER_HEADER.parse(message[30:62])
    assert (header.body_length, header.flags, header.crc) == (295, 0x0014, 0)
    assert (head.length, head.crc, head.plain_length, head.fd) == (295, 0xBEFD, 253, 1)
    assert (TRAILER.parse(message[-10:]).kind, TRAILER.parse(answer[-10:]).kind) == (0x81, 0x82)
    confirmation = CONFIRMATION.parse(answer[32:-10])
    assert (confirmation.fd, confirmation.response_code, confirmation.operator_message) == (1, 14, None)
    assert OPERATOR_SIGN.parse(confirmation.operator_sign).sign.hex() == "86ce8830"


def test_every_flipped_bit_of_the_captured_container_is_noticed(vector):
    data = vector(CAPTURED_MESSAGE)
    for bit in range(30 * 8, len(data) * 8):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        (found,) = feed(Connection(Role.OPERATOR), [bytes(flipped)], eof=True)
        assert isinstance(found, tuple), bit
