"""`/v1/faults`: answers that are wrong on purpose."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import msgspec
from starlette.responses import Response
from starlette.routing import Route

from ofd_gateway.faults import FaultError, parse_fault
from ofd_gateway.web.asking import Asked
from ofd_gateway.web.problems import Problem
from ofd_gateway.web.views import answer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from ofd_gateway.clock import Clock
    from ofd_gateway.storage import FaultBook

__all__ = ["FaultRoutes"]

_MOST_BYTES: Final = 16_384
_JSON: Final = "application/json"


class FaultRoutes:
    """Faults are listed, added and taken away; `on_change` makes this process's registers' side notice at once."""

    def __init__(self, book: FaultBook, clock: Clock, on_change: Callable[[], Awaitable[None]] | None) -> None:
        self._book = book
        self._clock = clock
        self._on_change = on_change

    def routes(self) -> list[Route]:
        """The routes, relative to `/v1`."""
        return [
            Route("/faults", self._list, methods=["GET"]),
            Route("/faults", self._add, methods=["POST"]),
            Route("/faults", self._clear, methods=["DELETE"]),
            Route("/faults/{id:int}", self._remove, methods=["DELETE"]),
        ]

    async def _list(self, request: Request) -> Response:
        Asked(request)
        return answer({"faults": [record.line() for record in await self._book.list()]})

    async def _add(self, request: Request) -> Response:
        Asked(request)
        await self._book.require_on()
        written = await _body(request)
        try:
            fault = parse_fault(written)
        except FaultError as error:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from None
        record = await self._book.add(fault, "http", self._clock.now())
        await self._changed()
        return answer(record.line(), HTTPStatus.CREATED)

    async def _clear(self, request: Request) -> Response:
        Asked(request)
        removed = await self._book.clear()
        await self._changed()
        return answer({"removed": removed})

    async def _remove(self, request: Request) -> Response:
        Asked(request)
        id_ = request.path_params["id"]
        if id_ >= 1 << 63:
            raise Problem(HTTPStatus.NOT_FOUND, f"there is no fault {id_}")
        await self._book.remove(id_)
        await self._changed()
        return Response(status_code=HTTPStatus.NO_CONTENT.value)

    async def _changed(self) -> None:
        if self._on_change is not None:
            await self._on_change()


async def _body(request: Request) -> dict[str, Any]:
    """The object in the body; it must say that it is JSON, which no form of a foreign page can."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _JSON:
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"the body is {_JSON}")
    raw = b""
    async for part in request.stream():
        raw += part
        if len(raw) > _MOST_BYTES:
            raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a fault has at most {_MOST_BYTES} bytes")
    try:
        return msgspec.json.decode(raw, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Problem(HTTPStatus.BAD_REQUEST, f"the body is no JSON object: {error}") from None
