"""The gateway's HTTP API as seen from a test: one short connection a request, nothing but the standard library."""

from __future__ import annotations

import http.client
import json
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlencode

from ofd_gateway.testing.errors import ApiRefused, GatewayGone

__all__ = ["ApiClient"]

_USUAL_TIMEOUT_S = 30.0


class ApiClient:
    """Asks one gateway. Usable from several threads.

    Everything raises `ApiRefused` for an answer of 400 and above, `GatewayGone` when nobody answers, and TimeoutError
    when the answer is not there after `timeout_s`.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._host, _, port = address.rpartition(":")
        self._port = int(port)

    def get(self, path: str, *, timeout_s: float = _USUAL_TIMEOUT_S, **query: str | int | None) -> Any:
        """The JSON of an answer; fractions are Decimal."""
        return _read(self._ask("GET", _target(path, query), None, timeout_s))

    def bytes_of(self, path: str, **query: str | int | None) -> bytes:
        """The body of an answer as it is."""
        return self._ask("GET", _target(path, query), None, _USUAL_TIMEOUT_S)

    def post(self, path: str, body: object) -> Any:
        """Sends JSON and gives that of the answer."""
        return _read(self._ask("POST", path, json.dumps(body).encode(), _USUAL_TIMEOUT_S))

    def delete(self, path: str) -> Any:
        """The JSON of the answer, None when it has none."""
        answer = self._ask("DELETE", path, None, _USUAL_TIMEOUT_S)
        return _read(answer) if answer else None

    def _ask(self, method: str, target: str, body: bytes | None, timeout_s: float) -> bytes:
        link = http.client.HTTPConnection(self._host, self._port, timeout=timeout_s)
        try:
            link.request(method, target, body, {"content-type": "application/json"} if body is not None else {})
            answer = link.getresponse()
            content = answer.read()
        except TimeoutError:
            raise
        except (OSError, http.client.HTTPException) as error:
            raise GatewayGone(f"the gateway at {self.address} does not answer: {error!r}") from error
        finally:
            link.close()
        if answer.status >= http.client.BAD_REQUEST:
            raise ApiRefused(answer.status, _detail(content))
        return content


def _target(path: str, query: dict[str, str | int | None]) -> str:
    given = urlencode({name: value for name, value in query.items() if value is not None})
    return quote(path) + (f"?{given}" if given else "")


def _read(content: bytes) -> Any:
    return json.loads(content, parse_float=Decimal)


def _detail(content: bytes) -> str:
    try:
        return str(json.loads(content)["detail"])
    except (ValueError, KeyError, TypeError):
        return content.decode(errors="replace")[:500]
