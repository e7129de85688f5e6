"""Dumps of the database by PostgreSQL's own tools, and the way back.

A dump is an archive of `pg_dump` in the custom format; any PostgreSQL of the same or a newer version can read it with
`pg_restore`, so it is also the way from the embedded database to a server.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from ofd_gateway.errors import OfdGatewayError
from ofd_gateway.storage.binaries import find_binaries
from ofd_gateway.storage.database import CONNECTION_ERRORS
from ofd_gateway.storage.errors import DatabaseUnavailable
from ofd_gateway.storage.migrations import migrate

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["BackupFailed", "dump_database", "restore_database"]

_DRAFT: Final = "ofd_gateway_restoring"
_PROGRESS_S: Final = 0.2


class BackupFailed(OfdGatewayError):
    """The tool failed; the message is what it said. Nothing that was there before has changed."""


async def dump_database(dsn: str, file: Path, *, on_progress: Callable[[int], None] | None = None) -> int:
    """Writes a dump, mode 0600, and returns its size in bytes; an existing file is replaced only by a whole dump.

    `on_progress` hears the bytes written so far.

    Raises:
        BackupFailed: with the words of `pg_dump`.
    """
    fd, draft_name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent or Path())
    draft = Path(draft_name)
    try:
        with os.fdopen(fd, "wb") as output:
            await _run("pg_dump", "--format=custom", f"--dbname={dsn}", output=output.fileno(), watched=draft, told=on_progress)
            os.fsync(output.fileno())
        size = draft.stat().st_size
        draft.replace(file)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return size


async def restore_database(dsn: str, file: Path) -> str | None:
    """Makes the dump the current database; returns the name under which the former one is kept, None if it was empty.

    The dump is loaded beside the current database and takes its name only when it is complete and migrated, so a
    failure leaves everything as it was. No gateway may be connected.

    Raises:
        BackupFailed: the dump cannot be loaded.
        DatabaseUnavailable: the server cannot be reached or the database is in use.
    """
    if not file.is_file():
        raise BackupFailed(f"there is no file {file}")
    current = urlsplit(dsn).path.lstrip("/")
    maintenance, draft_dsn = _with_database(dsn, "postgres"), _with_database(dsn, _DRAFT)
    try:
        await _execute(maintenance, f'DROP DATABASE IF EXISTS "{_DRAFT}"', f'CREATE DATABASE "{_DRAFT}"')
        await _run("pg_restore", "--exit-on-error", "--no-owner", f"--dbname={draft_dsn}", str(file))
        await migrate(draft_dsn)
        kept = None if await _is_empty(dsn) else f"{current}_before_{datetime.now(UTC):%Y%m%d_%H%M%S}"
        give_way = f'DROP DATABASE "{current}"' if kept is None else f'ALTER DATABASE "{current}" RENAME TO "{kept}"'
        await _execute(maintenance, give_way, f'ALTER DATABASE "{_DRAFT}" RENAME TO "{current}"')
    except CONNECTION_ERRORS as error:
        raise DatabaseUnavailable(f"the dump was not put in place: {error}") from error
    return kept


async def _run(
    program: str,
    *arguments: str,
    output: int | None = None,
    watched: Path | None = None,
    told: Callable[[int], None] | None = None,
) -> None:
    child = await asyncio.create_subprocess_exec(
        find_binaries().path(program),
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=output,
        stderr=asyncio.subprocess.PIPE,
    )
    assert child.stderr is not None  # noqa: S101  asked for above
    progress = asyncio.create_task(_tell_size(watched, told)) if watched is not None and told is not None else None
    try:
        said = await child.stderr.read()
        code = await child.wait()
    finally:
        if progress is not None:
            progress.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await progress
        if child.returncode is None:
            child.kill()
    if code != 0:
        raise BackupFailed(f"{program} failed with {code}: {said.decode(errors='replace').strip()[-1000:]}")


async def _tell_size(file: Path, told: Callable[[int], None]) -> None:
    while True:
        told(file.stat().st_size)
        await asyncio.sleep(_PROGRESS_S)


async def _execute(dsn: str, *statements: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def _is_empty(dsn: str) -> bool:
    connection = await asyncpg.connect(dsn)
    try:
        if await connection.fetchval("SELECT to_regclass('documents')") is None:
            return True
        return not await connection.fetchval("SELECT EXISTS (SELECT 1 FROM documents)")
    finally:
        await connection.close()


def _with_database(dsn: str, name: str) -> str:
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))
