"""The HTTP side: health, metrics, the page of a receipt, the API."""

from ofd_gateway.web.access import is_loopback
from ofd_gateway.web.addresses import TrustedProxies
from ofd_gateway.web.api import api_routes
from ofd_gateway.web.api_data import DataRoutes
from ofd_gateway.web.api_documents import DocumentRoutes
from ofd_gateway.web.api_faults import FaultRoutes
from ofd_gateway.web.api_registers import RegisterRoutes
from ofd_gateway.web.arrivals import Arrivals
from ofd_gateway.web.http import HttpServer, health_app
from ofd_gateway.web.rate_limit import RateLimiter
from ofd_gateway.web.receipts import ReceiptFinder, ReceiptPages
from ofd_gateway.web.stream import StreamRoutes

__all__ = [
    "Arrivals",
    "DataRoutes",
    "DocumentRoutes",
    "FaultRoutes",
    "HttpServer",
    "RateLimiter",
    "ReceiptFinder",
    "ReceiptPages",
    "RegisterRoutes",
    "StreamRoutes",
    "TrustedProxies",
    "api_routes",
    "health_app",
    "is_loopback",
]
