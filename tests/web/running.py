"""The HTTP side on a real socket, with the receipts of a real database behind it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, Any

import httpx

from ofd_gateway.metrics import Metrics
from ofd_gateway.storage import Database, ReceiptStore
from ofd_gateway.web import HttpServer, RateLimiter, ReceiptPages, TrustedProxies, health_app

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from ofd_gateway.web import ReceiptFinder


class RunningSite:
    """One server, a client of it, and the hands of its clock."""

    def __init__(self, base: str, client: httpx.AsyncClient, metrics: Metrics) -> None:
        self.base = base
        self.client = client
        self.metrics = metrics
        self.now_s = 1000.0

    async def check(self, query: str, **headers: str) -> httpx.Response:
        return await self.client.get(
            f"{self.base}/check?{query}", headers={k.replace("_", "-"): v for k, v in headers.items()}
        )

    def counted(self, outcome: str) -> float:
        return self.metrics.receipt_checks.labels(outcome)._value.get()


@contextlib.asynccontextmanager
async def running_site(
    dsn: str,
    *,
    finder: ReceiptFinder | None = None,
    per_s: float = 0.0,
    burst: int = 1,
    proxies: Sequence[str] = (),
    **settings: Any,
) -> AsyncIterator[RunningSite]:
    async def ready() -> str | None:
        return None

    sock = socket.create_server(("127.0.0.1", 0))
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(sock.close)
        if finder is None:
            database = await Database.connect(dsn)
            stack.push_async_callback(database.close)
            finder = ReceiptStore(database)
        metrics = Metrics()
        client = await stack.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=20))
        site = RunningSite(f"http://127.0.0.1:{sock.getsockname()[1]}", client, metrics)
        pages = ReceiptPages(
            finder,
            limiter=RateLimiter(per_s=per_s, burst=burst),
            proxies=TrustedProxies(proxies),
            metrics=metrics,
            monotonic_s=lambda: site.now_s,
            operator_name="ОФД Пример",
            **settings,
        )
        server = HttpServer(health_app(metrics=metrics, check_ready=ready, routes=pages.routes()), sock)
        serving = asyncio.create_task(server.run())
        await server.wait_started()
        try:
            yield site
        finally:
            server.stop()
            await serving
