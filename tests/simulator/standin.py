"""A small operator for tests: the project's protocol and crypto module behind a real socket, with scripted faults."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from ofd_gateway.crypto import EmulatorCrypto
from ofd_gateway.protocol import (
    Connection,
    Container,
    MessageReceived,
    Need,
    PeerClosed,
    Role,
    ServiceRequested,
    confirmation_body,
    crc16,
)

OPERATOR_INN = "7704211201"

Bend = Callable[[bytes], bytes | None]
"""What a fault makes of an answer: other bytes, or None for no answer and a closed connection."""


@dataclass
class Fault:
    """Bends the answers to one FD, as often as `times` says."""

    fd: int
    bend: Bend
    times: int = 1
    closes: bool = False


@dataclass
class TestOperator:
    """Confirms everything; remembers what it received, in order."""

    __test__ = False

    response_code: int = 0
    operator_message: int = 0
    faults: list[Fault] = field(default_factory=list)
    answers_service: bool = True
    closes_on_service: bool = False
    clock_error: timedelta = timedelta()
    messages: list[tuple[bytes, Container]] = field(default_factory=list)
    connections: int = 0
    in_flight_peak: int = 0
    port: int = 0
    pieces: int = 1
    silent: bool = False
    _crypto: EmulatorCrypto = field(default_factory=lambda: EmulatorCrypto(b"k" * 32))

    @property
    def documents(self) -> dict[tuple[str, int], set[bytes]]:
        """Every different container of each document: one unless a resend was no resend."""
        seen: dict[tuple[str, int], set[bytes]] = {}
        for _, container in self.messages:
            seen.setdefault((container.fn, container.fd), set()).add(container.raw)
        return seen

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        connection = Connection(Role.OPERATOR)
        try:
            while True:
                event = connection.next_event()
                if isinstance(event, Need):
                    data = await reader.read(65536)
                    if data:
                        connection.receive(data)
                    else:
                        connection.receive_eof()
                elif isinstance(event, PeerClosed):
                    return
                elif isinstance(event, ServiceRequested):
                    answer = connection.answer_service()
                    if self.closes_on_service:
                        return
                    if self.answers_service:
                        writer.write(answer)
                elif isinstance(event, MessageReceived) and not await self._answer(connection, event, writer):
                    return
        except OSError:
            return
        finally:
            writer.close()

    async def _answer(self, connection: Connection, event: MessageReceived, writer: asyncio.StreamWriter) -> bool:
        container = event.container
        self.messages.append((event.raw[:30], container))
        if self.silent:
            connection.skip_answer()
            return True
        signs = self._crypto.sign(
            fn=container.fn,
            fd=container.fd,
            message_sign=container.message_sign,
            response_code=self.response_code,
            operator_message=self.operator_message,
        )
        body = confirmation_body(
            operator_inn=OPERATOR_INN,
            operator_sign=signs.operator_sign,
            fn=container.fn,
            fd=container.fd,
            confirmed_at=datetime.now(UTC) + self.clock_error,
            response_code=self.response_code,
            operator_message=self.operator_message,
        )
        answer: bytes | None = connection.confirm(
            self._crypto.wrap(body=body, fn=container.fn, fd=container.fd, signs=signs)
        )
        fault = next((fault for fault in self.faults if fault.fd == container.fd and fault.times > 0), None)
        if fault is not None:
            fault.times -= 1
            answer = fault.bend(answer)  # type: ignore[arg-type]
        if answer is None:
            return False
        size = -(-len(answer) // self.pieces)
        for start in range(0, len(answer), size):
            writer.write(answer[start : start + size])
            await writer.drain()
            if self.pieces > 1:
                await asyncio.sleep(0.02)
        return fault is None or not fault.closes


@asynccontextmanager
async def serving(operator: TestOperator, port: int = 0) -> AsyncIterator[TestOperator]:
    """The operator on a free port of the loopback interface, until the block ends."""
    talks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        try:
            await operator.talk(reader, writer)
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            talks.discard(task)

    server = await asyncio.start_server(accept, "127.0.0.1", port)
    operator.port = server.sockets[0].getsockname()[1]
    try:
        yield operator
    finally:
        server.close()
        for talk in list(talks):
            talk.cancel()
        await asyncio.gather(*talks, return_exceptions=True)
        await server.wait_closed()


def dropped(_: bytes) -> None:
    """No answer, the connection is closed."""


def changed(offset: int, *values: int, repair: bool = True) -> Bend:
    """Other bytes from `offset` on; with `repair` the container's CRC is made right again."""

    def bend(answer: bytes) -> bytes:
        bent = bytearray(answer)
        bent[offset : offset + len(values)] = bytes(values)
        return repaired(bytes(bent)) if repair else bytes(bent)

    return bend


def rewritten(change: Callable[[bytes], bytes]) -> Bend:
    """Another body (the STLV of the confirmation); every length and CRC follows."""

    def bend(answer: bytes) -> bytes:
        body = change(answer[62:-10])
        container = bytearray(answer[30:62] + body + answer[-10:])
        container[0:2] = len(container).to_bytes(2, "little")
        container[30:32] = len(body).to_bytes(2, "big")
        header = bytearray(answer[:30])
        header[24:26] = len(container).to_bytes(2, "little")
        return repaired(bytes(header + container))

    return bend


def repaired(answer: bytes) -> bytes:
    """The same answer with a right container CRC."""
    container = bytearray(answer[30:])
    container[2:4] = crc16(bytes(container[4:]), crc16(bytes(container[:2]))).to_bytes(2, "little")
    return answer[:30] + bytes(container)
