"""Dumps, and the way back."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import asyncpg
import pytest

from ofd_gateway.storage import DatabaseUnavailable, dsn_for_command
from ofd_gateway.storage import backup as backup_room
from ofd_gateway.storage.backup import BackupFailed, dump_database, restore_database
from tests.messages import PLAIN_FN, container
from tests.storage.arrivals import NOW, arrival, ledger, opened, quarantine_row, value

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def state_dir() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as directory:
        yield Path(directory) / "state"


async def fill(dsn: str, count: int = 3) -> None:
    async with opened(dsn) as store:
        await store.commit([arrival(fd=fd) for fd in range(1, count + 1)], ledger(), NOW)
        await store.quarantine([quarantine_row()])


async def test_a_dump_of_any_server_is_restored_into_the_embedded_database(
    dsn: str, state_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup_room, "_PROGRESS_S", 0.001)
    await fill(dsn)
    file = tmp_path / "ofd.dump"
    written: list[int] = []
    size = await dump_database(dsn, file, on_progress=written.append)
    assert size == file.stat().st_size
    assert file.stat().st_mode & 0o777 == 0o600
    assert written
    assert list(tmp_path.iterdir()) == [file]
    read: list[int] = []
    async with dsn_for_command("embedded", state_dir) as embedded:
        assert await restore_database(embedded, file, on_progress=read.append) is None
        async with opened(embedded) as store:
            record = await store.get(PLAIN_FN, 3)
            assert record is not None
            assert record.container == container(PLAIN_FN, 3)
            assert len(await store.list_quarantine()) == 1
            (again,) = (await store.commit([arrival(fd=3)], ledger(), NOW)).decisions
            assert again.verdict.value == "repeated"
        kept = await restore_database(embedded, file)
        assert kept is not None
        assert kept.startswith("ofd_gateway_before_")
    assert read
    assert max(read) <= size


async def test_a_file_that_is_no_dump_changes_nothing(state_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "ofd.dump"
    file.write_text("no dump")
    async with dsn_for_command("embedded", state_dir) as embedded:
        await fill(embedded)
        with pytest.raises(BackupFailed, match="pg_restore failed with 1"):
            await restore_database(embedded, file)
        with pytest.raises(BackupFailed, match="cannot read"):
            await restore_database(embedded, tmp_path / "missing")
        async with opened(embedded) as store:
            assert await store.get(PLAIN_FN, 3) is not None


async def test_a_database_in_use_is_not_replaced(state_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "ofd.dump"
    async with dsn_for_command("embedded", state_dir) as embedded:
        await fill(embedded)
        await dump_database(embedded, file)
        async with opened(embedded) as store:
            with pytest.raises(DatabaseUnavailable, match="not put in place"):
                await restore_database(embedded, file)
            assert await store.get(PLAIN_FN, 3) is not None


async def test_a_database_with_nothing_but_customers_is_kept_aside(state_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "ofd.dump"
    customer = "INSERT INTO customers VALUES ('7707083893', '', '{}', '{}', 'ru', NULL, '{}', true, NULL, now(), now())"
    async with dsn_for_command("embedded", state_dir) as embedded:
        await dump_database(embedded, file)
        connection = await asyncpg.connect(embedded)
        await connection.execute(customer)
        await connection.close()
        kept = await restore_database(embedded, file)
        assert kept is not None
        assert await value(embedded, "SELECT count(*) FROM customers") == 0
        assert await value(urlsplit(embedded)._replace(path=f"/{kept}").geturl(), "SELECT inn FROM customers")


async def test_a_failed_dump_leaves_the_former_one(dsn: str, tmp_path: Path) -> None:
    file = tmp_path / "ofd.dump"
    file.write_text("the former dump")
    with pytest.raises(BackupFailed, match="pg_dump failed with 1"):
        await dump_database(dsn + "_missing" if "?" not in dsn else dsn.replace("?", "_missing?"), file)
    assert file.read_text() == "the former dump"
    assert list(tmp_path.iterdir()) == [file]
    with pytest.raises(BackupFailed, match="cannot write"):
        await dump_database(dsn, tmp_path / "missing" / "ofd.dump")


async def test_a_password_is_not_among_the_arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "pg_dump"
    tool.write_text('#!/bin/sh\necho "$PGPASSWORD $*"\n')
    tool.chmod(0o755)

    class Tools:
        def path(self, program: str) -> str:
            return str(tmp_path / program)

    monkeypatch.setattr(backup_room, "find_binaries", Tools)
    file = tmp_path / "ofd.dump"
    await dump_database("postgresql://u:se%40cret@127.0.0.1:1/db", file)
    assert file.read_text() == "se@cret --format=custom --dbname=postgresql://u@127.0.0.1:1/db\n"
    await dump_database("postgresql://u@127.0.0.1:1/db?sslmode=disable&password=se%40cret&x=1", file)
    assert file.read_text() == "se@cret --format=custom --dbname=postgresql://u@127.0.0.1:1/db?sslmode=disable&x=1\n"
    assert "PGPASSWORD" not in os.environ
