"""Requests that cannot be answered as asked, told as problem+json."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import msgspec
from starlette.responses import Response

from ofd_gateway.errors import OfdGatewayError
from ofd_gateway.fns_emulator.contract import Problem

__all__ = ["PROBLEM_TYPE", "RequestProblem", "problem_response", "shape_problem"]

PROBLEM_TYPE: Final = "application/problem+json"

_LONGEST_DETAIL: Final = 300
_PLACE: Final = re.compile(r"^(?P<what>.*?)(?: - at `(?P<place>(?:key in )?\$[^`]*)`)?$", re.DOTALL)
_STEP: Final = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")
_TITLES: Final = {
    400: "запрос не разобран / the request cannot be read",
    401: "нужен токен / a token is needed",
    404: "нет такого адреса / no such address",
    405: "метод не подходит / the method does not fit",
    413: "запрос слишком велик / the request is too large",
    415: "тип содержимого не подходит / the content type does not fit",
    500: "сбой по сценарию / a failure of the script",
    503: "занято / busy",
}


class RequestProblem(OfdGatewayError):
    """A request that is refused whole. `pointer` names the place in its JSON, where there is one."""

    def __init__(
        self, status: int, detail: str, *, pointer: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail if pointer is None else f"{pointer}: {detail}")
        self.status = status
        self.detail = detail
        self.pointer = pointer
        self.headers = dict(headers or {})


def shape_problem(error: msgspec.DecodeError | RecursionError | UnicodeDecodeError) -> RequestProblem:
    """What msgspec says of JSON that is broken or of another shape, with the place as a JSON pointer."""
    if isinstance(error, RecursionError):
        return RequestProblem(400, "the JSON is nested too deep")
    found = _PLACE.match(str(error))
    assert found is not None  # noqa: S101  the expression matches every text
    place = found["place"]
    return RequestProblem(400, found["what"][:_LONGEST_DETAIL], pointer=None if place is None else _pointer(place))


def problem_response(problem: RequestProblem) -> Response:
    """The answer that tells a problem."""
    body = Problem(
        title=_TITLES.get(problem.status, "запрос отклонён / the request is refused"),
        status=problem.status,
        detail=problem.detail,
        pointer=problem.pointer,
    )
    return Response(msgspec.json.encode(body), problem.status, problem.headers, PROBLEM_TYPE)


def _pointer(place: str) -> str:
    """`$.documents[3].fd` as `/documents/3/fd`; names with signs of their own are escaped as RFC 6901 says."""
    steps = (name or index for name, index in _STEP.findall(place))
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)
