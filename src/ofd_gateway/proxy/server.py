"""The listening socket of the proxy, and the connection to the operator that belongs to each one it takes."""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import TYPE_CHECKING

import structlog

from ofd_gateway.captures.piece import Address, Sender
from ofd_gateway.proxy.sides import Side
from ofd_gateway.proxy.tap import Closed, Ended, Opened, Reset, Sent, Tap

if TYPE_CHECKING:
    import socket

    from ofd_gateway.clock import Clock

__all__ = ["ProxyServer"]

_CONNECT_TIMEOUT_S = 10.0
_STOP_TIMEOUT_S = 2.0


class ProxyServer:
    """Takes registers' connections, opens one to the operator for each, and passes bytes on in both directions."""

    def __init__(
        self,
        *,
        upstream: Address,
        tap: Tap,
        clock: Clock,
        connect_timeout_s: float = _CONNECT_TIMEOUT_S,
        stop_timeout_s: float = _STOP_TIMEOUT_S,
    ) -> None:
        self._upstream = upstream
        self._tap = tap
        self._clock = clock
        self._connect_timeout_s = connect_timeout_s
        self._stop_timeout_s = stop_timeout_s
        self._loop = asyncio.get_running_loop()
        self._numbers = itertools.count(1)
        self._relays: set[_Relay] = set()
        self._openings: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._log = structlog.get_logger()

    async def start(self, sock: socket.socket) -> None:
        """Listens on a bound socket, which the server owns from now on."""
        self._server = await self._loop.create_server(lambda: Side(on_connected=self._take), sock=sock, backlog=1024)

    async def stop(self) -> None:
        """Takes no more connections and closes those that stand, what was read still goes out; bounded in time."""
        if self._server is not None:
            self._server.close()
        for opening in list(self._openings):
            opening.cancel()
        for relay in list(self._relays):
            relay.close()
        deadline = self._loop.time() + self._stop_timeout_s
        while self._relays and self._loop.time() < deadline:  # noqa: ASYNC110  bounded, and only at the end
            await asyncio.sleep(0.01)
        for relay in list(self._relays):
            relay.abort()

    @property
    def connection_count(self) -> int:
        """Connections that pass through now."""
        return len(self._relays)

    def _take(self, register: Side) -> None:
        opening = self._loop.create_task(self._open(register))
        self._openings.add(opening)
        opening.add_done_callback(self._openings.discard)

    async def _open(self, register: Side) -> None:
        host, port = self._upstream
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                _, operator = await self._loop.create_connection(Side, host, port)
        except (OSError, TimeoutError) as error:
            reason = str(error) or "timed out"
            self._log.warning(
                "proxy.upstream_failed", upstream=str(self._upstream), register=_text(register.address), reason=reason
            )
            register.reset()
            return
        except asyncio.CancelledError:
            register.abort()
            raise
        relay = _Relay(next(self._numbers), register, operator, tap=self._tap, clock=self._clock, owner=self._relays)
        relay.start()


class _Relay:
    """One register's connection with the operator's that belongs to it."""

    def __init__(
        self, number: int, register: Side, operator: Side, *, tap: Tap, clock: Clock, owner: set[_Relay]
    ) -> None:
        self._sides = {Sender.REGISTER: register, Sender.OPERATOR: operator}
        self._number = number
        self._register, self._operator = Address(*register.address), Address(*operator.address)
        self._tap = tap
        self._clock = clock
        self._owner = owner
        self._opened_at = clock.now()
        self._opened_at_s = time.monotonic()
        self._passed_bytes = dict.fromkeys(Sender, 0)
        self._ended: set[Sender] = set()
        self._log = structlog.get_logger()

    def start(self) -> None:
        """Joins the two sides."""
        self._owner.add(self)
        self._tap.put(Opened(self._number, self._opened_at, self._register, self._operator))
        self._log.info("proxy.connected", connection=self._number, register=str(self._register))
        register, operator = self._sides[Sender.REGISTER], self._sides[Sender.OPERATOR]
        register.join(operator, _Watch(self, Sender.REGISTER))
        operator.join(register, _Watch(self, Sender.OPERATOR))

    def close(self) -> None:
        """Closes both sides once what was passed on has gone out."""
        for sender, side in self._sides.items():
            self.ended(sender)
            side.close()

    def abort(self) -> None:
        """Closes both sides at once."""
        for side in self._sides.values():
            side.abort()

    def sent(self, sender: Sender, data: bytes) -> None:
        """One side's bytes have been passed on."""
        self._passed_bytes[sender] += len(data)
        self._tap.put(Sent(self._number, self._clock.now(), sender, data))

    def ended(self, sender: Sender) -> None:
        """One side sends nothing more."""
        if sender not in self._ended:
            self._ended.add(sender)
            self._tap.put(Ended(self._number, self._clock.now(), sender))

    def reset(self, sender: Sender) -> None:
        """One side broke off; only the first break is recorded, the other follows from it."""
        if len(self._ended) < len(Sender):
            self._ended.update(Sender)
            self._tap.put(Reset(self._number, self._clock.now(), sender))

    def closed(self) -> None:
        """A socket is gone; with the second one the connection is over."""
        if self not in self._owner or not all(side.is_lost for side in self._sides.values()):
            return
        self._owner.discard(self)
        for sender in Sender:
            self.ended(sender)
        self._tap.put(Closed(self._number, self._clock.now()))
        self._log.info(
            "proxy.disconnected",
            connection=self._number,
            register_bytes=self._passed_bytes[Sender.REGISTER],
            operator_bytes=self._passed_bytes[Sender.OPERATOR],
            duration_s=round(time.monotonic() - self._opened_at_s, 6),
        )


class _Watch:
    """What a side tells, with the name of the side added."""

    __slots__ = ("_relay", "_sender")

    def __init__(self, relay: _Relay, sender: Sender) -> None:
        self._relay = relay
        self._sender = sender

    def sent(self, data: bytes) -> None:
        self._relay.sent(self._sender, data)

    def ended(self) -> None:
        self._relay.ended(self._sender)

    def reset(self) -> None:
        self._relay.reset(self._sender)

    def closed(self) -> None:
        self._relay.closed()


def _text(address: tuple[str, int]) -> str:
    return str(Address(*address))
