"""The recorder's side of the process boundary: events from a socket, log lines of the proxy from a pipe."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING, Final

from ofd_gateway.proxy.recorder import Recorder
from ofd_gateway.proxy.tap import EventReader

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable

    from ofd_gateway.logs import LogStream
    from ofd_gateway.proxy.outputs import Output

__all__ = ["COMPLETE", "INCOMPLETE", "record_events"]

COMPLETE: Final = b"\x00"
INCOMPLETE: Final = b"\x01"
_READ_BYTES: Final = 1 << 20
_NICENESS: Final = 5
"""On a busy machine the bytes go first."""


def record_events(events: socket.socket, log_pipe: int, outputs: Iterable[Output], stream: LogStream) -> bool:
    """Records until the proxy has no more events, then says so on the socket; whether everything was recorded.

    SIGINT and SIGTERM are for the proxy, which ends the events; they go to both where a terminal or a supervisor sends
    them. The files are whole also when the proxy is killed: its end of the socket closes with it.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    os.nice(_NICENESS)
    lines = threading.Thread(target=_forward_lines, args=(log_pipe, stream), name="proxy-log", daemon=True)
    lines.start()
    recorder, reader = Recorder(outputs), EventReader()
    while data := events.recv(_READ_BYTES):
        for event in reader.feed(data):
            recorder.take(event)
        recorder.flush()
    recorder.close()
    is_complete = not recorder.failed_outputs
    try:
        events.sendall(COMPLETE if is_complete else INCOMPLETE)
    except OSError:
        is_complete = False
    events.close()
    lines.join()
    return is_complete


def _forward_lines(log_pipe: int, stream: LogStream) -> None:
    """One process alone writes to standard output, so that long lines of two never mix."""
    with os.fdopen(log_pipe, "rb") as opened:
        for line in opened:
            stream.write_line(line.removesuffix(b"\n"))
