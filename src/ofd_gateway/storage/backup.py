"""Dumps of the database by PostgreSQL's own tools, and the way back.

A dump is an archive of `pg_dump` in the custom format; any PostgreSQL of the same or a newer version can read it with
`pg_restore`, so it is also the way from the embedded database to a server.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit, urlunsplit

import asyncpg

from ofd_gateway.errors import OfdGatewayError
from ofd_gateway.storage.binaries import find_binaries
from ofd_gateway.storage.database import CONNECTION_ERRORS
from ofd_gateway.storage.errors import DatabaseUnavailable, SchemaMismatch
from ofd_gateway.storage.migrations import load_migrations, migrate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["BackupFailed", "dump_database", "restore_database"]

_DRAFT: Final = "ofd_gateway_restoring"
_PROGRESS_S: Final = 0.2
_DROP_LEDGER: Final = "DROP TABLE schema_migrations"
_PRECIOUS: Final = ("documents", "quarantine", "customers", "registers")
"""A database with rows in one of these is not replaced."""
_EMPTY_TABLES: Final = """
DO $$
BEGIN
    EXECUTE (SELECT 'TRUNCATE ' || string_agg(format('%I.%I', schemaname, tablename), ', ')
             FROM pg_tables WHERE schemaname = 'public');
END
$$
"""


class BackupFailed(OfdGatewayError):
    """The tool failed; the message is what it said. Nothing that was there before has changed."""


class _Progress:
    """Asks how many bytes have gone by, and passes the answer on, until it is cancelled."""

    def __init__(self, measure: Callable[[], int], told: Callable[[int], None]) -> None:
        self._measure = measure
        self._told = told

    async def tell(self) -> None:
        while True:
            self._told(self._measure())
            await asyncio.sleep(_PROGRESS_S)


async def dump_database(dsn: str, file: Path, *, on_progress: Callable[[int], None] | None = None) -> int:
    """Writes a dump, mode 0600, and returns its size in bytes; an existing file is replaced only by a whole dump.

    `on_progress` hears the bytes written so far.

    Raises:
        BackupFailed: with the words of `pg_dump`.
    """
    with _replacing(file) as output:
        progress = None if on_progress is None else _Progress(lambda: os.fstat(output).st_size, on_progress)
        await _run("pg_dump", dsn, "--format=custom", stdout=output, progress=progress)
        return os.fstat(output).st_size


async def restore_database(dsn: str, file: Path, *, on_progress: Callable[[int], None] | None = None) -> str | None:
    """Makes the dump the current database; returns the name under which the former one is kept, None if it was empty.

    The dump is loaded beside the current database and takes its name only when it is complete and migrated, so a
    failure leaves everything as it was. Only the rows come from the dump, the schema is that of our migrations: so a
    dump of any server can be loaded, and none brings statements of its own along. No gateway may be connected.
    `on_progress` hears the bytes of the file read so far.

    Raises:
        BackupFailed: the dump cannot be loaded.
        DatabaseUnavailable: the server cannot be reached or the database is in use.
        SchemaMismatch: the dump is of a newer version of this software.
    """
    current = urlsplit(dsn).path.lstrip("/")
    maintenance, draft_dsn = _with_database(dsn, "postgres"), _with_database(dsn, _DRAFT)
    try:
        dump = await asyncio.to_thread(os.open, file, os.O_RDONLY)
    except OSError as error:
        raise BackupFailed(f"cannot read {file}: {error.strerror or error}") from error
    try:
        await _execute(maintenance, f'DROP DATABASE IF EXISTS "{_DRAFT}"', f'CREATE DATABASE "{_DRAFT}"')
        await _make_schema_of(dump, draft_dsn)
        await _load(dump, draft_dsn, on_progress=on_progress)
        await migrate(draft_dsn)
        kept = None if await _is_empty(dsn) else f"{current}_before_{datetime.now(UTC):%Y%m%d_%H%M%S}"
        give_way = f'DROP DATABASE "{current}"' if kept is None else f'ALTER DATABASE "{current}" RENAME TO "{kept}"'
        await _execute(maintenance, give_way, f'ALTER DATABASE "{_DRAFT}" RENAME TO "{current}"')
    except CONNECTION_ERRORS as error:
        raise DatabaseUnavailable(f"the dump was not put in place: {error}") from error
    finally:
        os.close(dump)
    return kept


async def _make_schema_of(dump: int, dsn: str) -> None:
    """Applies the migrations that the dumped database had, and leaves every table empty."""
    await migrate(dsn, [])
    await _load(dump, dsn, "--table=schema_migrations")
    connection = await asyncpg.connect(dsn)
    try:
        names = {row["name"] for row in await connection.fetch("SELECT name FROM schema_migrations")}
        if not names:
            raise BackupFailed("this is no dump of a gateway's database")
        await connection.execute(_DROP_LEDGER)
    finally:
        await connection.close()
    known = load_migrations()
    strangers = names - {migration.name for migration in known}
    if strangers:
        raise SchemaMismatch(f"the dump is of a newer version: it has {min(strangers)}; upgrade ofd-gateway")
    await migrate(dsn, [migration for migration in known if migration.name in names])
    await _execute(dsn, _EMPTY_TABLES)


async def _load(dump: int, dsn: str, *options: str, on_progress: Callable[[int], None] | None = None) -> None:
    """Loads rows from the beginning of the dump on.

    The tool reads through our descriptor, so the position in the file is common to both.
    """
    os.lseek(dump, 0, os.SEEK_SET)
    read = functools.partial(os.lseek, dump, 0, os.SEEK_CUR)
    progress = None if on_progress is None else _Progress(read, on_progress)
    fixed = ("--data-only", "--disable-triggers", "--exit-on-error")
    await _run("pg_restore", dsn, *fixed, *options, stdin=dump, progress=progress)


@contextlib.contextmanager
def _replacing(file: Path) -> Iterator[int]:
    """A descriptor of a draft beside the file, which takes its place when everything went well."""
    try:
        output, draft_name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    except OSError as error:
        raise BackupFailed(f"cannot write {file}: {error.strerror or error}") from error
    draft = Path(draft_name)
    try:
        yield output
        os.fsync(output)
        draft.replace(file)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    finally:
        os.close(output)


async def _run(
    program: str,
    dsn: str,
    *options: str,
    stdin: int = asyncio.subprocess.DEVNULL,
    stdout: int | None = None,
    progress: _Progress | None = None,
) -> None:
    """Runs a tool on a database; the password goes by the environment, where other users do not see it."""
    dsn, password = _without_password(dsn)
    environment = dict(os.environ)
    if password is not None:
        environment["PGPASSWORD"] = password
    child = await asyncio.create_subprocess_exec(
        find_binaries().path(program),
        *options,
        f"--dbname={dsn}",
        stdin=stdin,
        stdout=stdout,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )
    assert child.stderr is not None  # noqa: S101  asked for above
    telling = None if progress is None else asyncio.create_task(progress.tell())
    try:
        said = await child.stderr.read()
        code = await child.wait()
    finally:
        if telling is not None:
            telling.cancel()
        if child.returncode is None:
            child.kill()
            await child.wait()
    if code != 0:
        raise BackupFailed(f"{program} failed with {code}: {said.decode(errors='replace').strip()[-1000:]}")


def _without_password(dsn: str) -> tuple[str, str | None]:
    """The URI without its password, and the password, which stands before the host or is a parameter."""
    parts = urlsplit(dsn)
    password = parts.password if parts.password is None else unquote(parts.password)
    place = parts.netloc.rpartition("@")[2]
    netloc = parts.netloc if password is None else f"{parts.username or ''}@{place}"
    kept = []
    for parameter in parts.query.split("&"):
        name, _, value = parameter.partition("=")
        if name == "password":
            password = unquote(value)
        else:
            kept.append(parameter)
    return urlunsplit(parts._replace(netloc=netloc, query="&".join(kept))), password


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
        for table in _PRECIOUS:
            if await connection.fetchval("SELECT to_regclass($1)", table) is None:
                continue
            if await connection.fetchval(f"SELECT EXISTS (SELECT 1 FROM {table})"):  # noqa: S608  constants of ours
                return False
        return True
    finally:
        await connection.close()


def _with_database(dsn: str, name: str) -> str:
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))
