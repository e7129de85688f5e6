"""`ofd-gateway migrate`, `backup`, `restore`: the database as a whole."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from ofd_gateway.cli.context import (
    ConfigOption,
    DatabaseOption,
    JsonOption,
    StateDirOption,
    fail,
    log_to_stderr,
    print_json,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from rich.progress import Progress

__all__ = ["backup", "migrate_command", "restore"]

_T = TypeVar("_T")


def migrate_command(
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Обновляет схему базы. / Brings the schema up to date; safe to run again."""
    from ofd_gateway.storage import migrate

    applied = _on_database(migrate, config=config, database=database, state_dir=state_dir)
    if as_json:
        print_json({"applied": applied})
    else:
        sys.stdout.write("".join(f"{name}\n" for name in applied) or "схема актуальна / the schema is up to date\n")


def backup(
    file: Annotated[Path, typer.Argument(help="The dump to write; an existing one is replaced when the new is whole.")],
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Сохраняет базу в файл, не мешая работе. / Dumps the database to a file while the gateway runs."""
    from ofd_gateway.storage.backup import dump_database

    with _progress() as progress:
        task = progress.add_task("pg_dump", total=None)

        async def work(dsn: str) -> int:
            return await dump_database(dsn, file, on_progress=lambda done: progress.update(task, completed=done))

        size = _on_database(work, config=config, database=database, state_dir=state_dir)
    if as_json:
        print_json({"file": str(file), "bytes": size})
    else:
        sys.stdout.write(f"{file}: {size} bytes\n")


def restore(
    file: Annotated[Path, typer.Argument(help="A dump made by `backup`.")],
    config: ConfigOption = None,
    database: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Загружает копию во встроенную базу; прежняя сохраняется. / Loads a dump into the embedded database."""
    from ofd_gateway.settings import load_settings
    from ofd_gateway.storage import running_dsn
    from ofd_gateway.storage.backup import BackupFailed, restore_database

    settings = load_settings(config, database=database, state_dir=state_dir)
    if settings.database != "embedded":
        raise fail("restore loads into the embedded database only; use pg_restore on a server", code=2)
    if running_dsn(settings.state_dir) is not None:
        raise fail(f"шлюз работает / a gateway runs on {settings.state_dir}; stop it first", code=3)

    if not file.is_file():
        raise BackupFailed(f"there is no file {file}")

    with _progress() as progress:
        task = progress.add_task("pg_restore", total=file.stat().st_size)

        async def work(dsn: str) -> str | None:
            return await restore_database(dsn, file, on_progress=lambda done: progress.update(task, completed=done))

        kept = _on_database(work, config=config, database=database, state_dir=state_dir)
    if as_json:
        print_json({"file": str(file), "former": kept})
    else:
        former = "" if kept is None else f"; прежняя база / the former database: {kept}"
        sys.stdout.write(f"{file}: загружено / loaded{former}\n")


def _progress() -> Progress:
    """A line on standard error that says how far it is, gone at the end; nothing where that is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


def _on_database(
    work: Callable[[str], Awaitable[_T]], *, config: Path | None, database: str | None, state_dir: Path | None
) -> _T:
    from ofd_gateway.settings import load_settings
    from ofd_gateway.storage import dsn_for_command

    settings = load_settings(config, database=database, state_dir=state_dir)
    log_to_stderr()

    async def run() -> _T:
        async with dsn_for_command(settings.database, settings.state_dir) as dsn:
            return await work(dsn)

    return asyncio.run(run())
