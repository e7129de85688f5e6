"""The leg over HTTP: one POST a request on connections that are kept alive."""

from __future__ import annotations

import asyncio
import ssl
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

import httpx
import msgspec
import structlog

from ofd_gateway.dispatch import Answer, DocumentKey, Trouble
from ofd_gateway.fns.transport import EndpointUnavailable, RequestFailed
from ofd_gateway.fns.wire import decode_answers, encode_request

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ofd_gateway.clock import Clock
    from ofd_gateway.fns.transport import Outgoing

__all__ = ["HttpTransport"]

_PATH: Final = "/v1/documents"
_OK: Final = 200
_BUSY: Final = frozenset({429, 503})
_NOT_THERE: Final = frozenset({401, 403, 404, 405, 407, 408, 502, 504})
"""Answers that speak of the endpoint, of its address or of our right to use it, not of what was sent."""
_CLIENT_ERRORS: Final = range(400, 500)
_ANSWER_BYTES: Final = 4096
_MORE_BYTES: Final = 65_536
"""What an answer may have: so much for each document, and so much beside."""
_SAID_CHARACTERS: Final = 200


class HttpTransport:
    """Sends to `{url}/v1/documents`, with `Authorization: Bearer` when there is a token.

    Every request ends within `timeout_s`. Certificates are checked against the authorities of the machine. Proxies of
    the environment are not used: the address is what the settings say.
    """

    def __init__(
        self,
        url: str,
        clock: Clock,
        *,
        token: str = "",
        timeout_s: float = 30.0,
        parallel: int = 4,
        tls_context: ssl.SSLContext | None = None,
    ) -> None:
        self._url = url.rstrip("/") + _PATH
        self._clock = clock
        self._timeout_s = timeout_s
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "ofd-gateway",
        }
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self._client = httpx.AsyncClient(
            headers=headers,
            timeout=httpx.Timeout(timeout_s, connect=timeout_s / 2),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=parallel, keepalive_expiry=60.0),
            verify=tls_context or (ssl.create_default_context() if url.startswith("https:") else False),
            trust_env=False,
            follow_redirects=False,
        )
        self._log = structlog.get_logger()

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

    async def send(self, documents: Sequence[Outgoing]) -> Mapping[DocumentKey, Answer]:
        """See `FnsTransport.send`."""
        body = encode_request(documents)
        most_bytes = _MORE_BYTES + _ANSWER_BYTES * len(documents)
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._client.stream("POST", self._url, content=body) as response,
            ):
                content = await _read(response, most_bytes)
        except (TimeoutError, httpx.ReadTimeout, httpx.WriteTimeout):
            raise RequestFailed(Trouble("timeout", f"no answer within {self._timeout_s:g} s")) from None
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise EndpointUnavailable(Trouble("unreachable", _said(error))) from error
        except (httpx.ReadError, httpx.WriteError, httpx.CloseError, httpx.ProtocolError) as error:
            raise RequestFailed(Trouble("connection_lost", _said(error))) from error
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError, ValueError) as error:
            raise EndpointUnavailable(Trouble("unreachable", _said(error))) from error
        if response.status_code != _OK:
            raise self._refused(response, content)
        if content is None:
            raise RequestFailed(Trouble("nonsense", f"the answer has more than {most_bytes} bytes"))
        return self._answers(content, documents)

    def _answers(self, content: bytes, documents: Sequence[Outgoing]) -> dict[DocumentKey, Answer]:
        try:
            answers, odd = decode_answers(content, documents)
        except msgspec.DecodeError as error:
            raise RequestFailed(Trouble("nonsense", _said(error))) from error
        if odd:
            self._log.warning("fns.odd_answers", odd=odd, documents=len(documents), answered=len(answers))
        if documents and not answers:
            raise RequestFailed(Trouble("nonsense", "no document that was sent is answered"))
        return answers

    def _refused(self, response: httpx.Response, content: bytes | None) -> EndpointUnavailable | RequestFailed:
        status = response.status_code
        said = " ".join((content or b"").decode(errors="replace").split())[:_SAID_CHARACTERS]
        trouble = Trouble(f"http_{status}", said)
        if status in _BUSY:
            return EndpointUnavailable(trouble, retry_after_s=self._retry_after_s(response))
        if status in _NOT_THERE or status < _CLIENT_ERRORS.start:
            return EndpointUnavailable(trouble, may_have_arrived=status == 504)
        return RequestFailed(
            trouble, blames_request=status in _CLIENT_ERRORS, may_have_arrived=status not in _CLIENT_ERRORS
        )

    def _retry_after_s(self, response: httpx.Response) -> float | None:
        """Seconds, or a date by the endpoint's clock, which is taken for ours."""
        text = response.headers.get("Retry-After", "").strip()
        if text.isascii() and text.isdecimal():
            return float(text[:9])
        try:
            at: datetime = parsedate_to_datetime(text)
        except ValueError:
            return None
        return None if at.tzinfo is None else max((at - self._clock.now()).total_seconds(), 0.0)


async def _read(response: httpx.Response, most_bytes: int) -> bytes | None:
    """The whole content, None when it is longer than that."""
    parts = bytearray()
    async for part in response.aiter_raw():
        parts += part
        if len(parts) > most_bytes:
            return None
    return bytes(parts)


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:_SAID_CHARACTERS] or type(error).__name__
