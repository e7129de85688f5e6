"""The HTTP side: health, metrics."""

from ofd_gateway.web.http import HttpServer, health_app

__all__ = ["HttpServer", "health_app"]
