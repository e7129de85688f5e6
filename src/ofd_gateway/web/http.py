"""Health and metrics over HTTP, served inside the gateway's own event loop."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final

import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from ofd_gateway.metrics import Metrics

__all__ = ["HttpServer", "health_app"]

_METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


def health_app(
    *, metrics: Metrics, check_ready: Callable[[], Awaitable[str | None]], routes: Sequence[BaseRoute] = ()
) -> Starlette:
    """The application with `/healthz`, `/readyz` and `/metrics`, and with further routes.

    `check_ready` returns None when the gateway can store documents, otherwise the reason why it cannot.
    """

    async def healthz(_request: Request) -> Response:
        return PlainTextResponse("alive\n")

    async def readyz(_request: Request) -> Response:
        reason = await check_ready()
        if reason is None:
            return PlainTextResponse("ready\n")
        return PlainTextResponse(f"{reason}\n", status_code=503)

    async def show_metrics(_request: Request) -> Response:
        return Response(metrics.render(), headers={"content-type": _METRICS_TYPE})

    return Starlette(
        routes=[Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", show_metrics), *routes],
    )


class _Uvicorn(uvicorn.Server):
    """A uvicorn server that leaves the signals to the gateway."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class HttpServer:
    """Runs an ASGI application on a bound socket until it is told to stop.

    The peer of a request is that of its connection: whose `X-Forwarded-For` is believed is for the application to say.
    `http_protocol` is uvicorn's own or a subclass of it; idle connections are closed after `keep_alive_s`.
    """

    def __init__(
        self,
        app: Any,
        sock: socket.socket,
        *,
        http_protocol: type[asyncio.Protocol] | None = None,
        keep_alive_s: int = 5,
    ) -> None:
        config = uvicorn.Config(
            app,
            http=http_protocol or "auto",
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=1,
            timeout_keep_alive=keep_alive_s,
            server_header=False,
            proxy_headers=False,
        )
        self._server = _Uvicorn(config)
        self._sock = sock

    async def run(self) -> None:
        """Serves until `stop`."""
        await self._server.serve(sockets=[self._sock])

    async def wait_started(self, timeout_s: float = 5.0) -> None:
        """Returns once requests are answered."""
        async with asyncio.timeout(timeout_s):
            while not self._server.started:  # noqa: ASYNC110  uvicorn has no event for it
                await asyncio.sleep(0.005)

    def stop(self) -> None:
        """Ends `run`; requests in hand are finished."""
        self._server.should_exit = True
