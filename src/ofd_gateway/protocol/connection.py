"""One connection of the exchange protocol without any input or output, in either role.

Bytes go in through `receive`; `next_event` gives one of three answers: an event, `Need` (more bytes, or an answer to the
message in flight), or a `ProtocolError`. What must be sent comes back as bytes; the caller owns the socket.

::

    operator                                          register
    ────────                                          ────────
    IDLE ──MessageReceived──▶ ANSWERING               IDLE ──send_message──▶ WAITING
      ▲                           │                     ▲                       │
      └──confirm / skip_answer ───┘                     └─ConfirmationReceived──┘

    any state ──ProtocolError──▶ ERROR (for good)

Only one message is in flight: until it is answered, further bytes wait in the buffer and `next_event` says
`Need.PAUSED`. The caller then stops reading, so the buffer holds at most one message and one read of the socket.
"""

from __future__ import annotations

import enum
from typing import Final

from ofd_gateway.protocol.container import (
    FROM_FN,
    FROM_OPERATOR,
    MAX_BODY_BYTES,
    MIN_CONTAINER_BYTES,
    Container,
    parse_container,
)
from ofd_gateway.protocol.crc import crc16
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
    CRC_OFFSET,
    SESSION_HEADER_BYTES,
    CrcMode,
    Flag,
    SessionHeader,
    check_signature,
    parse_session_header,
)

__all__ = ["Connection", "Role"]


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

    __slots__ = ("_buffer", "_eof", "_error", "_header", "_heard", "_max_body_bytes", "_request", "_role", "_state")

    def __init__(self, role: Role, *, max_body_bytes: int = MAX_BODY_BYTES) -> None:
        self._role: Final = role
        self._max_body_bytes: Final = max_body_bytes
        self._buffer = b""
        self._header: SessionHeader | None = None
        self._request: SessionHeader | None = None
        self._state = _State.IDLE
        self._error: ProtocolError | None = None
        self._eof = False
        self._heard = False

    # -- bytes in ----------------------------------------------------------------------------------------------------

    def receive(self, data: bytes) -> None:
        """Adds bytes to the buffer; nothing is parsed yet."""
        if data and self._state is not _State.ERROR:
            self._heard = True
            self._buffer = self._buffer + data if self._buffer else bytes(data)

    def receive_eof(self) -> None:
        """The peer will send nothing more."""
        self._eof = True

    def next_event(self) -> Event | Need:
        """The next event, or what it takes to get one.

        Raises:
            ProtocolError: close the connection; every later call raises the same error.
        """
        if self._error is not None:
            raise self._error
        if self._state is _State.ANSWERING:
            return Need.PAUSED
        try:
            return self._parse()
        except ProtocolError as error:
            self._error = error
            self._state = _State.ERROR
            self._buffer = b""
            raise

    @property
    def buffered_bytes(self) -> int:
        """Bytes that no event has taken yet."""
        return len(self._buffer)

    @property
    def message_in_progress(self) -> bool:
        """A message has begun to arrive and is not complete."""
        return self._state in {_State.IDLE, _State.WAITING} and bool(self._buffer)

    # -- the operator's side -------------------------------------------------------------------------------------------

    def confirm(self, container: bytes) -> bytes:
        """The answer to the message in flight: header and container in one piece, to be sent with one write."""
        request = self._finish_answer()
        flags = Flag.EXPECTS_ANSWER | Flag.CONTAINER | request.crc_mode
        header = SessionHeader(version=request.version, fn=request.fn, body_length=len(container), flags=flags)
        return header.sealed(container) + container

    def skip_answer(self) -> None:
        """Ends the message in flight without an answer."""
        self._finish_answer()

    def answer_service(self) -> bytes:
        """The answer to a service request: its header with flags 0x0000, or 0x0001 and a CRC where it had one."""
        request = self._finish_answer()
        mode = CrcMode.NONE if request.crc_mode is CrcMode.NONE else CrcMode.HEADER
        return SessionHeader(version=request.version, fn=request.fn, body_length=0, flags=mode).sealed()

    # -- the register's side -------------------------------------------------------------------------------------------

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
        self._ask(header)
        return header.sealed(container) + container

    def send_service(self, *, version: bytes, fn: str, crc_mode: CrcMode = CrcMode.NONE) -> bytes:
        """A service request: a header without a body."""
        header = SessionHeader(version=version, fn=fn, body_length=0, flags=Flag.EXPECTS_ANSWER | crc_mode)
        self._ask(header)
        return header.sealed()

    # -- inside --------------------------------------------------------------------------------------------------------

    def _parse(self) -> Event | Need:
        header = self._header
        if header is None:
            if not self._buffer:
                return PeerClosed(probe=not self._heard) if self._eof else Need.DATA
            check_signature(self._buffer)
            if len(self._buffer) < SESSION_HEADER_BYTES:
                return self._need_more()
            header = parse_session_header(self._buffer[:SESSION_HEADER_BYTES])
            self._check_lengths(header)
            self._header = header
        end = SESSION_HEADER_BYTES + header.body_length
        if len(self._buffer) < end:
            return self._need_more()
        raw, self._buffer = self._buffer[:end], self._buffer[end:]
        self._header = None
        self._check_session_crc(header, raw)
        if self._role is Role.OPERATOR:
            return self._request_event(header, raw)
        return self._answer_event(header, raw)

    def _request_event(self, header: SessionHeader, raw: bytes) -> Event:
        container = self._container(header, raw, FROM_FN) if header.body_length else None
        self._request = header
        self._state = _State.ANSWERING
        if container is None:
            return ServiceRequested(header=header)
        return MessageReceived(header=header, container=container, raw=raw)

    def _answer_event(self, header: SessionHeader, raw: bytes) -> Event:
        request = self._request
        if self._state is not _State.WAITING or request is None:
            raise self._fail("unasked", "message", 0, "the operator only answers", "nothing was asked", header, raw)
        if header.fn != request.fn:
            raise self._fail("session_fn", "FN number", 8, f"the request names {request.fn}", header.fn, header, raw)
        if bool(header.body_length) != bool(request.body_length):
            raise self._fail(
                "session_length",
                "length",
                24,
                "a message is answered with a container, a service request without one",
                f"{header.body_length} bytes",
                header,
                raw,
            )
        container = self._container(header, raw, FROM_OPERATOR) if header.body_length else None
        self._state = _State.IDLE
        self._request = None
        if container is None:
            return ServiceAnswered(header=header)
        return ConfirmationReceived(header=header, container=container, raw=raw)

    def _need_more(self) -> Need:
        if self._eof:
            raise self._fail(
                "truncated",
                "message",
                len(self._buffer),
                "a message is sent whole",
                "the peer has closed in the middle",
                self._header,
                self._buffer,
            )
        return Need.DATA

    def _check_lengths(self, header: SessionHeader) -> None:
        if header.body_length > self._max_body_bytes:
            raise self._fail(
                "message_too_long",
                "length",
                24,
                f"a container has at most {self._max_body_bytes} bytes",
                f"the header announces {header.body_length}",
                header,
                self._buffer,
            )
        if 0 < header.body_length < MIN_CONTAINER_BYTES:
            raise self._fail(
                "session_length",
                "length",
                24,
                f"a container has at least {MIN_CONTAINER_BYTES} bytes; 0 means none",
                f"the header announces {header.body_length}",
                header,
                self._buffer,
            )

    def _check_session_crc(self, header: SessionHeader, raw: bytes) -> None:
        mode = header.crc_mode
        if mode is CrcMode.NONE:
            return
        expected = crc16(raw[:CRC_OFFSET])
        if mode is CrcMode.FULL:
            expected = crc16(raw[SESSION_HEADER_BYTES:], expected)
        if header.crc != expected:
            raise self._fail(
                "session_crc",
                "CRC",
                CRC_OFFSET,
                f"these bytes have CRC 0x{expected:04x}",
                f"found 0x{header.crc:04x}",
                header,
                raw,
            )

    def _container(self, header: SessionHeader, raw: bytes, kind: int) -> Container:
        try:
            container = parse_container(raw[SESSION_HEADER_BYTES:], kind=kind)
        except ProtocolError as error:
            raise self._fail(
                error.reason,
                error.field,
                error.offset + SESSION_HEADER_BYTES,
                error.rule,
                error.detail,
                header,
                raw,
            ) from None
        if container.fn != header.fn:
            raise self._fail(
                "container_fn",
                "FN number",
                SESSION_HEADER_BYTES + 9,
                f"the session header names {header.fn}",
                f"the container names {container.fn}",
                header,
                raw,
            )
        return container

    def _ask(self, header: SessionHeader) -> None:
        if self._role is not Role.REGISTER or self._state is not _State.IDLE:
            raise RuntimeError(f"cannot send as {self._role.value} while {self._state.value}")
        if header.expects_answer:
            self._request = header
            self._state = _State.WAITING

    def _finish_answer(self) -> SessionHeader:
        if self._state is not _State.ANSWERING or self._request is None:
            raise RuntimeError("no message is in flight")
        request, self._request = self._request, None
        self._state = _State.IDLE
        return request

    @staticmethod
    def _fail(
        reason: str, field: str, offset: int, rule: str, detail: str, header: SessionHeader | None, raw: bytes
    ) -> ProtocolError:
        return ProtocolError(reason, field=field, offset=offset, rule=rule, detail=detail, header=header, raw=raw)
