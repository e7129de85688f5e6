"""The process that records and shows what passes through `proxy`; started by it, never by hand."""

from __future__ import annotations

import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from ofd_gateway.logs import LogStream
    from ofd_gateway.proxy.outputs import Output

__all__ = ["RecorderOrder", "main", "start_recorder"]


class RecorderOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What to record into (open descriptors, and their names for the log), and how to show messages."""

    pcapng: int | None = None
    pcapng_name: str = ""
    lines: int | None = None
    lines_name: str = ""
    log_format: Literal["json", "console"] = "json"
    columns: int = 80
    brief: bool = False


def start_recorder(order: RecorderOrder, *, events: int, log_pipe: int) -> subprocess.Popen[bytes]:
    """Starts the process; the caller closes its own copies of the descriptors."""
    inherited = [one for one in (events, log_pipe, order.pcapng, order.lines) if one is not None]
    return subprocess.Popen(
        [sys.executable, "-m", __name__, str(events), str(log_pipe), msgspec.json.encode(order).decode()],
        stdin=subprocess.DEVNULL,
        pass_fds=inherited,
    )


def main() -> int:
    """Records until the proxy ends; returns the exit status."""
    from ofd_gateway.logs import configure_logs
    from ofd_gateway.proxy.recording import record_events

    events, log_pipe, told = sys.argv[1:]
    order = msgspec.json.decode(told, type=RecorderOrder)
    stream = configure_logs(log_format=order.log_format)
    try:
        is_complete = record_events(socket.socket(fileno=int(events)), int(log_pipe), _outputs(order, stream), stream)
    finally:
        stream.close()
    return 0 if is_complete else 1


def _outputs(order: RecorderOrder, stream: LogStream) -> list[Output]:
    from ofd_gateway.cli.live import LiveLines, LiveTrees
    from ofd_gateway.proxy.outputs import JournalFile, PcapngFile

    outputs: list[Output] = []
    if order.pcapng is not None:
        outputs.append(PcapngFile(order.pcapng, order.pcapng_name))
    if order.lines is not None:
        outputs.append(JournalFile(order.lines, order.lines_name))
    if order.log_format == "json":
        outputs.append(LiveLines(stream))
    else:
        outputs.append(LiveTrees(stream, columns=order.columns, brief=order.brief))
    return outputs


if __name__ == "__main__":
    sys.exit(main())
