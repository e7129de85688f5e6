"""`/v1/data`: everything that a disposable gateway has stored, to be forgotten."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import Route

from ofd_gateway.web.asking import Asked
from ofd_gateway.web.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

__all__ = ["DataRoutes"]


class DataRoutes:
    """Forgets on request; without `forget` nothing is ever forgotten."""

    def __init__(self, forget: Callable[[], Awaitable[None]] | None) -> None:
        self._forget = forget

    def routes(self) -> list[Route]:
        """The route, relative to `/v1`."""
        return [Route("/data", self._delete, methods=["DELETE"])]

    async def _delete(self, request: Request) -> Response:
        Asked(request)
        if self._forget is None:
            raise Problem(HTTPStatus.FORBIDDEN, "this gateway keeps what it has stored: `disposable` is not set")
        await self._forget()
        return Response(status_code=HTTPStatus.NO_CONTENT.value)
