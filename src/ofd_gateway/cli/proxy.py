"""`ofd-gateway proxy`: between a register and any operator, passing bytes on and recording them."""

from __future__ import annotations

import asyncio
import shutil
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ofd_gateway.cli.addresses import parse_address
from ofd_gateway.cli.context import ConfigOption, DatabaseOption, JsonOption, StateDirOption

if TYPE_CHECKING:
    from ofd_gateway.logs import LogStream
    from ofd_gateway.proxy.outputs import Output

__all__ = ["proxy"]


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
    from ofd_gateway.clock import SystemClock
    from ofd_gateway.logs import configure_logs
    from ofd_gateway.proxy.outputs import JournalFile, PcapngFile
    from ofd_gateway.proxy.run import ProxyOrder, run_proxy

    del config, database, state_dir
    at, to = parse_address(listen, "--listen", least_port=0), parse_address(upstream, "--upstream")
    outputs: list[Output] = []
    if record is not None:
        outputs.append(PcapngFile(record))
    if lines is not None:
        outputs.append(JournalFile(lines))
    files = [output.name for output in outputs]
    with ExitStack() as resources:
        stream = configure_logs(log_format="json" if as_json else "auto")
        resources.callback(stream.close)
        outputs.append(_live(stream, as_json=as_json, brief=brief))
        order = ProxyOrder(listen=at, upstream=to, outputs=outputs, files=files)
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            is_complete = runner.run(run_proxy(order, clock=SystemClock()))
    raise typer.Exit(0 if is_complete else 1)


def _live(stream: LogStream, *, as_json: bool, brief: bool) -> Output:
    from ofd_gateway.cli.live import LiveLines, LiveTrees

    if as_json or not sys.stdout.isatty():
        return LiveLines(stream)
    return LiveTrees(stream, columns=shutil.get_terminal_size().columns, brief=brief)


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # pragma: no cover - uvloop exists on every platform of the tests
        return None
    return uvloop.Loop
