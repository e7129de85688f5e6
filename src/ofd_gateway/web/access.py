"""Who may use the API: callers with the token and, as long as there is none, callers of this machine."""

from __future__ import annotations

import hmac
import ipaddress
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from starlette.requests import Request

from ofd_gateway.web.problems import problem_response

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["Access", "is_loopback"]

_BEARER: Final = "bearer "
_LOCAL_NAME: Final = "localhost"


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect to an address."""
    if host == _LOCAL_NAME:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Access:
    """Middleware that lets a request through or says why not.

    With a token every request must bear it. Without one the API answers only where `on_loopback`, and only to requests
    that name this machine as their host: a page in somebody's browser cannot reach it under another name.
    """

    def __init__(self, app: ASGIApp, *, token: str, on_loopback: bool) -> None:
        self._app = app
        self._token = token.encode()
        self._on_loopback = on_loopback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        refusal = self._refusal(Request(scope)) if scope["type"] == "http" else None
        await (refusal or self._app)(scope, receive, send)

    def _refusal(self, request: Request) -> Response | None:
        if self._token:
            return None if self._bears_token(request) else _unauthorized()
        if not self._on_loopback:
            return problem_response(
                HTTPStatus.FORBIDDEN, "the API is off: HTTP listens beyond this machine and web.token is not set"
            )
        if not is_loopback(_host(request)):
            return problem_response(
                HTTPStatus.FORBIDDEN,
                "without web.token the API answers to localhost only; Host names another",
            )
        return None

    def _bears_token(self, request: Request) -> bool:
        given = request.headers.get("authorization", "")
        if not given.lower().startswith(_BEARER):
            return False
        return hmac.compare_digest(given[len(_BEARER) :].strip().encode("latin-1"), self._token)


def _unauthorized() -> Response:
    return problem_response(
        HTTPStatus.UNAUTHORIZED,
        "the header `Authorization: Bearer …` with web.token is needed",
        {"www-authenticate": 'Bearer realm="ofd-gateway"'},
    )


def _host(request: Request) -> str:
    try:
        return urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    except ValueError:
        return ""
