"""The page of a receipt: `GET /check` with the six values of its QR code."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any, Final, Protocol

import structlog
from starlette.responses import Response
from starlette.routing import Route

from ofd_gateway.buyers import (
    CHECK_PATH,
    Notice,
    notice_words,
    page_style_source,
    receipt_view,
    render_notice,
    render_page,
)
from ofd_gateway.ffd import decode, to_fns_json, to_json_bytes
from ofd_gateway.ffd.domain import QrError, parse_qr
from ofd_gateway.protocol import parse_container
from ofd_gateway.storage import DatabaseError
from ofd_gateway.web.addresses import client_key
from ofd_gateway.web.negotiation import language_wanted, wants_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request

    from ofd_gateway.ffd.dictionary import Names
    from ofd_gateway.ffd.domain import ReceiptQr
    from ofd_gateway.metrics import Metrics
    from ofd_gateway.storage import StoredReceipt
    from ofd_gateway.web.addresses import TrustedProxies
    from ofd_gateway.web.rate_limit import RateLimiter

__all__ = ["ReceiptFinder", "ReceiptPages"]

_FIND_TIMEOUT_S: Final = 5.0
_RETRY_AFTER_S: Final = 5
_STATUS: Final[Mapping[Notice, int]] = {Notice.NOT_FOUND: 404, Notice.LIMITED: 429, Notice.UNAVAILABLE: 503}
_HTML: Final = "text/html; charset=utf-8"
_JSON: Final = "application/json"


class ReceiptFinder(Protocol):
    """Where receipts are looked for."""

    async def find(self, qr: ReceiptQr | None) -> StoredReceipt | None:
        """The receipt that agrees with all six values. None as a question costs as much and finds nothing."""
        ...


class ReceiptPages:
    """Shows receipts to whoever has them in hand.

    One answer, the same for whatever is wrong: a value missing, doubled, malformed or not that of the receipt, a
    document of another kind, an FN that was never here. Each of them is one question to the database, of the same form
    and with an answer of the same size; only a receipt that is shown costs more. The query string is in no line of the
    log, because it opens the receipt.
    """

    def __init__(
        self,
        finder: ReceiptFinder,
        *,
        limiter: RateLimiter,
        proxies: TrustedProxies,
        metrics: Metrics,
        monotonic_s: Callable[[], float],
        operator_name: str,
        names: Names = "2021",
        timeout_s: float = _FIND_TIMEOUT_S,
    ) -> None:
        self._finder = finder
        self._limiter = limiter
        self._proxies = proxies
        self._metrics = metrics
        self._monotonic_s = monotonic_s
        self._operator_name = operator_name
        self._names: Names = names
        self._timeout_s = timeout_s
        self._log = structlog.get_logger()

    def routes(self) -> list[Route]:
        """What the application mounts; HEAD is answered like GET without a body."""
        return [Route(CHECK_PATH, self._check)]

    async def _check(self, request: Request) -> Response:
        wait_s = self._limiter.take(client_key(self._proxies.client(request)), self._monotonic_s())
        if wait_s:
            return self._refuse(request, Notice.LIMITED, retry_after_s=math.ceil(wait_s))
        qr = _asked(request)
        try:
            async with asyncio.timeout(self._timeout_s):
                found = await self._finder.find(qr)
        except (DatabaseError, TimeoutError) as error:
            self._log.error("receipt.unavailable", reason=str(error) or "no answer in time")
            return self._refuse(request, Notice.UNAVAILABLE, retry_after_s=_RETRY_AFTER_S)
        if found is None:
            return self._refuse(request, Notice.NOT_FOUND)
        self._count("found")
        # A container full of items takes a fifth of a second; registers on the same loop do not wait for it.
        return await asyncio.to_thread(self._show, request, found)

    def _show(self, request: Request, found: StoredReceipt) -> Response:
        document = decode(parse_container(found.container).body, version_hint=found.ffd)
        if wants_json(request.headers.get("accept", "")):
            body = to_json_bytes(to_fns_json(document, message_sign=found.message_sign, names=self._names))
            return _answer(body, media_type=_JSON)
        language = language_wanted(request.headers.get("accept-language", ""))
        page = render_page(receipt_view(document), language=language, operator_name=self._operator_name)
        return _answer(page.encode(), media_type=_HTML)

    def _refuse(self, request: Request, notice: Notice, *, retry_after_s: int | None = None) -> Response:
        self._count(notice.value)
        headers = {} if retry_after_s is None else {"retry-after": str(retry_after_s)}
        if wants_json(request.headers.get("accept", "")):
            error: dict[str, Any] = {"error": {"reason": notice.value, "detail": notice_words(notice)}}
            return _answer(to_json_bytes(error), media_type=_JSON, status=_STATUS[notice], headers=headers)
        page = render_notice(notice, language=language_wanted(request.headers.get("accept-language", "")))
        return _answer(page.encode(), media_type=_HTML, status=_STATUS[notice], headers=headers)

    def _count(self, outcome: str) -> None:
        self._metrics.receipt_checks.labels(outcome).inc()
        self._log.debug("receipt.checked", outcome=outcome)


def _asked(request: Request) -> ReceiptQr | None:
    try:
        return parse_qr(request.scope["query_string"].decode("latin-1"))
    except QrError:
        return None


def _answer(body: bytes, *, media_type: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(
        body,
        status_code=status,
        media_type=media_type,
        headers={
            "cache-control": "private, no-store",
            "content-security-policy": (
                f"default-src 'none'; style-src {page_style_source()}; base-uri 'none'; form-action 'none'; "
                "frame-ancestors 'none'"
            ),
            "cross-origin-resource-policy": "same-origin",
            "referrer-policy": "no-referrer",
            "vary": "Accept, Accept-Language",
            "x-content-type-options": "nosniff",
            "x-frame-options": "DENY",
            "x-robots-tag": "noindex, nofollow, noarchive",
            **(headers or {}),
        },
    )
