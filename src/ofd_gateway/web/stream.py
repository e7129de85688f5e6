"""`/v1/stream`: every document as it is committed, as Server-Sent Events that go on where a reader left off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import structlog
from starlette.responses import StreamingResponse
from starlette.routing import Route

from ofd_gateway.errors import OfdGatewayError
from ofd_gateway.ffd import to_json_bytes
from ofd_gateway.storage import BEGINNING, Cursor, read_cursor, spell_cursor
from ofd_gateway.web.asking import Asked
from ofd_gateway.web.views import whole_document

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

    from ofd_gateway.storage import DocumentRecord, FeedKey, Horizon
    from ofd_gateway.web.arrivals import Arrivals
    from ofd_gateway.web.views import Names

__all__ = ["DocumentFeed", "StreamRoutes"]

_PAGE: Final = 200
_KEEP_ALIVE_S: Final = 15.0
_HEADERS: Final = {"cache-control": "no-store", "x-accel-buffering": "no"}
_BEGINNING: Final = "beginning"


class DocumentFeed(Protocol):
    """What is needed of the storage room."""

    async def page(
        self, seen: Horizon, upto: Horizon, *, after: FeedKey | None, fn: str | None, limit: int
    ) -> Sequence[tuple[FeedKey, DocumentRecord]]:
        """The first documents between two horizons, beyond `after`; fewer than `limit` are all."""
        ...


class StreamRoutes:
    """The stream of documents.

    ::

        id: <cursor>            what Last-Event-ID and `cursor` take
        event: document
        data: <the document as GET /v1/documents/{fn}/{fd} has it>

    A quiet stream sends a comment and its cursor every 15 seconds.
    """

    def __init__(self, feed: DocumentFeed, arrivals: Arrivals, names: Names, *, keep_alive_s: float = _KEEP_ALIVE_S):
        self._feed = feed
        self.arrivals = arrivals
        self._names: Names = names
        self._keep_alive_s = keep_alive_s
        self._log = structlog.get_logger()

    def routes(self) -> list[Route]:
        """The route, relative to `/v1`."""
        return [Route("/stream", self._stream)]

    async def _stream(self, request: Request) -> Response:
        asked = Asked(request, "cursor", "fn")
        fn = asked.fn()
        written = request.headers.get("last-event-id") or asked.text("cursor")
        cursor = None
        if written is not None:
            cursor = BEGINNING if written == _BEGINNING else read_cursor(written)
        return _Streaming(self, cursor, fn)

    async def begin(self, cursor: Cursor | None, fn: str | None) -> Cursor:
        """Where a stream begins: now, unless a cursor says so; one of another database raises `CursorUnreadable`."""
        now = self.arrivals.horizon
        if cursor is None:
            return Cursor(now)
        await self._feed.page(cursor.seen, cursor.upto or now, after=cursor.last, fn=fn, limit=1)
        return cursor

    async def events(self, cursor: Cursor, fn: str | None) -> AsyncIterator[bytes]:
        """The bytes of the stream, until the gateway stops or the database is gone."""
        yield b"retry: 1000\n\n" + _marker(cursor)
        while not self.arrivals.closed:
            upto = cursor.upto or self.arrivals.horizon
            try:
                page = await self._feed.page(cursor.seen, upto, after=cursor.last, fn=fn, limit=_PAGE)
            except OfdGatewayError as error:
                self._log.warning("stream.cut", reason=str(error), fn=fn)
                return
            for key, record in page:
                cursor = Cursor(cursor.seen, upto, key)
                yield self._event(cursor, record)
            if len(page) == _PAGE:
                continue
            cursor = Cursor(upto)
            if not await self.arrivals.wait_for_news(upto, self._keep_alive_s):
                yield _marker(cursor)

    def _event(self, cursor: Cursor, record: DocumentRecord) -> bytes:
        data = to_json_bytes(whole_document(record, self._names))
        return b"id: %b\nevent: document\ndata: %b\n\n" % (spell_cursor(cursor).encode(), data)


class _Streaming(StreamingResponse):
    """The answer that goes on; what is wrong with the request is said before it begins."""

    def __init__(self, stream: StreamRoutes, cursor: Cursor | None, fn: str | None) -> None:
        super().__init__((), media_type="text/event-stream", headers=_HEADERS)
        self._stream, self._cursor, self._fn = stream, cursor, fn

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._stream.arrivals.reading():
            start = await self._stream.begin(self._cursor, self._fn)
            self.body_iterator = self._stream.events(start, self._fn)
            await super().__call__(scope, receive, send)


def _marker(cursor: Cursor) -> bytes:
    """No event: a comment that keeps the connection alive, and the place to go on from."""
    return b": \nid: %b\n\n" % spell_cursor(cursor).encode()
