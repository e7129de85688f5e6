"""A centre inside the tests that does what it is told, also what no centre should do.

Packets are read by `smpp34`, which shares no code with ours, and written by hand.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from typing import TYPE_CHECKING

import smpp34

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

BIND, SUBMIT, DELIVER, UNBIND, ENQUIRE = 0x9, 0x4, 0x5, 0x6, 0x15
ANSWER = 0x8000_0000
THROTTLED, QUEUE_FULL, NO_SUCH_NUMBER, SYSTEM_ERROR, WRONG_SENDER = 0x58, 0x14, 0x0B, 0x08, 0x0A


class Smsc:
    """`script` says what happens to the next submits: a status, or `silent`, `cut`, `taken`, `garbage`, `unbind`.

    `taken` takes the message and goes away without a word. `accepted` are the numbers of messages that were taken.

    `bind_status` answers binds. While `deaf` is set nothing is answered at all.
    """

    def __init__(self) -> None:
        self.port = 0
        self.submitted: list[smpp34.SubmitSm] = []
        self.accepted: list[str] = []
        self.script: list[int | str] = []
        self.bind_status = 0
        self.binds: list[bytes] = []
        self.deaf = False
        self.enquiries = 0
        self.unbinds = 0
        self.delivered: list[int] = []
        self.ids = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._sequence = 1000

    @property
    def destinations(self) -> list[str]:
        return [one.destination_addr for one in self.submitted]

    @property
    def connections(self) -> int:
        return len(self._writers)

    async def report(self, message_id: str, stat: str, address: str = "79991234567") -> None:
        """Sends a delivery receipt to everybody who is bound."""
        said = f"sub:001 dlvrd:001 submit date:2611241200 done date:2611241201 stat:{stat} err:000"
        text = f"id:{message_id} {said}"
        self._sequence += 1
        raw = smpp34.DeliverSm(address, "OFD", text.encode(), esm_class=4, sequence_number=self._sequence).encode()
        for writer in self._writers:
            writer.write(raw)

    def unbind_all(self) -> None:
        for writer in self._writers:
            writer.write(struct.pack(">IIII", 16, UNBIND, 0, 9999))

    def cut_all(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while True:
                head = await reader.readexactly(16)
                length, command, status, sequence = struct.unpack(">IIII", head)
                raw = head + await reader.readexactly(length - 16)
                if not self.deaf and not await self._answer(writer, command, status, sequence, raw):
                    return
        except (asyncio.IncompleteReadError, OSError):
            return
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, writer: asyncio.StreamWriter, command: int, status: int, sequence: int, raw: bytes) -> bool:
        if command == BIND:
            self.binds.append(raw)
            self._put(writer, command, sequence, self.bind_status, b"" if self.bind_status else b"CENTRE\0")
        elif command == SUBMIT:
            return self._submit(writer, sequence, raw)
        elif command == ENQUIRE:
            self.enquiries += 1
            self._put(writer, command, sequence)
        elif command == UNBIND:
            self.unbinds += 1
            self._put(writer, command, sequence)
        elif command == DELIVER | ANSWER:
            self.delivered.append(status)
        return True

    def _submit(self, writer: asyncio.StreamWriter, sequence: int, raw: bytes) -> bool:
        message = smpp34.decode(raw)
        assert isinstance(message, smpp34.SubmitSm)
        what = self.script.pop(0) if self.script else 0
        self.submitted.append(message)
        match what:
            case "silent":
                return True
            case "cut":
                writer.transport.abort()
                return False
            case "taken":
                self.accepted.append(message.destination_addr)
                writer.transport.abort()
                return False
            case "garbage":
                writer.write(b"\xff" * 32)
            case "unbind":
                writer.write(struct.pack(">IIII", 16, UNBIND, 0, 9999))
                self._accept(writer, sequence, message)
            case int(status) if status:
                self._put(writer, SUBMIT, sequence, status)
            case _:
                self._accept(writer, sequence, message)
        return True

    def _accept(self, writer: asyncio.StreamWriter, sequence: int, message: smpp34.SubmitSm) -> None:
        self.ids += 1
        self.accepted.append(message.destination_addr)
        self._put(writer, SUBMIT, sequence, 0, f"id-{self.ids}".encode() + b"\0")

    def _put(
        self, writer: asyncio.StreamWriter, command: int, sequence: int, status: int = 0, body: bytes = b""
    ) -> None:
        writer.write(struct.pack(">IIII", 16 + len(body), command | ANSWER, status, sequence) + body)


@contextlib.asynccontextmanager
async def serving(smsc: Smsc, *, port: int = 0, tls: ssl.SSLContext | None = None) -> AsyncIterator[Smsc]:
    """The centre on a free port of 127.0.0.1."""
    server = await asyncio.start_server(smsc.serve, "127.0.0.1", port, ssl=tls)
    smsc.port = server.sockets[0].getsockname()[1]
    try:
        yield smsc
    finally:
        server.close()
        smsc.cut_all()
