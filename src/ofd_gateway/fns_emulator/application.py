"""The HTTP application: takes requests, plays the script, and shows what came."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from ofd_gateway.clock import Clock
from ofd_gateway.ffd import to_json_bytes
from ofd_gateway.fns_emulator.archive import KeepFailed
from ofd_gateway.fns_emulator.connections import Connections
from ofd_gateway.fns_emulator.contract import Answers, Batch
from ofd_gateway.fns_emulator.desk import Desk, Handled
from ofd_gateway.fns_emulator.openapi import openapi_document
from ofd_gateway.fns_emulator.playbook import Playbook, ScriptedFault
from ofd_gateway.fns_emulator.problems import RequestProblem, problem_response
from ofd_gateway.fns_emulator.reading import count_argument, read_batch, read_body
from ofd_gateway.fns_emulator.script import Fault, Script, ScriptError, read_script
from ofd_gateway.fns_emulator.spoiling import CutResponse, SpoiledResponse, busy_headers, wait_unless_gone

__all__ = ["Application"]

_JSON: Final = "application/json"
_SCRIPT_BYTES: Final = 1 << 20
_LARGEST_PAGE: Final = 1000
_LARGEST_SUMMARY: Final = 100_000
_KEEP_RETRY_S: Final = 5
_WHOLE: Final = Fault(delay="0s")
"""An answer without fault, which is sent as it is."""

_Endpoint = Callable[[Request], Awaitable[Response]]

log = structlog.get_logger()


class Application:
    """The routes below `prefix`, for whoever knows the token."""

    def __init__(
        self,
        desk: Desk,
        *,
        clock: Clock,
        connections: Connections,
        token: str | None,
        prefix: str,
        max_body_bytes: int,
    ) -> None:
        self._desk = desk
        self._clock = clock
        self._connections = connections
        self._token = token
        self._max_body_bytes = max_body_bytes
        routes = [
            Route("/v1/documents", self._guarded(self._take), methods=["POST"]),
            Route("/v1/documents", self._guarded(self._show_documents), methods=["GET"]),
            Route("/v1/summary", self._guarded(self._show_summary), methods=["GET"]),
            Route("/v1/script", self._guarded(self._show_script), methods=["GET"]),
            Route("/v1/script", self._guarded(self._replace_script), methods=["PUT"]),
            Route("/v1/openapi.json", self._guarded(self._show_contract), methods=["GET"]),
        ]
        self.asgi = Starlette(
            routes=[Mount(prefix, routes=routes)] if prefix else routes,
            exception_handlers={HTTPException: _no_such_route},
        )

    def _guarded(self, endpoint: _Endpoint) -> _Endpoint:
        """The endpoint behind the token; what it refuses is logged and told as a problem."""

        async def guarded(request: Request) -> Response:
            try:
                self._check_token(request)
                return await endpoint(request)
            except ClientDisconnect:
                log.info("fns_emulator.sender_gone", peer=_peer(request), path=request.url.path)
                return CutResponse(self._connections)
            except RequestProblem as problem:
                self._desk.watch.refused_requests += 1
                log.warning(
                    "fns_emulator.request_refused",
                    peer=_peer(request),
                    path=request.url.path,
                    status=problem.status,
                    pointer=problem.pointer,
                    detail=problem.detail,
                )
                return problem_response(problem)

        return guarded

    def _check_token(self, request: Request) -> None:
        if self._token is None:
            return
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), self._token.encode()):
            raise RequestProblem(401, "Authorization: Bearer …", headers={"www-authenticate": "Bearer"})

    async def _take(self, request: Request) -> Response:
        desk = self._desk
        desk.watch.requests += 1
        early = desk.playbook.fault_before_reading(self._clock.now())
        if early is not None:
            self._log_fault(request, early, taken=False)
            return CutResponse(self._connections)
        batch = read_batch(await read_body(request, self._max_body_bytes, _JSON))
        fns = list({sent.fn: sent.generation for sent in batch.documents}.items())
        overlapping = desk.watch.begin(fns)
        if overlapping:
            log.warning("fns_emulator.requests_overlap", peer=_peer(request), fns=overlapping[:10])
        try:
            return await self._answered(request, batch, desk.playbook.fault(batch.documents, self._clock.now()))
        finally:
            desk.watch.end(fns)

    async def _answered(self, request: Request, batch: Batch, scripted: ScriptedFault | None) -> Response:
        fault = _WHOLE if scripted is None else scripted.fault
        handled: Handled | None = None
        if fault.takes_documents:
            try:
                handled = self._desk.handle(batch.documents)
            except KeepFailed as error:
                log.error(  # noqa: TRY400  the reason is told in full
                    "fns_emulator.keep_failed", documents=len(batch.documents), reason=str(error)
                )
                return problem_response(RequestProblem(503, str(error), headers=busy_headers(_KEEP_RETRY_S)))
            _log_handled(request, handled)
        if scripted is not None:
            self._log_fault(request, scripted, taken=handled is not None)
        if fault.delay_s and not await wait_unless_gone(fault.delay_s, request.receive):
            raise ClientDisconnect
        if fault.http_status is not None:
            detail = f"{'' if scripted is None else scripted.rule}: {fault.http_status}"
            return problem_response(
                RequestProblem(fault.http_status, detail, headers=busy_headers(fault.retry_after_s))
            )
        if fault.drop is not None or handled is None:
            return CutResponse(self._connections)
        if fault.body is not None:
            return SpoiledResponse(handled.answers, fault, self._connections)
        return _json(msgspec.json.encode(Answers(answers=handled.answers)))

    async def _show_documents(self, request: Request) -> Response:
        limit = count_argument(request, "limit", default=100, largest=_LARGEST_PAGE, least=1)
        after = count_argument(request, "after", default=0, largest=2**53)
        fn = request.query_params.get("fn")
        documents, following = await asyncio.to_thread(self._desk.archive.page, fn=fn, after=after, limit=limit)
        return _json(to_json_bytes({"documents": documents, "next": following}))

    async def _show_summary(self, request: Request) -> Response:
        limit = count_argument(request, "limit", default=_LARGEST_SUMMARY, largest=_LARGEST_SUMMARY)
        return _json(msgspec.json.encode(self._desk.watch.summary(request.query_params.get("fn"), limit)))

    async def _show_script(self, _request: Request) -> Response:
        return _script_response(self._desk.playbook.script)

    async def _replace_script(self, request: Request) -> Response:
        try:
            script = read_script(await read_body(request, _SCRIPT_BYTES, None))
        except ScriptError as error:
            raise RequestProblem(400, str(error)) from None
        self._desk.playbook = Playbook(script, loaded_at=self._clock.now())
        log.info("fns_emulator.script_replaced", peer=_peer(request), rules=len(script.rule))
        return _script_response(script)

    async def _show_contract(self, _request: Request) -> Response:
        return _json(msgspec.json.encode(openapi_document()))

    def _log_fault(self, request: Request, scripted: ScriptedFault, *, taken: bool) -> None:
        self._desk.watch.faults += 1
        fault = scripted.fault
        played = {name: value for name in fault.__struct_fields__ if (value := getattr(fault, name)) is not None}
        log.info("fns_emulator.fault_played", peer=_peer(request), rule=scripted.rule, taken=taken, **played)


def _log_handled(request: Request, handled: Handled) -> None:
    counts = dict.fromkeys(("accepted", "soft_quarantine", "hard_quarantine", "refused", "postponed"), 0)
    for one in handled.treatments:
        counts[one.verdict.status] += 1
        if one.is_new and one.verdict.status != "accepted":
            log.warning(
                "fns_emulator.document_refused",
                fn=one.sent.fn,
                generation=one.sent.generation,
                fd=one.sent.fd,
                kind=one.sent.kind,
                status=one.verdict.status,
                code=one.verdict.code,
                text=one.verdict.text,
                rule=one.rule,
            )
    for breach in handled.breaches:
        log.warning("fns_emulator.order_broken", **msgspec.structs.asdict(breach))
    repeats = sum(one.outcome == "repeat" for one in handled.treatments)
    conflicts = sum(one.outcome == "conflict" for one in handled.treatments)
    log.info("fns_emulator.batch_answered", peer=_peer(request), **counts, repeats=repeats, conflicts=conflicts)


def _no_such_route(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  registered for these alone
    return problem_response(RequestProblem(error.status_code, error.detail, headers=error.headers))


def _script_response(script: Script) -> Response:
    return _json(msgspec.json.encode(script))


def _json(body: bytes) -> Response:
    return Response(body, media_type=_JSON)


def _peer(request: Request) -> str | None:
    return None if request.client is None else f"{request.client.host}:{request.client.port}"
