"""`ofd-gateway logs`: the JSON log of a gateway, readable and filtered."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ofd_gateway.cli.context import ConfigOption, DatabaseOption, JsonOption, StateDirOption, parse_moment
from ofd_gateway.cli.output import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

__all__ = ["follow_lines", "logs"]

_LEVELS: Final = ("debug", "info", "warning", "error", "critical")
_PAUSE_S: Final = 0.2


def logs(
    file: Annotated[Path | None, typer.Argument(metavar="[FILE|-]", help="Standard input by default.")] = None,
    fn: Annotated[str | None, typer.Option(help="Only lines of this FN.", show_default=False)] = None,
    event: Annotated[
        str | None, typer.Option(help="Only this event, or a prefix of it: document.", show_default=False)
    ] = None,
    level: Annotated[str, typer.Option(help="Least level: debug, info, warning, error.")] = "debug",
    since: Annotated[
        str | None, typer.Option(metavar="T", help="From then on: 2026-01-31T12:00, 24h.", show_default=False)
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="T", help="Up to then.", show_default=False)] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Wait for more lines at the end of FILE, also after it was rotated.")
    ] = False,
    text: Annotated[
        bool | None,
        typer.Option(
            "--text/--no-text",
            help="Lines that are no JSON: pass through or leave out; by default through when nothing is filtered.",
            show_default=False,
        ),
    ] = None,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Показывает журнал шлюза. / Shows a gateway's log; with --json the lines as they are, filtered."""
    del config, database, state_dir
    if level not in _LEVELS:
        raise typer.BadParameter(f"{level!r} is none of {', '.join(_LEVELS)}")
    if as_json and text:
        raise typer.BadParameter("--text and --json exclude each other")
    wanted = _Filter(
        fn=fn, event=event, level=_LEVELS.index(level), since=parse_moment(since), until=parse_moment(until)
    )
    passes_text = not as_json and (wanted.takes_everything if text is None else text)
    show: Callable[[dict[str, Any]], str] = _as_json if as_json else _Readable()
    try:
        for line in _lines(file, follow=follow):
            record = _record(line)
            if record is not None and wanted(record):
                sys.stdout.write(show(record) + "\n")
            elif record is None and passes_text:
                sys.stdout.write(printable(line.rstrip("\r\n").expandtabs()) + "\n")
            if follow:
                sys.stdout.flush()
    except KeyboardInterrupt:
        return


def follow_lines(file: Path, *, pause: Callable[[], None] = lambda: time.sleep(_PAUSE_S)) -> Iterator[str]:
    """Whole lines of a file, for ever: those that are there, then those that are added.

    `pause` is called when there is nothing new. A file that was replaced or cut short is read from its beginning, one
    that is gone for a moment is waited for.
    """
    opened = file.open("rb")
    try:
        rest = b""
        while True:
            chunk = opened.readline()
            rest += chunk
            if rest.endswith(b"\n"):
                yield rest.decode("utf-8", errors="replace")
                rest = b""
            elif not chunk:
                pause()
                if _is_other(opened.fileno(), opened.tell(), file):
                    opened.close()
                    opened, rest = file.open("rb"), b""
    finally:
        opened.close()


def _is_other(descriptor: int, position: int, file: Path) -> bool:
    try:
        now = file.stat()
    except FileNotFoundError:
        return False
    ours = os.fstat(descriptor)
    return (now.st_dev, now.st_ino) != (ours.st_dev, ours.st_ino) or now.st_size < position


@dataclass(frozen=True, slots=True, kw_only=True)
class _Filter:
    fn: str | None
    event: str | None
    level: int
    since: datetime | None
    until: datetime | None

    @property
    def takes_everything(self) -> bool:
        return (self.fn, self.event, self.level, self.since, self.until) == (None, None, 0, None, None)

    def __call__(self, record: dict[str, Any]) -> bool:
        if self.fn is not None and record.get("fn") != self.fn:
            return False
        if self.event is not None and not str(record["event"]).startswith(self.event):
            return False
        if record.get("level") in _LEVELS and _LEVELS.index(record["level"]) < self.level:
            return False
        return self._is_in_time(record)

    def _is_in_time(self, record: dict[str, Any]) -> bool:
        if self.since is None and self.until is None:
            return True
        moment = _moment(record)
        if moment is None:
            return False
        return (self.since is None or moment >= self.since) and (self.until is None or moment <= self.until)


class _Readable:
    """The same look as the gateway has on a terminal."""

    def __init__(self) -> None:
        import structlog

        self._render = structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty(), pad_event_to=24)

    def __call__(self, record: dict[str, Any]) -> str:
        shown = {printable(name): _shown(value) for name, value in record.items()}
        shown["event"] = str(shown["event"])
        trace = shown.pop("exception", None)
        moment = _moment(record)
        if moment is not None:
            shown["timestamp"] = f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"
        line = self._render(None, "", shown)
        return line if trace is None else f"{line}\n{_indented(str(record['exception']))}"


def _shown(value: object) -> object:
    return printable(value) if isinstance(value, str) else value


def _indented(trace: str) -> str:
    return "\n".join(f"    {printable(line)}" for line in trace.splitlines())


def _as_json(record: dict[str, Any]) -> str:
    import msgspec

    return msgspec.json.encode(record).decode()


def _lines(file: Path | None, *, follow: bool) -> Iterator[str]:
    if file is None or str(file) == "-":
        for line in sys.stdin.buffer:
            yield line.decode("utf-8", errors="replace")
    elif follow:
        yield from follow_lines(file)
    else:
        with file.open(encoding="utf-8", errors="replace") as opened:
            yield from opened


def _record(line: str) -> dict[str, Any] | None:
    import msgspec

    try:
        record = msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError):
        return None
    return record if isinstance(record, dict) and "event" in record else None


def _moment(record: dict[str, Any]) -> datetime | None:
    from datetime import UTC, datetime

    try:
        moment = datetime.fromisoformat(str(record.get("timestamp")))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
