"""Structured logs on stdout: JSON lines for machines, coloured text for people.

Every line is `timestamp` (ISO-8601, UTC), `level`, `event`, then the fields. Event names are dotted past-tense facts
(`document.accepted`). `warning` is the most that bad input can cause; `error` means that we failed.

Lines leave through a thread of their own, so that a reader who stops reading the pipe never stops a confirmation:
at most `LogStream.capacity_bytes` wait, later lines are dropped and counted, and `logs.dropped` says how many.
"""

from __future__ import annotations

import asyncio
import logging
import os
import select
import stat
import sys
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec
import structlog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from structlog.typing import EventDict, WrappedLogger

__all__ = ["LogFormat", "LogStream", "configure_logs", "level_number"]

LogFormat = Literal["auto", "json", "console"]

_CAPACITY_BYTES: Final = 32 * 1024 * 1024
_ATOMIC_WRITE_BYTES: Final = 4096
"""A pipe takes writes up to this size whole, so that lines of several workers do not mix (POSIX PIPE_BUF on Linux)."""
_FILE_WRITE_BYTES: Final = 65_536
"""What is written to a regular file at once; it takes every write whole."""
_NANOSECONDS: Final = 1_000_000_000

_encode = msgspec.json.Encoder(enc_hook=str, decimal_format="number").encode


class LogStream:
    """A file descriptor that is written by one background thread, whole lines at a time.

    Inside an event loop the thread is woken once for all lines of one turn of the loop: waking costs more than a line.
    """

    def __init__(
        self, fd: int, *, capacity_bytes: int = _CAPACITY_BYTES, on_drop: Callable[[int], None] | None = None
    ) -> None:
        self.capacity_bytes = capacity_bytes
        self._fd = fd
        self._on_drop = on_drop
        self._write_bytes = _FILE_WRITE_BYTES if stat.S_ISREG(os.fstat(fd).st_mode) else _ATOMIC_WRITE_BYTES
        self._lines: list[bytes] = []
        self._waiting_bytes = 0
        self._dropped = 0
        self._wake_is_due = False
        self._closing = False
        self._lock = threading.Lock()
        self._ready = threading.Condition(self._lock)
        self._thread = threading.Thread(target=self._write_lines, name="log-stream", daemon=True)
        self._thread.start()

    def write_line(self, line: bytes) -> None:
        """Queues one line, without its newline; drops it when the reader is too far behind."""
        with self._lock:
            if self._waiting_bytes + len(line) > self.capacity_bytes:
                self._dropped += 1
                is_dropped = True
            else:
                if self._dropped:
                    self._lines.append(_dropped_line(self._dropped))
                    self._dropped = 0
                self._lines.append(line)
                self._waiting_bytes += len(line)
                is_dropped = False
            wakes, self._wake_is_due = not self._wake_is_due, True
        if is_dropped and self._on_drop is not None:
            self._on_drop(1)
        if wakes:
            self._wake_soon()

    def close(self, timeout_s: float = 2.0) -> None:
        """Writes what is queued, for at most `timeout_s`, and ends the thread."""
        self._closing = True
        self._wake()
        self._thread.join(timeout_s)

    def _wake_soon(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._wake()
        else:
            loop.call_soon(self._wake)

    def _wake(self) -> None:
        with self._lock:
            self._wake_is_due = False
            self._ready.notify()

    def _write_lines(self) -> None:
        while True:
            with self._lock:
                while not self._lines:
                    if self._closing:
                        return
                    self._ready.wait()
                lines, self._lines = self._lines, []
            for chunk in _chunks(lines, self._write_bytes):
                try:
                    _write_all(self._fd, b"\n".join((*chunk, b"")))
                    lost = 0
                except BrokenPipeError:
                    return
                except OSError:  # a full disk: the next lines may find it emptied
                    lost = len(chunk)
                with self._lock:
                    self._waiting_bytes = max(0, self._waiting_bytes - sum(map(len, chunk)))
                    self._dropped += lost
                if lost and self._on_drop is not None:
                    self._on_drop(lost)


class _JsonLogger:
    """Mixed into structlog's logger: a line without an exception is rendered at once, in a third of the time."""

    _context: dict[str, Any]
    _logger: _StreamLogger
    _processors: list[Any]

    def _proxy_to_logger(self, method_name: str, event: str | None = None, **fields: Any) -> None:
        if "exc_info" in fields or self._processors[-1] is not _render_json:
            super()._proxy_to_logger(method_name, event, **fields)  # type: ignore[misc]  # of the class mixed into
            return
        self._logger.msg(_json_line(method_name, event, {**self._context, **fields}))


class _StreamLogger:
    """What structlog calls at the end of its chain: hands a rendered line to the stream."""

    def __init__(self, stream: LogStream) -> None:
        self._stream = stream

    def msg(self, line: bytes | str) -> None:
        self._stream.write_line(line.encode() if isinstance(line, str) else line)

    debug = info = warning = error = critical = exception = fatal = log = msg


class _ForwardToStructlog(logging.Handler):
    """Brings what libraries log through the standard library into the one stream; a traceback with errors alone."""

    def emit(self, record: logging.LogRecord) -> None:
        fields: dict[str, Any] = {"logger": record.name, "message": record.getMessage()}
        if record.exc_info and record.levelno >= logging.ERROR:
            fields["exc_info"] = record.exc_info
        elif record.exc_info and record.exc_info[1] is not None:
            fields["reason"] = f"{type(record.exc_info[1]).__name__}: {record.exc_info[1]}"
        structlog.get_logger().log(record.levelno, "library.logged", **fields)


def level_number(name: str) -> int:
    """The standard library's number of a level name (`debug`, `info`, `warning`, `error`)."""
    return logging.getLevelNamesMapping()[name.upper()]


def configure_logs(
    *,
    level: str = "info",
    log_format: LogFormat = "auto",
    fd: int | None = None,
    on_drop: Callable[[int], None] | None = None,
) -> LogStream:
    """Points structlog and the standard library's root logger at one stream; the caller closes it last."""
    fd = sys.stdout.fileno() if fd is None else fd
    stream = LogStream(fd, on_drop=on_drop)
    as_json = log_format == "json" or (log_format == "auto" and not os.isatty(fd))
    renderer = _render_json if as_json else _render_console()
    wrapper = structlog.make_filtering_bound_logger(level_number(level))
    structlog.configure(
        processors=[structlog.processors.format_exc_info, renderer] if as_json else [renderer],
        wrapper_class=type("JsonLogger", (_JsonLogger, wrapper), {}) if as_json else wrapper,
        logger_factory=lambda *_: _StreamLogger(stream),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [_ForwardToStructlog()]
    root.setLevel(max(level_number(level), logging.WARNING))
    return stream


def _render_json(_logger: WrappedLogger, method: str, fields: EventDict) -> bytes:
    return _json_line(method, fields.pop("event"), fields)


def _json_line(method: str, event: str | None, fields: EventDict) -> bytes:
    return _encode({"timestamp": _timestamp(), "level": _level(method), "event": event, **fields})


def _render_console() -> Callable[[WrappedLogger, str, EventDict], str]:
    console = structlog.dev.ConsoleRenderer(
        colors=True,
        pad_event_to=24,
        # The richer formatters show the values of variables, passwords and keys among them.
        exception_formatter=structlog.dev.plain_traceback,
    )

    def render(logger: WrappedLogger, method: str, fields: EventDict) -> str:
        fields["timestamp"] = datetime.now().astimezone().strftime("%H:%M:%S.%f")[:-3]
        fields["level"] = _level(method)
        return str(console(logger, method, fields))

    return render


def _level(method: str) -> str:
    return {"warn": "warning", "exception": "error", "fatal": "critical"}.get(method, method)


_current_second: tuple[int, str] = (-1, "")
"""The second of the latest line and its text, which is made once for all lines of it."""


def _timestamp() -> str:
    global _current_second  # noqa: PLW0603  a cache of one value, replaced whole
    number, rest = divmod(time.time_ns(), _NANOSECONDS)
    known, text = _current_second
    if number != known:
        text = datetime.fromtimestamp(number, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        _current_second = (number, text)
    return f"{text}.{rest // 1000:06d}Z"


def _dropped_line(count: int) -> bytes:
    return _encode({"timestamp": _timestamp(), "level": "error", "event": "logs.dropped", "lines": count})


def _chunks(lines: list[bytes], most_bytes: int) -> Iterator[list[bytes]]:
    """The lines in order, as many at a time as fit with their newlines; a longer line stands alone."""
    chunk: list[bytes] = []
    size = 0
    for line in lines:
        size += len(line) + 1
        if chunk and size > most_bytes:
            yield chunk
            chunk, size = [], len(line) + 1
        chunk.append(line)
    if chunk:
        yield chunk


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:  # whoever shares the pipe has made it non-blocking
            select.select([], [fd], [])
