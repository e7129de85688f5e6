"""The tax service's side inside the tests: an HTTP server with faults at any stage."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

Key = tuple[str, int, int]
ACCEPTED = ("accepted", 0, "")


class Peer:
    """What the server answers and what it got.

    `decide` gives status, code and text of one document; a decision is kept and given again. `fault`, where set, looks
    at the documents of a request: bytes are the whole answer, "drop" cuts the connection, None answers as usual. `edit`
    changes the answers before they go. `gate`, where set, holds every answer until it is open.
    """

    def __init__(self) -> None:
        self.port = 0
        self.requests: list[list[Key]] = []
        self.bodies: dict[Key, dict[str, Any]] = {}
        self.heads: list[dict[str, str]] = []
        self.connections = 0
        self.decided: dict[Key, tuple[str, int, str]] = {}
        self.order: list[Key] = []
        self.decide: Callable[[dict[str, Any]], tuple[str, int, str]] = lambda document: ACCEPTED
        self.fault: Callable[[list[Key]], bytes | str | None] = lambda keys: None
        self.edit: Callable[[list[dict[str, Any]]], Any] = lambda answers: {"answers": answers}
        self.gate: asyncio.Event | None = None
        self.at_gate = asyncio.Event()
        self.under_way = 0
        self.most_under_way = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def times(self, fn: str, fd: int) -> int:
        """How often the document was sent."""
        return sum(request.count((fn, 0, fd)) for request in self.requests)

    def order_of(self, fn: str) -> list[int]:
        """The FD numbers of an FN in the order in which they were decided on."""
        return [fd for of, _, fd in self.order if of == fn]

    async def answer(self, body: bytes) -> bytes | str:
        documents = json.loads(body)["documents"]
        keys = [(one["fn"], one["generation"], one["fd"]) for one in documents]
        self.requests.append(keys)
        self.bodies.update(zip(keys, documents, strict=True))
        if self.gate is not None:
            self.at_gate.set()
            await self.gate.wait()
        found = self.fault(keys)
        if found is not None:
            return found
        answers = []
        stopped: set[str] = set()
        for key, document in zip(keys, documents, strict=True):
            status, code, text = (
                ("postponed", 0, "") if key[0] in stopped else self.decided.get(key) or self.decide(document)
            )
            if status == "postponed":
                stopped.add(key[0])
            elif key not in self.decided:
                self.decided[key] = status, code, text
                self.order.append(key)
            answers.append(
                {"fn": key[0], "generation": key[1], "fd": key[2], "status": status, "code": code, "text": text}
            )
        return response(200, json.dumps(self.edit(answers)).encode())


def response(status: int, body: bytes = b"", **headers: str) -> bytes:
    named = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    head = f"HTTP/1.1 {status} Said\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{named}\r\n"
    return head.encode() + body


@contextlib.asynccontextmanager
async def serving(peer: Peer, *, port: int = 0, sock: socket.socket | None = None) -> AsyncIterator[Peer]:
    """The peer on a free port of 127.0.0.1, or on a socket that is given."""
    writers: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer.connections += 1
        writers.add(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                fields = dict(line.lower().split(": ", 1) for line in head[1:] if line)
                peer.heads.append({"request": head[0], **fields})
                body = await reader.readexactly(int(fields["content-length"]))
                peer.under_way += 1
                peer.most_under_way = max(peer.most_under_way, peer.under_way)
                try:
                    answer = await peer.answer(body)
                finally:
                    peer.under_way -= 1
                if isinstance(answer, str):
                    writer.transport.abort()
                    return
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writers.discard(writer)
            writer.transport.abort()

    sock = sock or socket.create_server(("127.0.0.1", port))
    server = await asyncio.start_server(serve, sock=sock, limit=1 << 24)
    peer.port = server.sockets[0].getsockname()[1]
    try:
        yield peer
    finally:
        server.close()
        for writer in list(writers):
            writer.transport.abort()
        await server.wait_closed()
