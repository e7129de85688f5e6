"""The connection of a virtual register in a test: an ordinary blocking socket."""

from __future__ import annotations

import select
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ofd_gateway.protocol import SESSION_HEADER_BYTES, ConfirmationReceived, Connection, CrcMode, ProtocolError, Role
from ofd_gateway.testing.errors import ConfirmationWrong, NotConfirmed

if TYPE_CHECKING:
    from ofd_gateway.simulator.fn_document import QueuedDocument

__all__ = ["Answer", "Link"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A right confirmation. `raw` is header and container as received."""

    fd: int
    response_code: int
    operator_message: int
    operator_inn: str
    operator_sign: bytes
    raw: bytes


class Link:
    """Opened when it is needed, and anew after any failure or when the other side has closed meanwhile."""

    def __init__(self, address: str, *, timeout_s: float) -> None:
        host, _, port = address.rpartition(":")
        self._where = (host.strip("[]"), int(port))
        self._timeout_s = timeout_s
        self._socket: socket.socket | None = None
        self._connection = Connection(Role.REGISTER)

    def exchange(self, document: QueuedDocument, *, fn: str, version: bytes) -> tuple[bytes, bytes]:
        """Sends one document; the session header as sent, and the whole answer.

        Raises:
            NotConfirmed: no connection, cut, or nothing within the time.
            ConfirmationWrong: bytes came that are no answer.
        """
        received = bytearray()
        try:
            return self._exchange(document, fn, version, received)
        except ProtocolError as error:
            self.close()
            complete = len(received) >= SESSION_HEADER_BYTES + int.from_bytes(received[24:26], "little")
            if len(received) >= SESSION_HEADER_BYTES and complete:
                return self._header, bytes(received)
            raise ConfirmationWrong([f"ФН {fn} ФД {document.fd}: {error} ({bytes(received[:64]).hex(' ')})"]) from None
        except TimeoutError:
            self.close()
            reason = f"нет ответа {self._timeout_s:g} с / no answer, {len(received)} bytes came"
            raise NotConfirmed(fn, document.fd, reason) from None
        except OSError as error:
            self.close()
            raise NotConfirmed(fn, document.fd, f"связь оборвана / the link was cut: {error}") from error

    def close(self) -> None:
        """Closes the connection if there is one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _exchange(self, document: QueuedDocument, fn: str, version: bytes, received: bytearray) -> tuple[bytes, bytes]:
        link = self._usable()
        message = self._connection.send_message(document.container, version=version, fn=fn, crc_mode=CrcMode.NONE)
        self._header = message[:SESSION_HEADER_BYTES]
        deadline = time.monotonic() + self._timeout_s
        link.settimeout(self._timeout_s)
        link.sendall(message)
        while True:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise TimeoutError
            link.settimeout(left_s)
            data = link.recv(65536)
            if not data:
                raise ConnectionError(f"closed after {len(received)} bytes")
            received += data
            self._connection.receive(data)
            event = self._connection.next_event()
            if isinstance(event, ConfirmationReceived):
                return self._header, event.raw

    def _usable(self) -> socket.socket:
        """The open connection, unless the other side has closed it or said something that nobody asked for."""
        if self._socket is not None and not select.select([self._socket], [], [], 0)[0]:
            return self._socket
        self.close()
        self._socket = socket.create_connection(self._where, timeout=self._timeout_s)
        self._connection = Connection(Role.REGISTER)
        return self._socket
