"""One connection of the exchange protocol without any input or output, in either role.

Bytes go in through `receive`; `next_event` gives one of three answers: an event, `Need` (more bytes, or an answer to
the message in flight), or a `ProtocolError`. What must be sent comes back as bytes; the caller owns the socket.

::

    operator                                                   register
    ────────                                                   ────────
    IDLE ──MessageReceived / ServiceRequested──▶ ANSWERING     IDLE ──send_message / send_service──▶ WAITING
      ▲                                              │           ▲                                      │
      └──── confirm / answer_service / skip_answer ──┘           └─ConfirmationReceived / ServiceAnswered┘

    any state ──ProtocolError──▶ ERROR (for good)

Only one message is in flight: until it is answered, further bytes wait in the buffer and `next_event` says
`Need.PAUSED`. The caller then stops reading.

What is wrong is said as soon as it can be known: before the end of the FN number at the first wrong byte, for the rest
of the session header when it is whole (so that the error carries it), for the container's head when it is whole, for
checksums over the body at the end. Which error it is does not depend on how the bytes were cut into pieces.
"""

from __future__ import annotations

import enum
from struct import Struct
from typing import TYPE_CHECKING, Final

from ofd_gateway.protocol.buffer import ReceiveBuffer
from ofd_gateway.protocol.container import (
    CONTAINER_HEADER_BYTES,
    FROM_FN,
    FROM_OPERATOR,
    MAX_BODY_BYTES,
    MIN_CONTAINER_BYTES,
    ContainerHead,
    complete_container,
    parse_container_head,
)
from ofd_gateway.protocol.errors import ProtocolError
from ofd_gateway.protocol.events import (
    ConfirmationReceived,
    Event,
    MessageReceived,
    Need,
    PeerClosed,
    ServiceAnswered,
    ServiceRequested,
)
from ofd_gateway.protocol.session import (
    CRC_MODE_MASK,
    CRC_OFFSET,
    SESSION_HEADER_BYTES,
    CrcMode,
    Flag,
    SessionHeader,
    check_beginning,
    parse_session_header,
    session_crc,
)

if TYPE_CHECKING:
    from ofd_gateway.protocol.errors import Reason

__all__ = ["Connection", "Role"]

_MESSAGE_FLAGS: Final = int(Flag.EXPECTS_ANSWER | Flag.CONTAINER)
_BODY_AT: Final = SESSION_HEADER_BYTES + CONTAINER_HEADER_BYTES
_FRONT_BYTES: Final = 24
"""Of a session header: signature, versions and FN number, which an answer repeats."""
_LENGTH_FLAGS_CRC: Final = Struct("<HHH")
_LONGEST: Final = 0xFFFF
_NO_CRC: Final = int(CrcMode.NONE)
_HEADER_CRC: Final = int(CrcMode.HEADER)
_FULL_CRC: Final = int(CrcMode.FULL)


class Role(enum.Enum):
    """Which side this connection speaks."""

    OPERATOR = "operator"
    REGISTER = "register"


class _State(enum.Enum):
    IDLE = "idle"
    ANSWERING = "answering"
    WAITING = "waiting"
    ERROR = "error"


class Connection:
    """The state of one connection; see the module for the order of calls.

    Calls out of that order raise `RuntimeError`: they are mistakes of the caller, not of the peer.
    """

    __slots__ = (
        "_buffer",
        "_eof",
        "_error",
        "_front",
        "_head",
        "_header",
        "_heard",
        "_max_body_bytes",
        "_request",
        "_role",
        "_state",
    )

    def __init__(self, role: Role, *, max_body_bytes: int = MAX_BODY_BYTES) -> None:
        self._role: Final = role
        self._max_body_bytes: Final = max_body_bytes
        self._buffer: Final = ReceiveBuffer()
        self._header: SessionHeader | None = None
        self._head: ContainerHead | None = None
        self._request: SessionHeader | None = None
        self._front = b""
        self._state = _State.IDLE
        self._error: ProtocolError | None = None
        self._eof = False
        self._heard = False

    # -- bytes in ----------------------------------------------------------------------------------------------------

    def receive(self, data: bytes) -> None:
        """Adds bytes to the buffer; nothing is parsed yet. After an error they are dropped.

        Raises:
            BufferError: the caller went on reading for a megabyte although a message is in flight.
        """
        if data and self._error is None:
            self._heard = True
            self._buffer.append(data)

    def receive_eof(self) -> None:
        """The peer will send nothing more."""
        self._eof = True

    def next_event(self) -> Event | Need:
        """The next event, or what it takes to get one.

        Raises:
            ProtocolError: do what its `consequence` says; every later call raises the same error.
        """
        if self._error is not None:
            raise self._error
        if self._state is _State.ANSWERING:
            return Need.PAUSED
        try:
            return self._parse()
        except ProtocolError as error:
            self._give_up(error)
            raise

    @property
    def buffered_bytes(self) -> int:
        """Bytes that no event has taken yet."""
        return len(self._buffer)

    @property
    def message_in_progress(self) -> bool:
        """A message has begun to arrive and is not complete."""
        return self._state in {_State.IDLE, _State.WAITING} and len(self._buffer) > 0

    # -- the operator's side -----------------------------------------------------------------------------------------

    def confirm(self, container: bytes) -> bytes:
        """The answer to the message in flight: header and container in one piece, to be sent with one write."""
        request = self._in_flight()
        if not request.body_length or not request.expects_answer:
            raise RuntimeError("only a message that expects an answer is confirmed")
        length = len(container)
        if length > _LONGEST:
            raise ValueError(f"the length of a container has 16 bits, not {length} bytes")
        mode = request.flags & CRC_MODE_MASK
        answer = self._front + _LENGTH_FLAGS_CRC.pack(length, _MESSAGE_FLAGS | mode, 0)
        if mode != _NO_CRC:
            answer = answer[:CRC_OFFSET] + session_crc(answer, container, mode).to_bytes(2, "little")
        self._end_answer()
        return answer + container

    def skip_answer(self) -> None:
        """Ends the message in flight without an answer."""
        self._in_flight()
        self._end_answer()

    def answer_service(self) -> bytes:
        """The answer to a service request, empty when its flags expect none.

        It is the request's header with flags 0x0000, or 0x0001 and a right CRC where the request had one.
        """
        request = self._in_flight()
        if request.body_length:
            raise RuntimeError("a message is answered with a confirmation")
        self._end_answer()
        if not request.expects_answer:
            return b""
        mode = CrcMode.HEADER if request.flags & CRC_MODE_MASK else CrcMode.NONE
        answer = SessionHeader(version=request.version, fn=request.fn, body_length=0, flags=mode, crc=request.crc)
        return answer.sealed()

    # -- the register's side -----------------------------------------------------------------------------------------

    def send_message(
        self,
        container: bytes,
        *,
        version: bytes,
        fn: str,
        crc_mode: CrcMode = CrcMode.NONE,
        expects_answer: bool = True,
    ) -> bytes:
        """A message with a container; the next event is its confirmation, if one is expected."""
        flags = Flag.CONTAINER | crc_mode | (Flag.EXPECTS_ANSWER if expects_answer else 0)
        header = SessionHeader(version=version, fn=fn, body_length=len(container), flags=flags)
        return self._ask(header, container)

    def send_service(self, *, version: bytes, fn: str, crc_mode: CrcMode = CrcMode.NONE) -> bytes:
        """A service request: a header without a body."""
        header = SessionHeader(version=version, fn=fn, body_length=0, flags=Flag.EXPECTS_ANSWER | crc_mode)
        return self._ask(header, b"")

    # -- inside ------------------------------------------------------------------------------------------------------

    def _parse(self) -> Event | Need:
        data = self._buffer.data
        if not data:
            return PeerClosed(probe=not self._heard) if self._eof else Need.DATA
        header = self._header
        if header is None:
            if len(data) < SESSION_HEADER_BYTES:
                check_beginning(data)
                return self._need_more()
            self._header = header = parse_session_header(data)
            self._check_header(header, data)
        if header.body_length and self._head is None:
            if len(data) < _BODY_AT:
                return self._need_more()
            self._head = self._container_head(header, data)
        end = SESSION_HEADER_BYTES + header.body_length
        if len(data) < end:
            return self._need_more()
        event = self._event(header, self._buffer.peek(end))
        self._buffer.drop(end)
        self._header = self._head = None
        return event

    def _event(self, header: SessionHeader, raw: bytes) -> Event:
        body = raw[SESSION_HEADER_BYTES:]
        if header.flags & CRC_MODE_MASK == _FULL_CRC:
            self._check_session_crc(header, raw, body)
        head = self._head
        if head is None:
            return self._bodiless(header)
        try:
            container = complete_container(head, body)
        except ProtocolError as error:
            error.offset += SESSION_HEADER_BYTES
            raise
        if self._role is Role.OPERATOR:
            self._request, self._front, self._state = header, raw[:_FRONT_BYTES], _State.ANSWERING
            return MessageReceived(header=header, container=container, raw=raw)
        self._request, self._state = None, _State.IDLE
        return ConfirmationReceived(header=header, container=container, raw=raw)

    def _bodiless(self, header: SessionHeader) -> Event:
        if self._role is Role.OPERATOR:
            self._request, self._state = header, _State.ANSWERING
            return ServiceRequested(header=header)
        self._request, self._state = None, _State.IDLE
        return ServiceAnswered(header=header)

    def _need_more(self) -> Need:
        if self._eof:
            raise _error(
                "truncated",
                "message",
                len(self._buffer),
                "a message is sent whole",
                "the peer has closed in the middle",
            )
        return Need.DATA

    def _check_header(self, header: SessionHeader, data: bytes | bytearray) -> None:
        length = header.body_length
        if length > self._max_body_bytes:
            rule = f"a container has at most {self._max_body_bytes} bytes"
            raise _error("message_too_long", "length", 24, rule, f"the header announces {length}")
        if 0 < length < MIN_CONTAINER_BYTES:
            rule = f"a container has at least {MIN_CONTAINER_BYTES} bytes; 0 means none"
            raise _error("session_length", "length", 24, rule, f"the header announces {length}")
        if self._role is Role.REGISTER:
            self._check_asked(header)
        mode = header.flags & CRC_MODE_MASK
        if mode == _HEADER_CRC:
            self._check_session_crc(header, data, b"")

    def _check_asked(self, header: SessionHeader) -> None:
        request = self._request
        if request is None:
            raise _error("unasked", "message", 0, "the operator only answers", "nothing was asked")
        if header.fn != request.fn:
            raise _error("session_fn", "FN number", 8, f"the request names {request.fn}", f"found {header.fn}")
        if bool(header.body_length) != bool(request.body_length):
            rule = "a message is answered with a container, a service request without one"
            raise _error("session_length", "length", 24, rule, f"the header announces {header.body_length}")

    @staticmethod
    def _check_session_crc(header: SessionHeader, data: bytes | bytearray, body: bytes) -> None:
        expected = session_crc(data, body, header.flags & CRC_MODE_MASK)
        if header.crc != expected:
            rule = f"these bytes have CRC 0x{expected:04x}"
            raise _error("session_crc", "CRC", CRC_OFFSET, rule, f"found 0x{header.crc:04x}")

    def _container_head(self, header: SessionHeader, data: bytes | bytearray) -> ContainerHead:
        kind = FROM_FN if self._role is Role.OPERATOR else FROM_OPERATOR
        try:
            head = parse_container_head(data, length=header.body_length, kind=kind, start=SESSION_HEADER_BYTES)
        except ProtocolError as error:
            error.offset += SESSION_HEADER_BYTES
            raise
        if head.fn != header.fn:
            rule, detail = f"the session header names {header.fn}", f"the container names {head.fn}"
            raise _error("container_fn", "FN number", SESSION_HEADER_BYTES + 9, rule, detail, fd=head.fd)
        return head

    def _give_up(self, error: ProtocolError) -> None:
        """Makes `error` final, with all that is known of the message it is about."""
        if error.header is None:
            error.header = self._header
        if error.fd is None and self._head is not None:
            error.fd = self._head.fd
        length = self._max_body_bytes if error.header is None else error.header.body_length
        error.raw = self._buffer.peek(SESSION_HEADER_BYTES + min(length, self._max_body_bytes))
        self._error = error
        self._state = _State.ERROR
        self._buffer.clear()

    def _ask(self, header: SessionHeader, container: bytes) -> bytes:
        if self._role is not Role.REGISTER or self._state is not _State.IDLE:
            raise RuntimeError(f"cannot send as {self._role.value} while {self._state.value}")
        message = header.sealed(container) + container
        if header.expects_answer:
            self._request, self._state = header, _State.WAITING
        return message

    def _in_flight(self) -> SessionHeader:
        if self._state is not _State.ANSWERING or self._request is None:
            raise RuntimeError("no message is in flight")
        return self._request

    def _end_answer(self) -> None:
        self._request, self._state = None, _State.IDLE


def _error(reason: Reason, field: str, offset: int, rule: str, detail: str, *, fd: int | None = None) -> ProtocolError:
    return ProtocolError(reason, field=field, offset=offset, rule=rule, detail=detail, fd=fd)
