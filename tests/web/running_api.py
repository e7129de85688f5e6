"""The API in this process on a free port, over a real database, asked by a real client."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
from jsonschema import Draft202012Validator

from ofd_gateway.alerts import Parameters
from ofd_gateway.alerts.notices import NoticeParameters
from ofd_gateway.metrics import Metrics
from ofd_gateway.sockets import bind_socket
from ofd_gateway.storage import Database, Directory, DocumentStore, FaultBook, Feed, RegisterBook, Watching
from ofd_gateway.storage.alerts import AlertBook
from ofd_gateway.web import (
    Arrivals,
    DataRoutes,
    DocumentRoutes,
    FaultRoutes,
    HttpServer,
    RegisterRoutes,
    StreamRoutes,
    api_routes,
    health_app,
)
from ofd_gateway.web.openapi import openapi_document
from tests.messages import PLAIN_FN
from tests.storage.arrivals import NOW, arrival, ledger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from datetime import datetime

    from ofd_gateway.ledger import Arrival


class FixedClock:
    def now(self) -> datetime:
        return NOW


@dataclass
class RunningApi:
    client: httpx.AsyncClient
    store: DocumentStore
    book: FaultBook
    arrivals: Arrivals
    database: Database
    changes: list[int]

    async def get(self, path: str, status: int = 200, **headers: str) -> Any:
        """The answer's JSON, which is as its schema says."""
        return checked(await self.client.get(path, headers=headers), status)

    async def send(self, method: str, path: str, body: object = None, status: int = 200) -> Any:
        return checked(await self.client.request(method, path, json=body), status)

    async def commit(self, *fds: int, fn: str = PLAIN_FN, **options: Any) -> None:
        await self.commit_all(arrival(fn, fd, **options) for fd in fds)

    async def commit_all(self, arrivals: Any) -> None:
        found: list[Arrival] = list(arrivals)
        await self.store.commit(found, ledger(), NOW)

    @contextlib.asynccontextmanager
    async def stream(self, query: str = "", **headers: str) -> AsyncIterator[Events]:
        async with self.client.stream("GET", f"/v1/stream{query}", headers=headers) as response:
            assert response.status_code == 200, await response.aread()
            assert response.headers["content-type"].startswith("text/event-stream")
            yield Events(response)


class Events:
    """What a stream says, event by event, as the specification of Server-Sent Events reads it."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.aiter_lines()
        self.last_id = ""

    async def next(self) -> dict[str, Any]:
        async with asyncio.timeout(10):
            while True:
                name, data = "message", []
                async for line in self._lines:
                    if not line:
                        break
                    field, _, value = line.partition(":")
                    value = value.removeprefix(" ")
                    if field == "id":
                        self.last_id = value
                    elif field == "event":
                        name = value
                    elif field == "data":
                        data.append(value)
                else:
                    raise EOFError("the stream has ended")
                if data:
                    assert name == "document"
                    found: dict[str, Any] = json.loads("\n".join(data))
                    Draft202012Validator(schema_of("Document")).validate(found)
                    return found

    async def begun(self) -> None:
        """Until the stream has told where it is."""
        async with asyncio.timeout(10):
            async for line in self._lines:
                if line.startswith("id:"):
                    self.last_id = line.removeprefix("id:").strip()
                if self.last_id and not line:
                    return

    async def fds(self, count: int) -> list[int]:
        return [(await self.next())["fd"] for _ in range(count)]


def schema_of(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}", "components": openapi_document()["components"]}


def checked(response: httpx.Response, status: int) -> Any:
    """The body, after it was held against the schema that the OpenAPI document has for this answer."""
    assert response.status_code == status, response.text
    operation = operation_of(response.request.method, response.request.url.path)
    responses = operation["responses"]
    described = responses.get(str(status), responses["default"])
    if "$ref" in described:
        described = openapi_document()["components"]["responses"]["Problem"]
    if not response.content:
        assert "content" not in described
        return None
    media_type = response.headers["content-type"].partition(";")[0]
    schema = described["content"][media_type].get("schema")
    if schema is None:
        return response.content
    Draft202012Validator({**schema, "components": openapi_document()["components"]}).validate(response.json())
    return response.json()


def operation_of(method: str, path: str) -> Any:
    """What the document says of a method at an address."""
    for template, operations in openapi_document()["paths"].items():
        parts, given = template.split("/"), path.split("/")
        if len(parts) == len(given) and all(p.startswith("{") or p == g for p, g in zip(parts, given, strict=True)):
            return operations[method.lower()]
    raise AssertionError(f"{method} {path} is not in the OpenAPI document")


@contextlib.asynccontextmanager
async def running_api(
    dsn: str,
    *,
    token: str = "",
    on_loopback: bool = True,
    faults_on: bool = True,
    max_streams: int = 8,
    max_waiters: int = 8,
    keep_alive_s: float = 15.0,
    forget: Callable[[], Awaitable[None]] | None = None,
) -> AsyncIterator[RunningApi]:
    database = await Database.connect(dsn)
    directory = Directory(Parameters(), NoticeParameters())
    store = DocumentStore(database, watching=Watching(directory, lambda outcome: None))
    book, clock = FaultBook(database), FixedClock()
    await book.switch(() if faults_on else None, NOW)
    arrivals = Arrivals(Feed(database), max_waiters=max_waiters, max_streams=max_streams)
    changes: list[int] = []

    async def on_change() -> None:
        changes.append(len(await book.list()))

    routes = [
        *DocumentRoutes(store, arrivals, clock, "2021").routes(),
        *StreamRoutes(Feed(database), arrivals, "2021", keep_alive_s=keep_alive_s).routes(),
        *RegisterRoutes(RegisterBook(database), AlertBook(database), directory, clock).routes(),
        *FaultRoutes(book, clock, on_change).routes(),
        *DataRoutes(forget).routes(),
    ]

    async def check_ready() -> None:
        return None

    app = health_app(
        metrics=Metrics(), check_ready=check_ready, routes=api_routes(routes, token=token, on_loopback=on_loopback)
    )
    sock = bind_socket("127.0.0.1", 0)
    port = sock.getsockname()[1]
    server = HttpServer(app, sock)
    serving, looking = asyncio.create_task(server.run()), asyncio.create_task(arrivals.run())
    await server.wait_started()
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
            yield RunningApi(client, store, book, arrivals, database, changes)
    finally:
        arrivals.close()
        server.stop()
        await serving
        looking.cancel()
        await asyncio.wait([looking])
        sock.close()
        await store.close()
        await database.close()
