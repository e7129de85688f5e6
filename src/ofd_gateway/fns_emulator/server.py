"""The emulator as a process: its file, its socket, its signals."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import structlog

from ofd_gateway.clock import Clock, SystemClock
from ofd_gateway.fns_emulator.application import Application
from ofd_gateway.fns_emulator.archive import Archive, FileArchive, RingArchive
from ofd_gateway.fns_emulator.connections import Connections
from ofd_gateway.fns_emulator.desk import Desk
from ofd_gateway.fns_emulator.memory import Memory
from ofd_gateway.fns_emulator.order import OrderWatch
from ofd_gateway.fns_emulator.playbook import Playbook
from ofd_gateway.fns_emulator.script import Script
from ofd_gateway.logs import LogFormat, configure_logs
from ofd_gateway.sockets import address_text, bind_socket
from ofd_gateway.web import HttpServer

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

__all__ = ["EmulatorOrder", "run_emulator", "serve_emulator"]

_KEEP_ALIVE_S: Final = 75

log = structlog.get_logger()


class EmulatorOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What to serve, and how. `remember` bounds the keys and answers held, `ring` the documents without a file."""

    host: str = "127.0.0.1"
    port: int = 0
    script: Script = Script()
    keep: Path | None = None
    fsync: bool = False
    token: str | None = None
    prefix: str = ""
    max_body_bytes: int = 64 << 20
    remember: int = 1_000_000
    ring: int = 1000


def run_emulator(order: EmulatorOrder, *, log_format: LogFormat = "auto") -> None:
    """Serves until SIGTERM or SIGINT.

    Raises AddressUnavailable, UnreadableKeep and OSError (the file) before it serves.
    """
    sock = bind_socket(order.host, order.port)
    stream = configure_logs(log_format=log_format)
    try:
        asyncio.run(_run(order, sock))
    finally:
        sock.close()
        stream.close()


async def serve_emulator(
    order: EmulatorOrder,
    sock: socket.socket,
    *,
    clock: Clock,
    stop: asyncio.Event,
    on_ready: Callable[[str], object] = lambda _: None,
) -> None:
    """Serves on a bound socket until `stop`; `on_ready` gets the base address."""
    archive, desk = _open(order, clock)
    connections = Connections()
    try:
        application = Application(
            desk,
            clock=clock,
            connections=connections,
            token=order.token,
            prefix=order.prefix,
            max_body_bytes=order.max_body_bytes,
        )
        server = HttpServer(application.asgi, sock, http_protocol=connections.protocol(), keep_alive_s=_KEEP_ALIVE_S)
        serving = asyncio.create_task(server.run())
        await server.wait_started()
        listen = address_text(sock)
        url = f"http://{listen}{order.prefix}"
        log.info(
            "fns_emulator.ready", listen=listen, url=url, pid=os.getpid(), rules=len(order.script.rule),
            documents=desk.watch.summary(limit=0).documents,
        )  # fmt: skip
        on_ready(url)
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait((serving, stopped), return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        server.stop()
        await serving
        log.info("fns_emulator.stopped", documents=desk.watch.summary(limit=0).documents)
    finally:
        archive.close()


def _open(order: EmulatorOrder, clock: Clock) -> tuple[Archive, Desk]:
    archive: Archive = RingArchive(order.ring)
    kept: FileArchive | None = None
    if order.keep is not None:
        archive = kept = FileArchive(order.keep, fsync=order.fsync)
    desk = Desk(
        clock=clock,
        playbook=Playbook(order.script, loaded_at=clock.now()),
        memory=Memory(order.remember),
        watch=OrderWatch(),
        archive=archive,
    )
    if kept is not None:
        try:
            for head in kept.read():
                desk.recall(head)
            torn = kept.cut_torn_line()
        except BaseException:
            kept.close()
            raise
        if torn:
            log.warning("fns_emulator.torn_line_cut", file=str(order.keep), bytes=torn)
    return archive, desk


async def _run(order: EmulatorOrder, sock: socket.socket) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await serve_emulator(order, sock, clock=SystemClock(), stop=stop)
