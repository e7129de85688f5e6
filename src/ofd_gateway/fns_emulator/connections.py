"""HTTP connections that an application can cut: what uvicorn does not offer and a lost connection needs."""

from __future__ import annotations

import asyncio
from typing import Any, TypeAlias

from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["Connections", "Peer"]

Peer: TypeAlias = tuple[str, int]


class Connections:
    """The open connections by the address of the peer."""

    def __init__(self) -> None:
        self._open: dict[Peer, asyncio.Transport] = {}

    def protocol(self) -> type[H11Protocol]:
        """The protocol class to serve with."""
        connections = self._open

        class _Protocol(H11Protocol):
            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
                super().connection_made(transport)
                if self.client is not None:
                    connections[self.client] = transport

            def connection_lost(self, exc: Exception | None) -> None:
                if self.client is not None:
                    connections.pop(self.client, None)
                super().connection_lost(exc)

        return _Protocol

    def cut(self, scope: Any) -> None:
        """Ends the connection of a request at once; what was not sent yet is lost."""
        transport = self._of(scope)
        if transport is not None:
            transport.abort()

    def close(self, scope: Any) -> None:
        """Ends the connection of a request as soon as what was written is sent."""
        transport = self._of(scope)
        if transport is not None:
            transport.close()

    def _of(self, scope: Any) -> asyncio.Transport | None:
        client = scope.get("client")
        return None if client is None else self._open.get((client[0], client[1]))
