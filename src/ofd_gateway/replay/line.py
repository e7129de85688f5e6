"""One connection to the operator: recorded bytes out, one answer back."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from ofd_gateway.errors import OfdGatewayError
from ofd_gateway.protocol import MAX_BODY_BYTES, SESSION_HEADER_BYTES
from ofd_gateway.protocol.session import SIGNATURE

if TYPE_CHECKING:
    from ofd_gateway.captures.piece import Address

__all__ = ["ExchangeFailed", "Line"]

_LENGTH_OFFSET: Final = 24


class ExchangeFailed(OfdGatewayError):
    """No answer came, or bytes that are none; the connection is of no further use."""


class Line:
    """A connection that carries one message at a time.

    Recorded bytes are sent exactly as given, also where they break the protocol; therefore it is not the protocol's own
    `Connection`.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, to: Address, timeout_s: float) -> Line:
        """Connects; raises ExchangeFailed."""
        try:
            async with asyncio.timeout(timeout_s):
                return cls(*await asyncio.open_connection(*to))
        except TimeoutError:
            raise ExchangeFailed(f"нет соединения за {timeout_s:g} с / not connected in time") from None
        except OSError as error:
            raise ExchangeFailed(f"нет соединения / not connected: {error.strerror or error}") from error

    @property
    def usable(self) -> bool:
        """The operator has not closed it."""
        return not self._reader.at_eof() and not self._writer.is_closing()

    async def send(self, message: bytes) -> None:
        """Sends a message that expects no answer; raises ExchangeFailed."""
        try:
            self._writer.write(message)
            await self._writer.drain()
        except OSError as error:
            raise ExchangeFailed(f"соединение оборвано / the connection broke: {error.strerror or error}") from error

    async def exchange(self, message: bytes, timeout_s: float) -> bytes:
        """Sends a message and waits for its answer, header and body; raises ExchangeFailed."""
        try:
            async with asyncio.timeout(timeout_s):
                await self.send(message)
                return await self._answer()
        except TimeoutError:
            raise ExchangeFailed(f"нет ответа за {timeout_s:g} с / no answer in time") from None
        except asyncio.IncompleteReadError as error:
            came = f", пришло {len(error.partial)} байт / bytes came" if error.partial else ""
            raise ExchangeFailed(f"ОФД закрыл соединение без ответа / closed without an answer{came}") from error
        except OSError as error:
            raise ExchangeFailed(f"соединение оборвано / the connection broke: {error.strerror or error}") from error

    async def close(self) -> None:
        """Closes the connection in good order."""
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def _answer(self) -> bytes:
        head = await self._reader.readexactly(len(SIGNATURE))
        if head != SIGNATURE:
            raise ExchangeFailed(f"это не ответ / no answer of the protocol: {head.hex(' ')}")
        header = head + await self._reader.readexactly(SESSION_HEADER_BYTES - len(head))
        length = int.from_bytes(header[_LENGTH_OFFSET : _LENGTH_OFFSET + 2], "little")
        if length > MAX_BODY_BYTES:
            raise ExchangeFailed(f"ответ обещает {length} байт / the answer announces bytes beyond the limit")
        return header + await self._reader.readexactly(length)
