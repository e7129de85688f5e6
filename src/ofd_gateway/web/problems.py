"""Errors of the API as problem details (RFC 9457)."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import structlog
from starlette.exceptions import HTTPException
from starlette.responses import Response

from ofd_gateway.errors import OfdGatewayError
from ofd_gateway.ffd import to_json_bytes
from ofd_gateway.storage import CursorUnreadable, DatabaseError, FaultsOff, FaultUnknown
from ofd_gateway.storage.faults import TooManyFaults
from ofd_gateway.web.arrivals import ArrivalsStalled, TooManyWaiters

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["PROBLEM_TYPE", "Problem", "handlers", "problem_response"]

PROBLEM_TYPE: Final = "application/problem+json"


class Problem(OfdGatewayError):
    """A request that cannot be served; `detail` is for whoever wrote the caller."""

    def __init__(self, status: HTTPStatus, detail: str, *, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = headers


def problem_response(status: HTTPStatus, detail: str, headers: dict[str, str] | None = None) -> Response:
    """The answer that tells a problem."""
    body = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": detail}
    return Response(to_json_bytes(body) + b"\n", status.value, headers, media_type=PROBLEM_TYPE)


def handlers() -> dict[Any, Any]:
    """What a Starlette application does with each error."""
    return {
        Problem: _problem,
        DatabaseError: _unavailable,
        FaultsOff: _told(HTTPStatus.FORBIDDEN),
        FaultUnknown: _told(HTTPStatus.NOT_FOUND),
        TooManyFaults: _told(HTTPStatus.CONFLICT),
        TooManyWaiters: _told(HTTPStatus.TOO_MANY_REQUESTS),
        ArrivalsStalled: _told(HTTPStatus.SERVICE_UNAVAILABLE),
        CursorUnreadable: _told(HTTPStatus.BAD_REQUEST),
        HTTPException: _http,
        Exception: _failed,
    }


def _told(status: HTTPStatus) -> Any:
    async def handle(_request: Request, error: Exception) -> Response:
        return problem_response(status, str(error))

    return handle


async def _problem(_request: Request, error: Problem) -> Response:
    return problem_response(error.status, str(error), error.headers)


async def _http(_request: Request, error: HTTPException) -> Response:
    status = HTTPStatus(error.status_code)
    detail = {
        HTTPStatus.NOT_FOUND: "there is no such address; /v1/openapi.json lists them",
        HTTPStatus.METHOD_NOT_ALLOWED: "this address does not take this method",
    }.get(status, error.detail)
    headers = dict(error.headers) if error.headers else None
    return problem_response(status, detail, headers)


async def _failed(_request: Request, _error: Exception) -> Response:
    """Ours; the error itself goes on to the log."""
    return problem_response(HTTPStatus.INTERNAL_SERVER_ERROR, "the gateway has failed; its log says how")


async def _unavailable(request: Request, error: DatabaseError) -> Response:
    structlog.get_logger().warning("api.unavailable", path=request.url.path, reason=str(error))
    return problem_response(HTTPStatus.SERVICE_UNAVAILABLE, "the database does not answer", {"retry-after": "1"})
