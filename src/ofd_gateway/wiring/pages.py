"""What HTTP serves beside health and metrics: the API and the page of a receipt."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ofd_gateway.disposal import Disposal
from ofd_gateway.intake import Faults
from ofd_gateway.storage import (
    Database,
    Directory,
    DocumentStore,
    FaultBook,
    Feed,
    ReceiptStore,
    RegisterBook,
)
from ofd_gateway.storage.alerts import AlertBook
from ofd_gateway.web import (
    Arrivals,
    DataRoutes,
    DocumentRoutes,
    FaultRoutes,
    RateLimiter,
    ReceiptPages,
    RegisterRoutes,
    StreamRoutes,
    TrustedProxies,
    api_routes,
)

if TYPE_CHECKING:
    from starlette.routing import Mount

    from ofd_gateway.clock import Clock
    from ofd_gateway.metrics import Metrics
    from ofd_gateway.settings import Settings

__all__ = ["api", "receipt_pages"]


def api(
    settings: Settings,
    database: Database,
    directory: Directory,
    arrivals: Arrivals,
    faults: Faults | None,
    disposal: Disposal | None,
    clock: Clock,
    *,
    on_loopback: bool,
) -> list[Mount]:
    """The HTTP API. Faults of other processes' registers are noticed by these processes themselves."""
    names = settings.ffd.names
    documents = DocumentRoutes(DocumentStore(database), arrivals, clock, names)
    stream = StreamRoutes(Feed(database), arrivals, names)
    registers = RegisterRoutes(RegisterBook(database), AlertBook(database), directory, clock)
    on_change = faults.refresh if faults is not None and settings.workers == 1 else None
    spoiling = FaultRoutes(FaultBook(database), clock, on_change)
    data = DataRoutes(disposal.forget if disposal is not None else None)
    routes = [*documents.routes(), *stream.routes(), *registers.routes(), *spoiling.routes(), *data.routes()]
    return api_routes(routes, token=settings.web.token, on_loopback=on_loopback)


def receipt_pages(settings: Settings, database: Database, metrics: Metrics) -> ReceiptPages:
    """The page that shows a receipt to whoever has its QR code."""
    return ReceiptPages(
        ReceiptStore(database),
        limiter=RateLimiter(per_s=settings.web.check_rate.per_s, burst=settings.web.check_burst),
        proxies=TrustedProxies(settings.web.trusted_proxies),
        metrics=metrics,
        monotonic_s=time.monotonic,
        operator_name=settings.ofd.name,
        names=settings.ffd.names,
    )
