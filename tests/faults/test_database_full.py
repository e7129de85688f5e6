"""Disks that are full: the database's, and our own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.e2e.running import RunningGateway
from tests.faults.registers import DEADLINE_S, Registers
from tests.faults.scene import metric, until_ready
from tests.intake.running import until
from tests.messages import container, document_body, message

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.faults


@contextlib.contextmanager
def small_disk(directory: Path, mebibytes: int) -> Iterator[None]:
    """A file system of that size at the directory."""
    directory.mkdir(mode=0o700, parents=True)
    options = f"size={mebibytes}m,mode=0700"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(directory)], capture_output=True, text=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"only root may mount a small file system: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


@contextlib.contextmanager
def filled(directory: Path) -> Iterator[None]:
    """Somebody else's file takes all the space that is left."""
    ballast = directory / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    try:
        yield
    finally:
        ballast.unlink()


async def use_up_the_log(dsn: str) -> None:
    """Makes the server begin new segments of its log until it has none left and gives up."""
    with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
        connection = await asyncpg.connect(dsn)
        for _ in range(200):
            await connection.execute("SELECT pg_logical_emit_message(true, '', repeat('x', 8000000))")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small file system")
async def test_a_full_disk_of_the_database_stops_confirmations_until_there_is_space() -> None:
    with tempfile.TemporaryDirectory() as directory:
        state_dir = Path(directory) / "state"
        with small_disk(state_dir / "postgres", 160):
            gateway = await asyncio.to_thread(
                RunningGateway, state_dir, environment={"OFD_GATEWAY_INTAKE__STORE_TIMEOUT": "1500ms"}
            )
            try:
                await no_space_and_space_again(gateway, Registers(gateway), state_dir / "postgres")
            finally:
                await asyncio.to_thread(gateway.close)


async def no_space_and_space_again(gateway: RunningGateway, registers: Registers, disk: Path) -> None:
    async with registers.load(8710000100000000):
        await registers.grow(12)
        with filled(disk):
            await until(lambda: bool(gateway.events("store.failed")), DEADLINE_S)
            await until(lambda: registers.given_up >= 6, DEADLINE_S)
            await until_ready(gateway, 503)
            failed = gateway.events("store.failed")[0]
            assert (failed["sqlstate"], failed["committed"]) == ("53100", "no")
            assert "No space left on device" in failed["reason"]
            assert await metric(gateway, "database_up") == 0

            await use_up_the_log(gateway.database)
            died = await asyncio.to_thread(gateway.wait_event, "database.died")
            assert "no space: " in died["said"]
            again = await asyncio.to_thread(gateway.wait_event, "database.restart_failed")
            assert "no space: " in again["reason"]
            confirmed = len(registers.confirmed)
            assert gateway.child.poll() is None
        assert await asyncio.to_thread(gateway.wait_event, "database.restarted")
        await until_ready(gateway, 200)
        await registers.grow(12)
    assert len(registers.confirmed) > confirmed
    assert gateway.events("store.recovered")
    assert len(gateway.events("store.failed")) < 12
    assert not gateway.events("library.logged")
    await registers.compare(gateway.database)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small file system")
async def test_a_full_state_directory_stops_no_confirmation(dsn: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        state_dir = Path(directory) / "state"
        with small_disk(state_dir, 1):
            gateway = await asyncio.to_thread(
                RunningGateway,
                state_dir,
                *("--listen", "127.0.0.1:0", "--database", dsn),
                environment={
                    "OFD_GATEWAY_ALERTS__OPERATOR_EMAILS": "operator@example.org",
                    "OFD_GATEWAY_ALERTS__GROUP_WAIT": "1s",
                },
            )
            try:
                registers, fn = Registers(gateway), "8710000100000001"
                with filled(state_dir):
                    for fd in range(1, 6):
                        assert await registers.send(fn, fd) is not None
                    await conflict(gateway, fn, 5)
                    await until(lambda: bool(gateway.events("letter.deferred")), DEADLINE_S)
                    assert "No space left" in gateway.events("letter.deferred")[0]["reply"]
                    assert await registers.send(fn, 6) is not None
                    await until_ready(gateway, 200)
                assert gateway.child.poll() is None
                await registers.compare(dsn)
            finally:
                await asyncio.to_thread(gateway.close)


async def conflict(gateway: RunningGateway, fn: str, fd: int) -> None:
    """Another document under a stored one's number, of which the operator is told."""
    other = container(fn, fd, body=document_body(fn, fd, total_kopecks=1), sign=b"\x01\x02\x03\x04\x05\x06")
    reader, writer = await asyncio.open_connection(*gateway.address)
    writer.write(message(other, fn=fn))
    assert await reader.read(1)
    writer.close()
