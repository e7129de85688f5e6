"""The operator's side of a connection: what comes in, what goes out, what is refused and when."""

from __future__ import annotations

import pytest

from ofd_gateway.protocol import (
    Connection,
    Consequence,
    MessageReceived,
    Need,
    PeerClosed,
    ProtocolError,
    Role,
    ServiceRequested,
    parse_container,
    parse_session_header,
)
from ofd_gateway.protocol.buffer import MAX_BUFFERED_BYTES
from tests.protocol.feeding import failure_of, feed
from tests.protocol.samples import (
    FAULTS_TO_OPERATOR,
    FN,
    HEAD_END,
    HEADER,
    MAX_BODY,
    SHORT_FN,
    VERSION,
    confirmation_container,
    container,
    message,
    session_header,
)

BIG = container(b"\x03\x00" + (32768 - 4).to_bytes(2, "little") + bytes(32768 - 4))
SHORT = {"fn": SHORT_FN.encode() + b" "}
SHORT_CONTAINER = container(fn_bcd=bytes.fromhex(SHORT_FN + "f"))

GOOD = {
    "no CRC": message(),
    "header CRC": message(flags=0x0015),
    "full CRC": message(flags=0x0016),
    "garbage in an unused CRC field": message(crc_field=b"\xde\xad"),
    "no answer expected": message(flags=0x0004),
    "urgent": message(flags=0x00D4),
    "container flag missing": message(flags=0x0010),
    "reserved flags": message(flags=0xFF1C),
    "unknown version": message(version=b"\x09\x99"),
    "short FN": message(SHORT_CONTAINER, **SHORT),
    "smallest": message(container(b"\x03\x00\x00\x00")),
    "largest": message(BIG),
    "encrypted": message(container(bytes(range(64)), trailer=bytes(range(10)))),
    "service": session_header(flags=0x0010),
    "service with CRC": session_header(flags=0x0011),
    "service with full CRC": session_header(flags=0x0012),
    "service with container flag": session_header(flags=0x0014),
    "service with garbage in the CRC field": session_header(flags=0x0010, crc_field=b"\xbe\xef"),
}


def expected_event(data: bytes):
    header = parse_session_header(data)
    if not header.body_length:
        return ServiceRequested(header=header)
    return MessageReceived(header=header, container=parse_container(data[HEADER:]), raw=data)


def operator(data: bytes = b"") -> Connection:
    connection = Connection(Role.OPERATOR)
    connection.receive(data)
    return connection


@pytest.mark.parametrize("data", GOOD.values(), ids=GOOD.keys())
class TestWhatIsAccepted:
    def test_whole(self, data):
        connection = operator(data)
        assert connection.next_event() == expected_event(data)
        assert connection.buffered_bytes == 0

    def test_byte_by_byte(self, data):
        connection = operator()
        for end in range(len(data)):
            assert connection.next_event() is Need.DATA
            assert (connection.buffered_bytes, connection.message_in_progress) == (end, end > 0)
            connection.receive(data[end : end + 1])
        assert connection.next_event() == expected_event(data)
        assert not connection.message_in_progress

    @pytest.mark.parametrize("tail", [b"\x2a", message(), b"\x00garbage"])
    def test_with_something_behind(self, data, tail):
        connection = operator(data + tail)
        assert connection.next_event() == expected_event(data)
        assert connection.next_event() is Need.PAUSED
        assert connection.buffered_bytes == len(tail)
        assert not connection.message_in_progress


@pytest.mark.parametrize("fault", FAULTS_TO_OPERATOR, ids=lambda fault: fault.name)
class TestWhatIsRefused:
    def expected(self, fault):
        return fault.reason, fault.field, fault.offset, FN if fault.has_header else None, fault.fd

    def test_whole(self, fault):
        connection = operator(fault.data)
        with pytest.raises(ProtocolError) as caught:
            connection.next_event()
        error = caught.value
        assert failure_of(error) == self.expected(fault)
        assert error.consequence is Consequence.CLOSE
        assert fault.data.startswith(error.raw)

    def test_as_soon_as_it_can_be_known(self, fault):
        connection = operator()
        for end in range(fault.known_after - 1):
            connection.receive(fault.data[end : end + 1])
            assert connection.next_event() is Need.DATA
        connection.receive(fault.data[fault.known_after - 1 : fault.known_after])
        with pytest.raises(ProtocolError) as caught:
            connection.next_event()
        assert failure_of(caught.value) == self.expected(fault)
        assert caught.value.raw == fault.data[: fault.known_after]

    def test_with_something_behind(self, fault):
        connection = operator(fault.data + message())
        with pytest.raises(ProtocolError) as caught:
            connection.next_event()
        assert failure_of(caught.value) == self.expected(fault)

    def test_for_good(self, fault):
        connection = operator(fault.data)
        with pytest.raises(ProtocolError) as first:
            connection.next_event()
        connection.receive(message())
        connection.receive_eof()
        with pytest.raises(ProtocolError) as second:
            connection.next_event()
        assert second.value is first.value
        assert (connection.buffered_bytes, connection.message_in_progress) == (0, False)


def test_the_raw_bytes_of_an_error_end_with_its_message():
    broken = message(container(crc_field=b"\x00\x00"))
    connection = operator(broken + message())
    with pytest.raises(ProtocolError) as caught:
        connection.next_event()
    assert caught.value.raw == broken


@pytest.mark.parametrize("data", [b"\x00" * 200_000, message(length=65535) + bytes(200_000)])
def test_the_raw_bytes_of_an_error_are_bounded(data):
    with pytest.raises(ProtocolError) as caught:
        operator(data).next_event()
    assert caught.value.raw == data[: HEADER + MAX_BODY]


def test_a_smaller_limit():
    connection = Connection(Role.OPERATOR, max_body_bytes=100)
    connection.receive(session_header(length=101))
    with pytest.raises(ProtocolError) as caught:
        connection.next_event()
    assert (caught.value.reason, caught.value.rule) == ("message_too_long", "a container has at most 100 bytes")


class TestEndOfInput:
    def test_a_probe(self):
        connection = operator()
        connection.receive_eof()
        assert connection.next_event() == PeerClosed(probe=True)
        assert connection.next_event() == PeerClosed(probe=True)

    def test_after_a_message(self):
        connection = operator(message())
        connection.receive_eof()
        assert isinstance(connection.next_event(), MessageReceived)
        assert connection.next_event() is Need.PAUSED
        connection.skip_answer()
        assert connection.next_event() == PeerClosed(probe=False)

    @pytest.mark.parametrize("size", range(1, len(message())))
    def test_inside_a_message(self, size):
        connection = operator(message()[:size])
        connection.receive_eof()
        with pytest.raises(ProtocolError) as caught:
            connection.next_event()
        error = caught.value
        assert (error.reason, error.offset, error.raw) == ("truncated", size, message()[:size])
        assert (error.header is not None) == (size >= HEADER)
        assert error.fd == (5 if size >= HEAD_END else None)

    def test_inside_the_second_message(self):
        assert feed(operator(), [message() + message()[:-1]], eof=True)[1][0] == "truncated"


class TestOneMessageAtATime:
    def test_the_same_container_twice_in_one_piece(self):
        assert feed(operator(), [message() * 2]) == [expected_event(message())] * 2

    def test_many_messages_in_one_piece(self):
        kinds = list(GOOD.values())
        assert feed(operator(), [b"".join(kinds)]) == [expected_event(data) for data in kinds]

    def test_text_behind_a_message_is_the_next_message(self):
        found = feed(operator(), [message() + b"hello"])
        assert found[1] == ("session_signature", "signature", 0, None, None)

    def test_a_caller_that_does_not_stop_reading_is_stopped(self):
        connection = operator(message())
        connection.next_event()
        connection.receive(bytes(MAX_BUFFERED_BYTES))
        with pytest.raises(BufferError, match="answer the message in flight"):
            connection.receive(b"\x00")
        assert connection.buffered_bytes == MAX_BUFFERED_BYTES
        assert connection.next_event() is Need.PAUSED


class TestConfirming:
    ANSWER = confirmation_container()

    @pytest.mark.parametrize("mode", [0, 1, 2])
    @pytest.mark.parametrize("version", [b"\x00\x01", b"\x01\x05", b"\x01\x20", b"\x77\x77"])
    def test_header_and_container_in_one(self, mode, version):
        connection = operator(message(flags=0x0014 | mode, version=version))
        connection.next_event()
        expected = session_header(self.ANSWER, version=version, flags=0x0014 | mode) + self.ANSWER
        assert connection.confirm(self.ANSWER) == expected
        assert connection.next_event() is Need.DATA

    def test_priority_and_reserved_bits_are_not_echoed(self):
        connection = operator(message(flags=0xFFDC))
        connection.next_event()
        assert connection.confirm(self.ANSWER)[26:28] == b"\x14\x00"

    def test_an_unused_crc_field_is_answered_with_zeros(self):
        connection = operator(message(crc_field=b"\xde\xad"))
        connection.next_event()
        assert connection.confirm(self.ANSWER)[28:30] == b"\x00\x00"

    def test_a_short_fn_number_comes_back_as_it_was(self):
        connection = operator(message(SHORT_CONTAINER, **SHORT))
        connection.next_event()
        assert connection.confirm(self.ANSWER)[8:24] == SHORT["fn"]

    def test_the_next_message_follows(self):
        connection = operator(message() + session_header(flags=0x0010))
        connection.next_event()
        connection.confirm(self.ANSWER)
        assert isinstance(connection.next_event(), ServiceRequested)

    def test_a_container_that_cannot_be_sent_leaves_the_message_in_flight(self):
        connection = operator(message())
        connection.next_event()
        with pytest.raises(ValueError, match="16 bits"):
            connection.confirm(bytes(0x10000))
        assert connection.next_event() is Need.PAUSED

    def test_not_before_a_message(self):
        with pytest.raises(RuntimeError, match="no message is in flight"):
            operator(message()).confirm(self.ANSWER)

    def test_not_twice(self):
        connection = operator(message())
        connection.next_event()
        connection.confirm(self.ANSWER)
        with pytest.raises(RuntimeError, match="no message is in flight"):
            connection.confirm(self.ANSWER)

    @pytest.mark.parametrize("data", [message(flags=0x0004), session_header(flags=0x0010)])
    def test_not_what_expects_no_confirmation(self, data):
        connection = operator(data)
        connection.next_event()
        with pytest.raises(RuntimeError, match="only a message that expects an answer"):
            connection.confirm(self.ANSWER)
        connection.skip_answer()
        assert connection.next_event() is Need.DATA

    def test_no_message_can_be_sent(self):
        with pytest.raises(RuntimeError, match="cannot send as operator while idle"):
            operator().send_message(container(), version=VERSION, fn=FN)


class TestServiceMode:
    @pytest.mark.parametrize(
        ("flags", "answer_flags"), [(0x0010, 0x0000), (0x0011, 0x0001), (0x0012, 0x0001), (0x0014, 0x0000)]
    )
    def test_the_header_comes_back(self, flags, answer_flags):
        connection = operator(session_header(flags=flags, version=b"\x01\x10", **SHORT))
        connection.next_event()
        assert connection.answer_service() == session_header(flags=answer_flags, version=b"\x01\x10", **SHORT)
        assert connection.next_event() is Need.DATA

    def test_an_unused_crc_field_comes_back_as_it_was(self):
        connection = operator(session_header(flags=0x0010, crc_field=b"\xbe\xef"))
        connection.next_event()
        assert connection.answer_service() == session_header(flags=0x0000, crc_field=b"\xbe\xef")

    @pytest.mark.parametrize("flags", [0x0000, 0x0001])
    def test_an_answer_is_not_answered(self, flags):
        connection = operator(session_header(flags=flags))
        assert isinstance(connection.next_event(), ServiceRequested)
        assert connection.answer_service() == b""
        assert connection.next_event() is Need.DATA

    def test_a_message_is_no_service_request(self):
        connection = operator(message())
        connection.next_event()
        with pytest.raises(RuntimeError, match="answered with a confirmation"):
            connection.answer_service()
        assert connection.next_event() is Need.PAUSED

    def test_not_without_a_request(self):
        with pytest.raises(RuntimeError, match="no message is in flight"):
            operator().answer_service()


def test_nothing_is_skipped_when_nothing_is_in_flight():
    with pytest.raises(RuntimeError, match="no message is in flight"):
        operator().skip_answer()


def test_empty_pieces_are_no_bytes():
    connection = operator(b"")
    connection.receive_eof()
    assert connection.next_event() == PeerClosed(probe=True)
