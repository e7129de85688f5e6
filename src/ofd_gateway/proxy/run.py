"""One run of the proxy: wires the server and the channel to the recorder together and stops them in order."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog

from ofd_gateway.proxy.channel import Channel
from ofd_gateway.proxy.server import ProxyServer
from ofd_gateway.sockets import address_text

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from ofd_gateway.captures.piece import Address
    from ofd_gateway.clock import Clock

__all__ = ["ProxyOrder", "run_proxy"]

_RECORDER_TIMEOUT_S: Final = 60.0
"""Reading everything that may wait for the recorder takes that long on a busy machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyOrder:
    """What to do: the bound socket to listen on, whom to pass bytes on to, and the recorder's socket.

    `files` are names for the log. `on_recorder_lost` is called when the recorder has died; the proxy goes on.
    """

    sock: socket.socket
    upstream: Address
    recorder: socket.socket
    files: Sequence[str] = ()
    on_recorder_lost: Callable[[], None] | None = None


async def run_proxy(order: ProxyOrder, *, clock: Clock) -> bool:
    """Passes bytes on until SIGTERM or SIGINT; whether everything that was asked for has been recorded."""
    log = structlog.get_logger()
    channel = await Channel.open(order.recorder, on_lost=order.on_recorder_lost)
    server = ProxyServer(upstream=order.upstream, tap=channel, clock=clock)
    listen = address_text(order.sock)
    await server.start(order.sock)
    log.info("proxy.ready", listen=listen, upstream=str(order.upstream), files=list(order.files), pid=os.getpid())
    await _stop_signal()
    await server.stop()
    is_complete = await channel.finish(_RECORDER_TIMEOUT_S)
    structlog.get_logger().info("proxy.stopped", complete=is_complete, dropped_bytes=channel.lost_bytes)
    return is_complete


async def _stop_signal() -> None:
    """Waits for SIGTERM or SIGINT; a second one kills."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
    for number in signals:
        loop.remove_signal_handler(number)
