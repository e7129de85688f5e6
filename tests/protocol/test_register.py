"""The register's side of a connection."""

from __future__ import annotations

import pytest

from ofd_gateway.protocol import (
    FROM_OPERATOR,
    ConfirmationReceived,
    Connection,
    CrcMode,
    Need,
    PeerClosed,
    ProtocolError,
    Role,
    ServiceAnswered,
    parse_container,
    parse_session_header,
)
from tests.protocol.feeding import failure_of
from tests.protocol.samples import (
    FAULTS_TO_REGISTER,
    FN,
    HEADER,
    SHORT_FN,
    VERSION,
    confirmation_container,
    container,
    message,
    session_header,
)

ANSWER = message(confirmation_container())


def asking(**options) -> Connection:
    connection = Connection(Role.REGISTER)
    connection.send_message(container(), version=VERSION, fn=FN, **options)
    return connection


def expected_event(data: bytes):
    return ConfirmationReceived(
        header=parse_session_header(data),
        container=parse_container(data[HEADER:], kind=FROM_OPERATOR),
        raw=data,
    )


@pytest.mark.parametrize("mode", [CrcMode.NONE, CrcMode.HEADER, CrcMode.FULL])
def test_a_message(mode):
    sent = Connection(Role.REGISTER).send_message(container(), version=VERSION, fn=FN, crc_mode=mode)
    assert sent == message(flags=0x0014 | mode)


@pytest.mark.parametrize("mode", [CrcMode.NONE, CrcMode.HEADER])
def test_a_service_request(mode):
    sent = Connection(Role.REGISTER).send_service(version=VERSION, fn=SHORT_FN, crc_mode=mode)
    assert sent == session_header(flags=0x0010 | mode, fn=SHORT_FN.encode() + b" ")


def test_a_message_that_expects_no_answer_is_followed_by_the_next():
    connection = Connection(Role.REGISTER)
    sent = connection.send_message(container(), version=VERSION, fn=FN, expects_answer=False)
    assert sent == message(flags=0x0004)
    assert connection.next_event() is Need.DATA
    assert connection.send_message(container(), version=VERSION, fn=FN) == message()


@pytest.mark.parametrize("flags", [0x0014, 0x0015, 0x0016, 0x0004, 0x0000])
def test_a_confirmation_byte_by_byte(flags):
    data = message(confirmation_container(), flags=flags)
    connection = asking()
    for end in range(len(data)):
        assert connection.next_event() is Need.DATA
        assert connection.message_in_progress == (end > 0)
        connection.receive(data[end : end + 1])
    assert connection.next_event() == expected_event(data)
    assert connection.next_event() is Need.DATA


def test_the_version_of_an_answer_does_not_matter():
    data = message(confirmation_container(), version=b"\x00\x01")
    connection = asking()
    connection.receive(data)
    assert connection.next_event() == expected_event(data)


@pytest.mark.parametrize("flags", [0x0000, 0x0001])
def test_a_service_answer(flags):
    connection = Connection(Role.REGISTER)
    connection.send_service(version=VERSION, fn=FN)
    connection.receive(session_header(flags=flags))
    assert connection.next_event() == ServiceAnswered(header=parse_session_header(session_header(flags=flags)))
    assert connection.send_service(version=VERSION, fn=FN) == session_header(flags=0x0010)


def test_a_confirmation_is_no_answer_to_a_service_request():
    connection = Connection(Role.REGISTER)
    connection.send_service(version=VERSION, fn=FN)
    connection.receive(ANSWER)
    with pytest.raises(ProtocolError) as caught:
        connection.next_event()
    assert (caught.value.reason, caught.value.offset) == ("session_length", 24)


@pytest.mark.parametrize("fault", FAULTS_TO_REGISTER, ids=lambda fault: fault.name)
def test_what_is_refused_whole(fault):
    connection = asking()
    connection.receive(fault.data)
    with pytest.raises(ProtocolError) as caught:
        connection.next_event()
    error = caught.value
    assert (error.reason, error.field, error.offset, error.fd) == (fault.reason, fault.field, fault.offset, fault.fd)
    assert (error.header is not None) == fault.has_header


@pytest.mark.parametrize("fault", FAULTS_TO_REGISTER, ids=lambda fault: fault.name)
def test_what_is_refused_as_soon_as_it_can_be_known(fault):
    connection = asking()
    for end in range(fault.known_after):
        assert connection.next_event() is Need.DATA
        connection.receive(fault.data[end : end + 1])
    with pytest.raises(ProtocolError) as caught:
        connection.next_event()
    assert (caught.value.reason, caught.value.raw) == (fault.reason, fault.data[: fault.known_after])


@pytest.mark.parametrize("data", [ANSWER, session_header(flags=0)])
def test_an_answer_to_nothing_is_refused(data):
    connection = Connection(Role.REGISTER)
    connection.receive(data)
    with pytest.raises(ProtocolError) as caught:
        connection.next_event()
    assert failure_of(caught.value) == ("unasked", "message", 0, FN, None)


def test_a_second_answer_is_refused():
    connection = asking()
    connection.receive(ANSWER * 2)
    assert connection.next_event() == expected_event(ANSWER)
    with pytest.raises(ProtocolError) as caught:
        connection.next_event()
    assert caught.value.reason == "unasked"


def test_one_message_at_a_time():
    connection = asking()
    with pytest.raises(RuntimeError, match="cannot send as register while waiting"):
        connection.send_message(container(), version=VERSION, fn=FN)
    with pytest.raises(RuntimeError, match="cannot send as register while waiting"):
        connection.send_service(version=VERSION, fn=FN)


def test_nothing_is_sent_after_an_error():
    connection = asking()
    connection.receive(b"\x00")
    with pytest.raises(ProtocolError):
        connection.next_event()
    with pytest.raises(RuntimeError, match="cannot send as register while error"):
        connection.send_message(container(), version=VERSION, fn=FN)


def test_what_cannot_be_sent_is_not_waited_for():
    connection = Connection(Role.REGISTER)
    with pytest.raises(ValueError, match="16 bits"):
        connection.send_message(bytes(0x10000), version=VERSION, fn=FN)
    assert connection.send_message(container(), version=VERSION, fn=FN) == message()


def test_nothing_is_confirmed():
    with pytest.raises(RuntimeError, match="no message is in flight"):
        asking().confirm(confirmation_container())


def test_the_operator_closes_instead_of_an_answer():
    connection = asking()
    connection.receive_eof()
    assert connection.next_event() == PeerClosed(probe=True)


def test_the_operator_closes_inside_an_answer():
    connection = asking()
    connection.receive(ANSWER[:-1])
    connection.receive_eof()
    with pytest.raises(ProtocolError) as caught:
        connection.next_event()
    assert failure_of(caught.value) == ("truncated", "message", len(ANSWER) - 1, FN, 5)
