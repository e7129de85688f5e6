"""One session with a centre (SMSC): bound, kept alive, requests and answers brought together, until it is lost."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

import msgspec
import structlog

from ofd_gateway.buyers.smpp.pdu import (
    HEADER_BYTES,
    Bind,
    Command,
    Header,
    Message,
    PduError,
    answer,
    encode,
    parse_bind_answer,
    parse_header,
    parse_message,
    parse_message_id,
)
from ofd_gateway.buyers.smpp.status import ACCEPTED, TRY_AGAIN, status_text
from ofd_gateway.errors import OfdGatewayError

if TYPE_CHECKING:
    import ssl

__all__ = [
    "BindRefused",
    "NotSubmitted",
    "OnMessage",
    "OutcomeUnknown",
    "SmppSession",
    "SmscUnreachable",
    "SubmitAnswer",
]

_ANSWER: Final = 0x8000_0000
_SEQUENCE_END: Final = 0x7FFF_FFFF
_CLOSE_TIMEOUT_S: Final = 1.0
_INVALID_COMMAND: Final = 0x03
_WRITE_LIMIT_BYTES: Final = 65_536


OnMessage = Callable[[Message], Awaitable[bool]]
"""Hears of a deliver_sm; True confirms it, False asks the centre to bring it again."""


class SmscUnreachable(OfdGatewayError):
    """No session: the centre cannot be reached, does not answer, or answers nonsense."""


class BindRefused(SmscUnreachable):
    """The centre does not want us; with a wrong system id or password this lasts until the settings change."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the centre refused the bind: {status_text(status)}")
        self.status = status


class NotSubmitted(OfdGatewayError):
    """The session had ended before anything of the message was written: it has certainly not been sent."""


class OutcomeUnknown(OfdGatewayError):
    """The message was written and no answer came: the centre may have it."""


class SubmitAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the centre said to one message; the id is empty when it refused."""

    status: int
    message_id: str


class SmppSession:
    """A bound session. `on_message` hears of each deliver_sm and tells whether it may be confirmed.

    `close` ends it; `lost` is done, with the reason, once nothing more can be submitted.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        on_message: OnMessage,
        *,
        timeout_s: float,
        enquire_s: float,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._on_message = on_message
        self._timeout_s = timeout_s
        self._enquire_s = enquire_s
        self._sequence = itertools.count(1)
        self._pending: dict[int, asyncio.Future[tuple[Header, bytes]]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._heard = asyncio.Event()
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._log = structlog.get_logger()

    @classmethod
    async def open(
        cls,
        host: str,
        port: int,
        bind: Bind,
        on_message: OnMessage,
        *,
        timeout_s: float,
        enquire_s: float = 30.0,
        tls: ssl.SSLContext | None = None,
    ) -> SmppSession:
        """Connects and binds as a transceiver; `timeout_s` is for the connection and for each answer.

        A host that makes no sense is one that cannot be reached.

        Raises:
            BindRefused: with the centre's status.
            SmscUnreachable: no connection, no answer in time, or nonsense.
        """
        try:
            async with asyncio.timeout(timeout_s):
                reader, writer = await asyncio.open_connection(
                    host, port, ssl=tls, server_hostname=host if tls is not None else None
                )
        except (OSError, TimeoutError, ValueError) as error:
            raise SmscUnreachable(f"{host}:{port}: {str(error) or type(error).__name__}") from error
        session = cls(reader, writer, on_message, timeout_s=timeout_s, enquire_s=enquire_s)
        try:
            await session._begin(bind)
        except BaseException:
            await session.close()
            raise
        return session

    async def submit(self, message: Message) -> SubmitAnswer:
        """Hands one message over and waits for the answer.

        Raises:
            PduError: the message does not fit a packet; nothing was written.
            NotSubmitted: the session is lost; nothing was written.
            OutcomeUnknown: no answer came in time, or the session was lost meanwhile, or the answer made no sense.
        """
        header, body = await self._request(Command.SUBMIT_SM, message)
        if header.command not in (Command.SUBMIT_SM_RESP, Command.GENERIC_NACK):
            raise OutcomeUnknown(f"the answer is command {header.command:#x}")
        if header.status != ACCEPTED:
            return SubmitAnswer(status=header.status, message_id="")
        try:
            return SubmitAnswer(status=header.status, message_id=parse_message_id(body))
        except PduError as error:
            raise OutcomeUnknown(str(error)) from error

    async def close(self) -> None:
        """Takes leave if the session still lives, and closes the connection. Whatever waits for an answer is told."""
        if self._tasks and not self.lost.done():
            with contextlib.suppress(OfdGatewayError, TimeoutError):
                async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                    await self._request(Command.UNBIND)
        self._lose("closed")
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._fail_pending("the session was closed")
        self._writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                await self._writer.wait_closed()
        if not self._writer.transport.is_closing():
            self._writer.transport.abort()

    async def _begin(self, bind: Bind) -> None:
        self._writer.transport.set_write_buffer_limits(_WRITE_LIMIT_BYTES)
        sequence = next(self._sequence)
        self._writer.write(encode(Command.BIND_TRANSCEIVER, sequence, bind))
        try:
            async with asyncio.timeout(self._timeout_s):
                header, body = await self._read()
        except (OSError, EOFError, TimeoutError, PduError) as error:
            raise SmscUnreachable(f"no answer to the bind: {str(error) or type(error).__name__}") from error
        if header.sequence != sequence or not header.command & _ANSWER:
            raise SmscUnreachable(f"the answer to the bind is command {header.command:#x}")
        if header.status != ACCEPTED:
            raise BindRefused(header.status)
        try:
            parse_bind_answer(body)
        except PduError as error:
            raise SmscUnreachable(str(error)) from error
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._keep_alive())]

    async def _request(self, command: Command, body: Message | None = None) -> tuple[Header, bytes]:
        sequence = next(self._sequence)
        if sequence >= _SEQUENCE_END:
            self._lose("the sequence numbers are used up")
        raw = encode(command, sequence, body)
        if self.lost.done():
            raise NotSubmitted(f"the session is lost: {self.lost.result()}")
        waiting: asyncio.Future[tuple[Header, bytes]] = asyncio.get_running_loop().create_future()
        self._pending[sequence] = waiting
        try:
            async with asyncio.timeout(self._timeout_s):
                self._writer.write(raw)
                await self._writer.drain()
                return await waiting
        except TimeoutError:
            raise OutcomeUnknown(f"no answer within {self._timeout_s:g} s") from None
        except OSError as error:
            self._lose(str(error) or type(error).__name__)
            raise OutcomeUnknown(f"the connection was lost: {error}") from error
        finally:
            del self._pending[sequence]
            if not waiting.cancel() and not waiting.cancelled():
                waiting.exception()

    async def _read(self) -> tuple[Header, bytes]:
        header = parse_header(await self._reader.readexactly(HEADER_BYTES))
        return header, await self._reader.readexactly(header.length_bytes - HEADER_BYTES)

    async def _listen(self) -> None:
        """Reads until the connection ends; after an unbind of the centre too, for the answers that still come."""
        reason = "the connection was closed by the centre"
        try:
            while True:
                header, body = await self._read()
                self._heard.set()
                if header.command & _ANSWER:
                    self._settle(header, body)
                else:
                    await self._serve(header, body)
        except asyncio.IncompleteReadError:
            pass
        except (OSError, PduError) as error:
            reason = str(error) or type(error).__name__
        finally:
            self._lose(reason)
            self._fail_pending(reason)
            self._writer.close()

    def _settle(self, header: Header, body: bytes) -> None:
        waiting = self._pending.get(header.sequence)
        if waiting is not None and not waiting.done():
            waiting.set_result((header, body))
        else:
            self._log.debug("sms.answer_unexpected", command=header.command, status=header.status)

    async def _serve(self, header: Header, body: bytes) -> None:
        match header.command:
            case Command.ENQUIRE_LINK:
                reply = answer(Command.ENQUIRE_LINK_RESP, header.sequence)
            case Command.UNBIND:
                reply = answer(Command.UNBIND_RESP, header.sequence)
                self._lose("the centre took leave")
            case Command.DELIVER_SM:
                reply = answer(Command.DELIVER_SM_RESP, header.sequence, await self._hear(body))
            case _:
                reply = answer(Command.GENERIC_NACK, header.sequence, _INVALID_COMMAND)
        self._writer.write(reply)
        await self._writer.drain()

    async def _hear(self, body: bytes) -> int:
        try:
            message = parse_message(body)
        except PduError as error:
            self._log.warning("sms.receipt_unreadable", field=error.field, reason=str(error))
            return ACCEPTED
        return ACCEPTED if await self._on_message(message) else TRY_AGAIN

    async def _keep_alive(self) -> None:
        """Asks whether the centre is there whenever it was silent for a while."""
        while not self.lost.done():
            self._heard.clear()
            try:
                async with asyncio.timeout(self._enquire_s):
                    await self._heard.wait()
                continue
            except TimeoutError:
                pass
            try:
                await self._request(Command.ENQUIRE_LINK)
            except OfdGatewayError as error:
                self._lose(f"enquire_link: {error}")
                self._writer.transport.abort()

    def _lose(self, reason: str) -> None:
        if not self.lost.done():
            self.lost.set_result(reason)

    def _fail_pending(self, reason: str) -> None:
        for waiting in self._pending.values():
            if not waiting.done():
                waiting.set_exception(OutcomeUnknown(f"no answer: {reason}"))
