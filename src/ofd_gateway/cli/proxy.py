"""`ofd-gateway proxy`: between a register and any operator, passing bytes on and recording them."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import structlog
import typer

from ofd_gateway.cli.addresses import parse_address
from ofd_gateway.cli.context import ConfigOption, DatabaseOption, JsonOption, StateDirOption
from ofd_gateway.loops import loop_factory

if TYPE_CHECKING:
    from ofd_gateway.captures.piece import Address
    from ofd_gateway.cli.recorder_process import RecorderOrder

__all__ = ["proxy"]

_RECORDER_TIMEOUT_S: Final = 5.0


def proxy(
    upstream: Annotated[
        str,
        typer.Option(metavar="HOST:PORT", help="ОФД, которому передавать. / The operator to pass everything on to."),
    ],
    listen: Annotated[
        str,
        typer.Option(metavar="HOST:PORT", help="Где ждать кассу. / Where registers connect; port 0 takes a free one."),
    ] = "127.0.0.1:0",
    record: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            dir_okay=False,
            help="Записать pcapng для Wireshark. / Record as pcapng.",
            show_default=False,
        ),
    ] = None,
    lines: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            dir_okay=False,
            help="Записать JSON построчно. / Record as JSON lines, one a message.",
            show_default=False,
        ),
    ] = None,
    brief: Annotated[
        bool, typer.Option("--brief", help="Строка на сообщение. / On a terminal one line a message, no fields.")
    ] = False,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Стоит между кассой и ОФД: передаёт байты как есть, записывает и показывает. / Passes bytes on and records them.

    SIGTERM, SIGINT: код 0, файлы целы. / Exit 0 with whole files; 1 when something could not be recorded.
    """
    del config, database, state_dir
    from ofd_gateway.cli.recorder_process import RecorderOrder
    from ofd_gateway.proxy.outputs import create_file
    from ofd_gateway.sockets import bind_socket

    at, to = parse_address(listen, "--listen", least_port=0), parse_address(upstream, "--upstream")
    with ExitStack() as resources:
        sock = resources.enter_context(bind_socket(*at))
        order = RecorderOrder(
            pcapng=None if record is None else create_file(record),
            pcapng_name=str(record or ""),
            lines=None if lines is None else create_file(lines),
            lines_name=str(lines or ""),
            log_format="json" if as_json or not sys.stdout.isatty() else "console",
            columns=shutil.get_terminal_size().columns,
            brief=brief,
        )
        is_complete = _run(sock, to, order)
    raise typer.Exit(0 if is_complete else 1)


def _run(sock: socket.socket, upstream: Address, order: RecorderOrder) -> bool:
    """Runs the proxy beside its recorder, through whose hands every line to standard output goes."""
    from ofd_gateway.cli.recorder_process import start_recorder
    from ofd_gateway.clock import SystemClock
    from ofd_gateway.logs import configure_logs
    from ofd_gateway.proxy.run import ProxyOrder, run_proxy

    ours, theirs = socket.socketpair()
    log_read, log_write = os.pipe()
    process = start_recorder(order, events=theirs.fileno(), log_pipe=log_read)
    theirs.close()
    for descriptor in (log_read, order.pcapng, order.lines):
        if descriptor is not None:
            os.close(descriptor)
    log_format = order.log_format
    streams = [configure_logs(log_format=log_format, fd=log_write)]

    def go_on_alone() -> None:
        streams.append(configure_logs(log_format=log_format))
        structlog.get_logger().error("proxy.recorder_died", status=process.poll())

    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            names = [name for name in (order.pcapng_name, order.lines_name) if name]
            run = ProxyOrder(sock=sock, upstream=upstream, recorder=ours, files=names, on_recorder_lost=go_on_alone)
            return runner.run(run_proxy(run, clock=SystemClock()))
    finally:
        for stream in streams:
            stream.close()
        os.close(log_write)
        _wait(process)


def _wait(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(_RECORDER_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
