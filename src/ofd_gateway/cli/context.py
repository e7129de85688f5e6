"""What every command shares: the common options, the way to the database, and the way out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from ofd_gateway.cli.output import print_json

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from ofd_gateway.settings import Settings
    from ofd_gateway.storage import Database, Directory

__all__ = [
    "ConfigOption",
    "DatabaseOption",
    "JsonOption",
    "LimitOption",
    "StateDirOption",
    "fail",
    "log_to_stderr",
    "parse_moment",
    "present",
    "print_json",
    "user_name",
    "with_database",
    "with_directory",
]

_T = TypeVar("_T")

ConfigOption = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="TOML file with settings.", show_default=False)
]
DatabaseOption = Annotated[
    str | None,
    typer.Option("--database", metavar="DSN|embedded", help="PostgreSQL to use.", show_default=False),
]
StateDirOption = Annotated[
    Path | None,
    typer.Option("--state-dir", metavar="DIR", help="Keys and the embedded database.", show_default=False),
]
LimitOption = Annotated[int, typer.Option(min=0, max=2**63 - 1, help="The latest so many; 0 for all.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document a line.", show_default=False)]


def user_name() -> str:
    """Who runs the command, for the record of what people change; a number where the machine knows no name."""
    import getpass
    import os

    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return str(os.getuid())


def with_database(
    work: Callable[[Database, Settings], Awaitable[_T]],
    *,
    config: Path | None,
    database: str | None,
    state_dir: Path | None,
) -> _T:
    """Runs `work` on the database that `serve` with the same options uses, whether a gateway runs or not.

    Raises:
        SettingsError: the settings have no sense.
        DatabaseError: the database cannot be reached, started or read.
    """
    import asyncio

    from ofd_gateway.settings import load_settings
    from ofd_gateway.storage import open_for_command

    settings = load_settings(config, database=database, state_dir=state_dir)
    log_to_stderr()

    async def run() -> _T:
        async with open_for_command(settings.database, settings.state_dir) as opened:
            return await work(opened, settings)

    return asyncio.run(run())


def with_directory(
    work: Callable[[Database, Directory, datetime], Awaitable[_T]],
    *,
    config: Path | None,
    database: str | None,
    state_dir: Path | None,
) -> _T:
    """The same, with the thresholds of the gateway that serves this database, and the present moment."""

    async def run(opened: Database, settings: Settings) -> _T:
        from ofd_gateway.clock import left_clock
        from ofd_gateway.storage import Directory

        async with opened.reading() as connection:
            directory = await Directory.of_gateway(connection, settings.alerts.parameters(), settings.alerts.notices())
        return await work(opened, directory, left_clock(settings.state_dir).now())

    return with_database(run, config=config, database=database, state_dir=state_dir)


def log_to_stderr() -> None:
    """Standard output belongs to the command's answer."""
    import logging

    import structlog

    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def fail(reason: str, *, code: int = 1) -> typer.Exit:
    """Says the reason on standard error; to be raised."""
    sys.stderr.write(f"{reason}\n")
    return typer.Exit(code)


def present(config: Path | None, state_dir: Path | None) -> datetime:
    """The present moment by the clock of the gateway that `serve` with the same options is (SettingsError)."""
    from ofd_gateway.clock import left_clock
    from ofd_gateway.settings import load_settings

    return left_clock(load_settings(config, state_dir=state_dir).state_dir).now()


def parse_moment(text: str | None, now: Callable[[], datetime] | None = None) -> datetime | None:
    """An ISO date or time (the machine's zone where it names none), or a duration back from now: `24h`, `45d`.

    `now` is asked for a duration alone; without it the machine's clock counts.

    Raises:
        typer.BadParameter: it is neither.
    """
    if text is None:
        return None
    from datetime import UTC, datetime, timedelta

    from ofd_gateway.setting_values import parse_duration

    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    try:
        back = parse_duration(text)
        assert isinstance(back, timedelta)  # noqa: S101  of a text
        return (datetime.now(UTC) if now is None else now()) - back
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            f"{text!r} is neither a moment like 2026-01-31T12:00 nor a duration like 24h"
        ) from None
