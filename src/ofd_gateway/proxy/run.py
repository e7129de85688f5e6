"""One run of the proxy: wires tap, recorder and server together and stops them in order."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog

from ofd_gateway.proxy.recorder import Recorder
from ofd_gateway.proxy.server import ProxyServer
from ofd_gateway.proxy.tap import Tap
from ofd_gateway.sockets import address_text, bind_socket

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ofd_gateway.captures.piece import Address
    from ofd_gateway.clock import Clock
    from ofd_gateway.proxy.outputs import Output

__all__ = ["ProxyOrder", "run_proxy"]

_RECORDER_TIMEOUT_S: Final = 10.0
_SWITCH_INTERVAL_S: Final = 0.0001
"""How long the recorder's thread may keep the interpreter from the loop: reading a large document takes milliseconds,
and bytes must not wait for that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyOrder:
    """What to do: where to listen, whom to pass bytes on to, and the outputs, which the run closes."""

    listen: Address
    upstream: Address
    outputs: Sequence[Output]
    files: Sequence[str] = ()
    """Names of the files among the outputs, for the log."""


async def run_proxy(order: ProxyOrder, *, clock: Clock) -> bool:
    """Passes bytes on until SIGTERM or SIGINT; whether everything that was asked for has been recorded.

    Raises:
        AddressUnavailable: the address to listen on is taken or is none of ours.
    """
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    log = structlog.get_logger()
    tap = Tap()
    sock = bind_socket(*order.listen)
    recorder = Recorder(tap, order.outputs)
    server = ProxyServer(upstream=order.upstream, tap=tap, clock=clock)
    recorder.start()
    await server.start(sock)
    log.info(
        "proxy.ready", listen=address_text(sock), upstream=str(order.upstream), files=list(order.files), pid=os.getpid()
    )
    await _stop_signal()
    await server.stop()
    is_written = await asyncio.to_thread(recorder.stop, _RECORDER_TIMEOUT_S)
    loss = tap.loss
    is_complete = is_written and not recorder.failed_outputs
    log.info("proxy.stopped", complete=is_complete, dropped_bytes=loss.size_bytes)
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
