"""`ofd-gateway logs`: the JSON log of a gateway, readable and filtered."""

from __future__ import annotations

import sys
from pathlib import Path  # noqa: TC003  typer reads the annotations
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ofd_gateway.cli.context import (
    ConfigOption,
    DatabaseOption,
    JsonOption,
    StateDirOption,
    fail,
    parse_moment,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

__all__ = ["logs"]

_LEVELS = ("debug", "info", "warning", "error", "critical")


def logs(
    file: Annotated[Path | None, typer.Argument(metavar="[FILE|-]", help="Standard input by default.")] = None,
    fn: Annotated[str | None, typer.Option(help="Only lines of this FN.", show_default=False)] = None,
    event: Annotated[
        str | None, typer.Option(help="Only this event, or a prefix of it: document.", show_default=False)
    ] = None,
    level: Annotated[str, typer.Option(help="Least level: debug, info, warning, error.")] = "debug",
    since: Annotated[str | None, typer.Option(metavar="T", help="From then on.", show_default=False)] = None,
    until: Annotated[str | None, typer.Option(metavar="T", help="Up to then.", show_default=False)] = None,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Показывает журнал шлюза. / Shows a gateway's log; lines that are no JSON pass through unless --json."""
    del config, database, state_dir
    if level not in _LEVELS:
        raise typer.BadParameter(f"{level!r} is none of {', '.join(_LEVELS)}")
    wanted = _Filter(fn, event, _LEVELS.index(level), parse_moment(since), parse_moment(until))
    show = _print_json if as_json else _Printer()
    for line in _lines(file):
        record = _record(line)
        if record is None:
            if not as_json and wanted.takes_everything:
                sys.stdout.write(line)
        elif wanted(record):
            show(record)


class _Filter:
    def __init__(
        self, fn: str | None, event: str | None, level: int, since: datetime | None, until: datetime | None
    ) -> None:
        self._fn, self._event, self._level, self._since, self._until = fn, event, level, since, until

    @property
    def takes_everything(self) -> bool:
        return (self._fn, self._event, self._level, self._since, self._until) == (None, None, 0, None, None)

    def __call__(self, record: dict[str, Any]) -> bool:
        if self._fn is not None and record.get("fn") != self._fn:
            return False
        if self._event is not None and not str(record["event"]).startswith(self._event):
            return False
        if record.get("level") in _LEVELS and _LEVELS.index(record["level"]) < self._level:
            return False
        return self._is_in_time(record)

    def _is_in_time(self, record: dict[str, Any]) -> bool:
        if self._since is None and self._until is None:
            return True
        moment = _moment(record)
        if moment is None:
            return False
        return (self._since is None or moment >= self._since) and (self._until is None or moment <= self._until)


class _Printer:
    """The same look as the gateway has on a terminal."""

    def __init__(self) -> None:
        import structlog

        self._render = structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty(), pad_event_to=24)

    def __call__(self, record: dict[str, Any]) -> None:
        shown = dict(record)
        moment = _moment(record)
        if moment is not None:
            shown["timestamp"] = f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"
        sys.stdout.write(f"{self._render(None, str(record.get('level', 'info')), shown)}\n")


def _print_json(record: dict[str, Any]) -> None:
    import msgspec

    sys.stdout.write(msgspec.json.encode(record).decode() + "\n")


def _lines(file: Path | None) -> Iterator[str]:
    if file is None or str(file) == "-":
        yield from sys.stdin
        return
    try:
        with file.open(encoding="utf-8", errors="replace") as opened:
            yield from opened
    except OSError as error:
        raise fail(f"{file}: {error.strerror}") from error


def _record(line: str) -> dict[str, Any] | None:
    import msgspec

    try:
        record = msgspec.json.decode(line)
    except msgspec.DecodeError:
        return None
    return record if isinstance(record, dict) and "event" in record else None


def _moment(record: dict[str, Any]) -> datetime | None:
    from datetime import datetime

    try:
        return datetime.fromisoformat(str(record.get("timestamp")))
    except ValueError:
        return None
