"""The HTTP side: health, metrics, the page of a receipt."""

from ofd_gateway.web.addresses import TrustedProxies
from ofd_gateway.web.http import HttpServer, health_app
from ofd_gateway.web.rate_limit import RateLimiter
from ofd_gateway.web.receipts import ReceiptFinder, ReceiptPages

__all__ = ["HttpServer", "RateLimiter", "ReceiptFinder", "ReceiptPages", "TrustedProxies", "health_app"]
