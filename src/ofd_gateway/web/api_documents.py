"""`/v1/documents` and `/v1/quarantine`: what registers have sent."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import Response
from starlette.routing import Route

from ofd_gateway.storage import ArrivalKey
from ofd_gateway.web.arrivals import ArrivalsStalled
from ofd_gateway.web.asking import Asked, read_token, spell_token
from ofd_gateway.web.problems import Problem
from ofd_gateway.web.views import answer, document_line, quarantine_line, whole_document

if TYPE_CHECKING:
    from starlette.requests import Request

    from ofd_gateway.clock import Clock
    from ofd_gateway.storage import DocumentRecord, DocumentStore
    from ofd_gateway.web.arrivals import Arrivals
    from ofd_gateway.web.views import Names

__all__ = ["LONGEST_WAIT_S", "DocumentRoutes"]

LONGEST_WAIT_S: Final = 60
_LARGEST_GENERATION: Final = 2**31 - 1
_LARGEST_FD: Final = 2**32 - 1
_BEFORE_ALL: Final = datetime(2000, 1, 1, tzinfo=UTC)


class DocumentRoutes:
    """Lists, single documents and their bytes."""

    def __init__(self, documents: DocumentStore, arrivals: Arrivals, clock: Clock, names: Names) -> None:
        self._documents = documents
        self._arrivals = arrivals
        self._clock = clock
        self._names: Names = names

    def routes(self) -> list[Route]:
        """The routes, relative to `/v1`."""
        one = "/documents/{fn:str}/{fd:str}"
        return [
            Route("/documents", self._list),
            Route(one, self._get),
            Route(f"{one}/raw", self._raw),
            Route("/quarantine", self._quarantine),
        ]

    async def _list(self, request: Request) -> Response:
        asked = Asked(request, "fn", "kind", "since", "limit", "cursor")
        limit = asked.limit()
        since = asked.moment("since", self._clock) or _BEFORE_ALL
        cursor = asked.text("cursor")
        after = ArrivalKey(since, "", 0, 0)
        if cursor is not None:
            after = max(after, read_token("cursor", cursor, ArrivalKey))
        found = await self._documents.page(fn=asked.fn(), codes=asked.codes(), after=after, limit=limit + 1)
        page = found[:limit]
        following = _place(page[-1]) if len(found) > limit else None
        return answer({"documents": [document_line(record) for record in page], "next": following})

    async def _get(self, request: Request) -> Response:
        asked = Asked(request, "wait", "generation")
        fn, fd = _key(request)
        generation = asked.whole("generation", least=0, most=_LARGEST_GENERATION)
        wait_s = asked.whole("wait", least=0, most=LONGEST_WAIT_S, usual=0) or 0
        record = await self._documents.get(fn, fd, generation)
        if record is None and wait_s:
            record = await self._awaited(fn, fd, generation, wait_s)
        if record is None:
            raise _missing(fn, fd, generation, wait_s)
        return answer(whole_document(record, self._names))

    async def _raw(self, request: Request) -> Response:
        asked = Asked(request, "generation")
        fn, fd = _key(request)
        generation = asked.whole("generation", least=0, most=_LARGEST_GENERATION)
        record = await self._documents.get(fn, fd, generation)
        if record is None:
            raise _missing(fn, fd, generation, 0)
        return Response(record.container, media_type="application/octet-stream")

    async def _quarantine(self, request: Request) -> Response:
        asked = Asked(request, "fn", "since", "limit")
        found = await self._documents.list_quarantine(
            fn=asked.fn(), since=asked.moment("since", self._clock), limit=asked.limit()
        )
        return answer({"quarantine": [quarantine_line(record) for record in found]})

    async def _awaited(self, fn: str, fd: int, generation: int | None, wait_s: int) -> DocumentRecord | None:
        """The document as soon as it is committed; None when the time is over. It may be here before we wait."""
        deadline = time.monotonic() + wait_s
        async with self._arrivals.expecting(fn, fd) as committed:
            while True:
                record = await self._documents.get(fn, fd, generation)
                left_s = deadline - time.monotonic()
                if record is not None or left_s <= 0:
                    return record
                if self._arrivals.closed:
                    raise ArrivalsStalled("the gateway stops")
                try:
                    async with asyncio.timeout(left_s):
                        await committed.wait()
                except TimeoutError:
                    return None
                committed.clear()


def _key(request: Request) -> tuple[str, int]:
    fn, fd = request.path_params["fn"], request.path_params["fd"]
    if not (fn.isascii() and fn.isdecimal() and len(fn) in (15, 16)):
        raise Problem(HTTPStatus.BAD_REQUEST, f"fn: {fn!r} is no FN number of 15 or 16 digits")
    if not (fd.isascii() and fd.isdecimal() and len(fd) <= 10 and int(fd) <= _LARGEST_FD):
        raise Problem(HTTPStatus.BAD_REQUEST, f"fd: {fd!r} is no FD number")
    return fn, int(fd)


def _missing(fn: str, fd: int, generation: int | None, wait_s: int) -> Problem:
    life = "" if generation is None else f", generation {generation}"
    waited = f"; waited {wait_s} s" if wait_s else ""
    return Problem(HTTPStatus.NOT_FOUND, f"there is no document FN {fn}, FD {fd}{life}{waited}")


def _place(record: DocumentRecord) -> Any:
    return spell_token(ArrivalKey(record.received_at, record.fn, record.generation, record.fd))
