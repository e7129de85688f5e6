"""The way from one register to the operator: every address it has, tried in turn."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import TYPE_CHECKING

from ofd_gateway.simulator.link import Link

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ofd_gateway.simulator.tally import Tally


class Route:
    """Connects to the address that served last; when it does not answer, to the next one, and round again.

    A name stands for all of its addresses, asked for anew each time. `turn` is for a connection that stands and brings
    nothing: the next one goes elsewhere.
    """

    def __init__(self, endpoints: Sequence[tuple[str, int]], *, timeout_s: float, tally: Tally) -> None:
        self._endpoints = endpoints
        self._timeout_s = timeout_s
        self._tally = tally
        self._place = 0

    def turn(self) -> None:
        """The address in use is tried last from now on."""
        self._place += 1

    async def connect(self) -> Link:
        """A connection to the first address that takes one, `timeout_s` for each of them.

        Raises OSError or TimeoutError, as the last address ended.
        """
        addresses = await self._addresses()
        failure: OSError = OSError("the operator has no address")
        for _ in addresses:
            host, port = addresses[self._place % len(addresses)]
            try:
                async with asyncio.timeout(self._timeout_s):
                    _, link = await asyncio.get_running_loop().create_connection(Link, host, port)
            except OSError as error:  # a TimeoutError is one
                self._tally.failed_connections += 1
                failure = error
                self.turn()
            else:
                self._tally.connections += 1
                return link
        raise failure

    async def _addresses(self) -> list[tuple[str, int]]:
        """Each once, in the order of the endpoints and of the resolver; a name that is not known is left out."""
        found: dict[tuple[str, int], None] = {}
        failure: OSError | None = None
        for host, port in self._endpoints:
            if _is_literal(host):
                found[host, port] = None
                continue
            try:
                async with asyncio.timeout(self._timeout_s):
                    answers = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
            except OSError as error:
                self._tally.failed_connections += 1
                failure = error
                continue
            found.update({(str(address[0]), port): None for *_, address in answers})
        if not found and failure is not None:
            raise failure
        return list(found)


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
