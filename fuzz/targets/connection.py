"""Both roles of the wire, however the bytes are cut; what is read goes through the reader of the intake as well.

First byte: bit 0 the role, bit 1 the end of input, bit 2 sound frames instead of the bytes as they are. Second byte:
the seed of the cuts.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from fuzz.cases import FN, Instructions, message
from ofd_gateway.crypto import EmulatorCrypto
from ofd_gateway.ffd.checks import CheckPolicy
from ofd_gateway.intake.reading import Reader, Unreadable
from ofd_gateway.protocol import (
    MAX_BODY_BYTES,
    SESSION_HEADER_BYTES,
    ConfirmationReceived,
    Connection,
    Event,
    MessageReceived,
    Need,
    PeerClosed,
    ProtocolError,
    Role,
    ServiceRequested,
    confirmation_body,
    parse_confirmation,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["check"]

_NOW: Final = datetime(2025, 11, 25, 12, tzinfo=UTC)
_CRYPTO: Final = EmulatorCrypto(b"k" * 32)
_READER: Final = Reader(_CRYPTO, CheckPolicy())
_LARGEST_MESSAGE: Final = SESSION_HEADER_BYTES + MAX_BODY_BYTES
_QUESTION: Final = message(Instructions(b"\x00\x00\x08abcdefgh"))[SESSION_HEADER_BYTES:]

Outcome = tuple[object, ...]


def check(data: bytes) -> None:
    """The same events and the same error, whole, cut anywhere and byte by byte."""
    instructions = Instructions(data)
    choices, seed = instructions.number(), instructions.number()
    role = Role.REGISTER if choices & 1 else Role.OPERATOR
    if choices & 4:
        stream = b"".join(message(instructions, is_from_operator=bool(choices & 1)) for _ in range(1 + choices // 64))
        stream += instructions.take(choices & 8)
    else:
        stream = instructions.rest()
    is_ended = bool(choices & 2)
    whole = _outcomes(role, [stream], is_ended)
    assert _outcomes(role, list(_cut(stream, seed)), is_ended) == whole
    if len(stream) <= 600:
        assert _outcomes(role, [stream[at : at + 1] for at in range(len(stream))], is_ended) == whole


def _cut(stream: bytes, seed: int) -> Iterator[bytes]:
    at, step = 0, seed
    while at < len(stream):
        step = (step * 5 + 3) % 251
        yield stream[at : at + step + 1]
        at += step + 1


def _outcomes(role: Role, pieces: Sequence[bytes], is_ended: bool) -> list[Outcome]:
    connection = Connection(role)
    if role is Role.REGISTER:
        connection.send_message(_QUESTION, version=b"\x01\x05", fn=FN)
    outcomes: list[Outcome] = []
    try:
        for piece in pieces:
            connection.receive(piece)
            _drain(connection, outcomes)
        if is_ended:
            connection.receive_eof()
            _drain(connection, outcomes)
    except ProtocolError as error:
        assert len(error.raw) <= _LARGEST_MESSAGE
        assert 0 <= error.offset <= _LARGEST_MESSAGE
        assert str(error)
        assert connection.buffered_bytes == 0
        _assert_final(connection, error)
        outcomes.append((error.reason, error.field, error.offset, error.header, error.fd))
    return outcomes


def _assert_final(connection: Connection, error: ProtocolError) -> None:
    connection.receive(b"\x2a")
    try:
        connection.next_event()
    except ProtocolError as again:
        assert again is error
    else:
        raise AssertionError("an error is not final")


def _drain(connection: Connection, outcomes: list[Outcome]) -> None:
    while not isinstance(event := connection.next_event(), Need):
        outcomes.append((event,))
        if isinstance(event, PeerClosed):
            return
        _act(connection, event)


def _act(connection: Connection, event: Event) -> None:
    match event:
        case MessageReceived():
            assert connection.next_event() is Need.PAUSED
            assert event.raw[SESSION_HEADER_BYTES:] == event.container.raw
            _read(event)
            if event.header.expects_answer:
                _confirm(connection, event)
            else:
                connection.skip_answer()
        case ServiceRequested():
            answer = connection.answer_service()
            assert len(answer) == (SESSION_HEADER_BYTES if event.header.expects_answer else 0)
        case ConfirmationReceived():
            try:
                parse_confirmation(event.container)
            except ProtocolError as error:
                assert error.reason == "confirmation"


def _read(event: MessageReceived) -> None:
    outcome = _READER.read(event, received_at=_NOW, peer="192.0.2.1:1", connection_id="1")
    if isinstance(outcome, Unreadable):
        assert outcome.reason
        assert outcome.detail
    else:
        assert outcome.document.raw == event.container.body


def _confirm(connection: Connection, event: MessageReceived) -> None:
    """The answer is what a register takes."""
    container = event.container
    signs = _CRYPTO.sign(
        fn=container.fn, fd=container.fd, message_sign=container.message_sign, response_code=0, operator_message=0
    )
    body = confirmation_body(
        operator_inn="7704211201",
        operator_sign=signs.operator_sign,
        fn=container.fn,
        fd=container.fd,
        confirmed_at=_NOW,
        response_code=0,
    )
    answer = connection.confirm(_CRYPTO.wrap(body=body, fn=container.fn, fd=container.fd, signs=signs))
    register = Connection(Role.REGISTER)
    header = event.header
    register.send_message(container.raw, version=header.version, fn=header.fn, crc_mode=header.crc_mode)
    register.receive(answer)
    told = register.next_event()
    assert isinstance(told, ConfirmationReceived)
    assert parse_confirmation(told.container).fd == container.fd
