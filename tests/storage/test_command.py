"""The embedded database as commands share it with a gateway and with each other."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ofd_gateway.storage import (
    DatabaseBusy,
    DatabaseUnavailable,
    EmbeddedPostgres,
    dsn_for_command,
    migrate,
    open_for_command,
    running_dsn,
)
from ofd_gateway.storage import command as command_room
from ofd_gateway.storage.errors import SchemaOutdated
from ofd_gateway.storage.locks import FileLock

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def state_dir() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as directory:
        yield Path(directory) / "state"


async def answer(state_dir: Path) -> object:
    async with open_for_command("embedded", state_dir) as database, database.acquire() as connection:
        return await connection.fetchval("SELECT count(*) FROM documents")


async def test_a_database_that_nobody_serves_is_started_for_the_time_of_the_command(state_dir: Path) -> None:
    assert await answer(state_dir) == 0
    assert running_dsn(state_dir) is None


async def test_a_database_that_a_gateway_serves_is_used_and_left_alone(state_dir: Path) -> None:
    server = EmbeddedPostgres(state_dir)
    await migrate(await server.start())
    try:
        assert await answer(state_dir) == 0
        assert running_dsn(state_dir) == server.dsn
    finally:
        await server.stop()


async def test_commands_at_the_same_time_share_one_server_and_the_last_one_ends_it(state_dir: Path) -> None:
    leaving = asyncio.Event()

    async def first() -> None:
        async with dsn_for_command("embedded", state_dir):
            serving.set()
            await leaving.wait()

    serving = asyncio.Event()
    starter = asyncio.create_task(first())
    await serving.wait()
    async with open_for_command("embedded", state_dir) as database:
        leaving.set()
        for _ in range(5):
            await asyncio.sleep(0)
        async with database.acquire() as connection:
            assert await connection.fetchval("SELECT 1") == 1
        assert not starter.done()
    await starter
    assert running_dsn(state_dir) is None
    assert await asyncio.gather(*(answer(state_dir) for _ in range(4))) == [0, 0, 0, 0]


async def test_a_gateway_that_is_just_starting_is_waited_for(state_dir: Path) -> None:
    state_dir.mkdir()
    starting = FileLock(state_dir / "postgres.lock")
    assert starting.hold()
    waiting = asyncio.create_task(answer(state_dir))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(waiting), 0.5)
    starting.close()
    server = EmbeddedPostgres(state_dir)
    await migrate(await server.start())
    try:
        assert await waiting == 0
    finally:
        await server.stop()


async def test_a_state_directory_that_is_held_but_not_served_is_busy(
    state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command_room, "_FIND_WAIT_S", 0.1)
    state_dir.mkdir()
    held = FileLock(state_dir / "postgres.lock")
    assert held.hold()
    with pytest.raises(DatabaseBusy):
        await answer(state_dir)
    held.close()


async def test_a_gateway_that_is_still_at_its_migrations_is_waited_for(state_dir: Path) -> None:
    server = EmbeddedPostgres(state_dir)
    dsn = await server.start()
    try:
        waiting = asyncio.create_task(answer(state_dir))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(waiting), 0.5)
        await migrate(dsn)
        assert await waiting == 0
    finally:
        await server.stop()


async def test_a_server_without_a_schema_is_told_at_once(empty_dsn: str, state_dir: Path) -> None:
    with pytest.raises(SchemaOutdated, match="ofd-gateway migrate"):
        async with open_for_command(empty_dsn, state_dir):
            pass


async def test_a_state_directory_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DatabaseUnavailable, match="the state directory cannot be used"):
        await answer(tmp_path / "file" / "state")


async def test_a_server_is_used_as_it_is(dsn: str, state_dir: Path) -> None:
    async with dsn_for_command(dsn, state_dir) as found:
        assert found == dsn
    async with open_for_command(dsn, state_dir) as database:
        await database.ping()
    assert not state_dir.exists()


def test_a_lock_is_shared_or_held_alone(tmp_path: Path) -> None:
    one, two, three = (FileLock(tmp_path / "lock") for _ in range(3))
    assert one.share()
    assert two.share()
    assert not three.hold()
    one.close()
    two.close()
    assert three.hold()
    assert not FileLock(tmp_path / "lock").share()
    three.close()
    assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "lock").stat().st_uid == os.geteuid()
