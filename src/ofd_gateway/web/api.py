"""The API below `/v1`: who may call it, its routes, and its errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount, Route

from ofd_gateway.web.access import Access
from ofd_gateway.web.asking import Asked
from ofd_gateway.web.openapi import openapi_document
from ofd_gateway.web.problems import handlers
from ofd_gateway.web.views import answer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["api_routes"]


def api_routes(routes: Iterable[Route], *, token: str, on_loopback: bool) -> list[Mount]:
    """The API as one route of a larger application.

    `on_loopback` says whether the listener can be reached from this machine only: then no token is needed.
    """
    app = Starlette(
        routes=[Route("/openapi.json", _openapi), *routes],
        middleware=[Middleware(Access, token=token, on_loopback=on_loopback)],
        exception_handlers=handlers(),
    )
    return [Mount("/v1", app=app)]


async def _openapi(request: Request) -> Response:
    Asked(request)
    return answer(openapi_document())
