"""One TCP connection of a virtual register to the operator."""

from __future__ import annotations

import asyncio
from typing import cast

from ofd_gateway.errors import OfdGatewayError
from ofd_gateway.protocol import (
    SESSION_HEADER_BYTES,
    ConfirmationReceived,
    Connection,
    CrcMode,
    Need,
    PeerClosed,
    ProtocolError,
    Role,
    ServiceAnswered,
)


class LinkLost(OfdGatewayError):
    """The connection ended before the answer was there; the document stays queued and is sent again."""


class AnswerOverdue(OfdGatewayError):
    """The connection stands and no answer came in time; the register gives it up and sends again."""


class AnswerBroken(OfdGatewayError):
    """The bytes that came are no answer: `received` holds them, `error` the protocol's own words for it."""

    def __init__(self, error: ProtocolError, *, received: bytes, request_header: bytes) -> None:
        super().__init__(str(error))
        self.error = error
        self.received = received
        self.request_header = request_header


class Link(asyncio.Protocol):
    """A connection that carries one message at a time and waits for its answer.

    `exchange` sends and waits; it raises LinkLost, AnswerOverdue or AnswerBroken, after each of which the
    connection is of no further use and must be closed. An answer nobody waited for is kept in `unasked`.
    """

    def __init__(self) -> None:
        self.pieces = 0
        self.documents = 0
        self.unasked: bytes | None = None
        self._connection = Connection(Role.REGISTER)
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[bytes] | None = None
        self._request_header = b""
        self._lost = False

    @property
    def usable(self) -> bool:
        """Whether a message can be sent."""
        return self._transport is not None and not self._lost and not self._transport.is_closing()

    async def exchange(
        self,
        container: bytes,
        *,
        version: bytes,
        fn: str,
        crc_mode: CrcMode,
        timeout_s: float,
        write_bytes: int | None = None,
    ) -> tuple[bytes, bytes]:
        """Sends one container; the session header as sent and the whole answer, header and container."""
        message = self._connection.send_message(container, version=version, fn=fn, crc_mode=crc_mode)
        answer = await self._await_answer(message, write_bytes, timeout_s)
        self.documents += 1
        return self._request_header, answer

    async def ask_service(self, *, version: bytes, fn: str, crc_mode: CrcMode, timeout_s: float) -> None:
        """Sends a service message (служебный режим) and waits for its answer."""
        await self._await_answer(
            self._connection.send_service(version=version, fn=fn, crc_mode=crc_mode), None, timeout_s
        )

    def close(self) -> None:
        """Closes the connection in good order."""
        self._lost = True
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport (asyncio)."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Feeds the protocol and wakes the waiting exchange (asyncio)."""
        self.pieces += 1
        self._received += data
        try:
            self._connection.receive(data)
            self._take_events()
        except ProtocolError as error:
            self._fail(self._broken(error))

    def eof_received(self) -> bool:
        """The operator has closed its side; an answer that was on its way is lost (asyncio)."""
        try:
            self._connection.receive_eof()
            self._take_events()
        except ProtocolError as error:
            if self._received:
                self._fail(self._broken(error))
        self._fail(LinkLost("the operator closed the connection"))
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone (asyncio)."""
        self._fail(LinkLost(str(error) if error else "the connection is closed"))

    async def _await_answer(self, message: bytes, write_bytes: int | None, timeout_s: float) -> bytes:
        if not self.usable or self._transport is None:
            raise LinkLost("the connection is closed")
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[bytes] = loop.create_future()
        self._waiter = waiter
        self._request_header = message[:SESSION_HEADER_BYTES]
        self._received.clear()
        self.pieces = 0
        if write_bytes is None:
            self._transport.write(message)
        else:
            for start in range(0, len(message), write_bytes):
                if self._lost:
                    break
                self._transport.write(message[start : start + write_bytes])
                await asyncio.sleep(0)
        overdue = loop.call_later(timeout_s, self._give_up, timeout_s)
        try:
            return await waiter
        finally:
            overdue.cancel()
            self._waiter = None

    def _give_up(self, timeout_s: float) -> None:
        self._fail(AnswerOverdue(f"no answer within {timeout_s:g} s, {len(self._received)} bytes came"))

    def _take_events(self) -> None:
        while True:
            event = self._connection.next_event()
            if isinstance(event, Need):
                return
            if isinstance(event, PeerClosed):
                self._fail(LinkLost("the operator closed the connection"))
                return
            if isinstance(event, ConfirmationReceived):
                self._answer(event.raw)
            elif isinstance(event, ServiceAnswered):
                self._answer(event.header.pack())

    def _answer(self, answer: bytes) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(answer)
        else:
            self.unasked = answer

    def _broken(self, error: ProtocolError) -> AnswerBroken:
        return AnswerBroken(error, received=bytes(self._received), request_header=self._request_header)

    def _fail(self, error: OfdGatewayError) -> None:
        self._lost = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)
        elif isinstance(error, AnswerBroken):
            self.unasked = error.received
