"""The gateways of one test session: one for each set of settings, started when a test first asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ofd_gateway.testing.server import Server

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = ["Pool"]

_MOST: Final = 3
"""Gateways that run at the same time; the one that was used least recently gives way."""


class Pool:
    """Hands out gateways. `make_home` gives a new directory for each."""

    def __init__(self, make_home: Callable[[], Path], *, templates: Path | None, keep: bool) -> None:
        self._make_home = make_home
        self._templates = templates
        self._keep = keep
        self._servers: dict[tuple[tuple[str, str], ...], Server] = {}

    def get(self, settings: Mapping[str, str]) -> tuple[Server, bool]:
        """A gateway with these settings, and whether it was used before. One that has died is replaced.

        Raises `GatewayGone`.
        """
        key = tuple(sorted(settings.items()))
        server = self._servers.pop(key, None)
        if server is not None and not server.is_alive:
            server.stop()
            server = None
        used = server is not None
        if server is None:
            while len(self._servers) >= _MOST:
                self._servers.pop(next(iter(self._servers))).stop()
            server = Server(self._make_home(), settings, templates=self._templates, keep=self._keep)
        self._servers[key] = server
        return server, used

    def stop(self) -> None:
        """Ends all."""
        for server in self._servers.values():
            server.ask_to_stop()
        for server in self._servers.values():
            server.stop()
        self._servers.clear()
