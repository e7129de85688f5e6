"""The database fails under the real gateway in every way we know of: what registers see and what the log says."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.e2e.running import COMMAND
from tests.faults.proxy import PREPARED, Fault
from tests.faults.scene import Scene, metric, running_scene, until_ready
from tests.faults.servers import do

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.faults

TRIGGER = """
CREATE SEQUENCE refused;
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
    IF nextval('refused') <= {times} THEN RAISE EXCEPTION 'refused on purpose' USING ERRCODE = '{code}'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse BEFORE INSERT ON documents FOR EACH ROW EXECUTE FUNCTION refuse();
"""
NO_TRIGGER = "DROP TRIGGER refuse ON documents; DROP FUNCTION refuse; DROP SEQUENCE refused"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def whole_scene() -> AsyncIterator[Scene]:
    async with running_scene() as scene:
        yield scene


@pytest_asyncio.fixture(loop_scope="session")
async def scene(whole_scene: Scene) -> Scene:
    await whole_scene.begin()
    return whole_scene


@pytest.mark.parametrize("fd", [1, 3], ids=["read", "remembered"])
@pytest.mark.parametrize("fault", [Fault.CUT_BEFORE, Fault.CUT_AFTER, Fault.STALL, Fault.STALL_ANSWER])
async def test_an_unknown_outcome_is_never_confirmed(scene: Scene, fault: Fault, fd: int) -> None:
    fn, registers = scene.new_fn(), scene.registers
    for earlier in range(1, fd):
        await registers.confirm(fn, earlier)
    scene.proxy.ending = b"COMMIT\0" if fd == 1 else PREPARED
    unknown = await metric(scene.gateway, 'store_failures_total{committed="unknown"}')
    scene.proxy.strike_next(fault)
    assert await registers.send(fn, fd) is None
    assert scene.proxy.struck.is_set()
    assert await scene.logged("message.unstored", fn=fn, fd=fd, committed="unknown")
    assert await metric(scene.gateway, 'store_failures_total{committed="unknown"}') == unknown + 1
    told = await registers.confirm(fn, fd)
    assert await registers.send(fn, fd) == told
    await scene.told_once(committed="unknown")


async def test_a_reset_at_any_byte_confirms_nothing_that_is_not_stored(scene: Scene) -> None:
    fn, registers, dice = scene.new_fn(), scene.registers, random.Random(7)
    struck = 0
    for fd in range(1, 21):
        scene.proxy.strike_next(Fault.RESET, after_bytes=dice.randrange(3000))
        told = await registers.confirm(fn, fd)
        struck += scene.proxy.struck.is_set()
        scene.proxy.fault = Fault.NONE
        assert await registers.confirm(fn, fd) == told
    assert struck > 10
    await registers.compare(scene.dsn)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["fast", "immediate"])
async def test_a_restart_under_load(scene: Scene, how: signal.Signals) -> None:
    async with scene.registers.load(int(scene.new_fn())):
        await scene.registers.grow(20)
        await asyncio.to_thread(scene.server.stop, how)
        await until_ready(scene.gateway, 503)
        assert await scene.logged("store.failed")
        await asyncio.to_thread(scene.server.start)
        await until_ready(scene.gateway, 200)
        await scene.registers.grow(20)
    assert len(scene.events("store.failed")) < 10
    assert scene.events("store.recovered")
    await scene.registers.compare(scene.dsn)


async def test_sessions_that_the_server_ends_under_load(scene: Scene) -> None:
    async with scene.registers.load(int(scene.new_fn())):
        for _ in range(5):
            await scene.registers.grow(10)
            await scene.terminate()
        await scene.registers.grow(10)
    await until_ready(scene.gateway, 200)
    await scene.registers.compare(scene.dsn)


async def test_a_database_that_takes_no_writes(scene: Scene) -> None:
    fn = scene.new_fn()
    async with scene.altered(
        "DATABASE", "SET default_transaction_read_only = on", "RESET default_transaction_read_only"
    ):
        assert await scene.registers.send(fn, 1) is None
        assert await scene.logged("store.failed", committed="no", sqlstate="25006")
        assert await metric(scene.gateway, "database_up") == 0
        await until_ready(scene.gateway, 503, saying="read_only")
    await scene.registers.confirm(fn, 1)
    await scene.told_once(sqlstate="25006")


async def test_no_connection_left(scene: Scene) -> None:
    fn = scene.new_fn()
    async with scene.altered("ROLE", "CONNECTION LIMIT 0", "CONNECTION LIMIT -1"):
        assert await scene.registers.send(fn, 1) is None
        assert await scene.logged("store.failed", committed="no", sqlstate="53300")
        await until_ready(scene.gateway, 503, saying="too many connections")
    await scene.registers.confirm(fn, 1)
    await scene.told_once(sqlstate="53300")


async def test_no_connection_left_for_the_intake_alone(scene: Scene) -> None:
    """The pools have theirs, so that only the store can tell."""
    fn = scene.new_fn()
    await do(scene.server.dsn(), 'ALTER ROLE "gateway" CONNECTION LIMIT 0')
    await do(
        scene.server.dsn(),
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ofd-gateway intake'",
    )
    await scene.registers.send(fn, 1)
    assert await scene.registers.send(fn, 2) is None
    await until_ready(scene.gateway, 503, saying="the last transaction failed")
    await do(scene.server.dsn(), 'ALTER ROLE "gateway" CONNECTION LIMIT -1')
    await until_ready(scene.gateway, 200)
    assert await scene.logged("store.recovered")
    await scene.registers.confirm(fn, 2)
    await scene.registers.compare(scene.dsn)


async def test_no_connection_left_for_a_start(scene: Scene) -> None:
    async with scene.altered("ROLE", "CONNECTION LIMIT 0", "CONNECTION LIMIT -1"):
        begun = await asyncio.create_subprocess_exec(
            *(COMMAND, "serve", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--database", scene.dsn),
            env={**scene.gateway.environment, "OFD_GATEWAY_STATE_DIR": str(scene.gateway.state_dir.with_name("other"))},
            stdout=subprocess.PIPE,
        )
        said, _ = await asyncio.wait_for(begun.communicate(), 40)
    assert begun.returncode == 3
    assert b"gateway.failed" in said
    assert b"too many connections" in said


async def test_a_table_that_somebody_has_locked(scene: Scene) -> None:
    fn, registers = scene.new_fn(), scene.registers
    await registers.confirm(fn, 1)
    async with scene.held("LOCK TABLE documents IN ACCESS EXCLUSIVE MODE"):
        for _ in range(3):
            assert await registers.send(fn, 2) is None
        assert await scene.logged("store.failed")
        assert await scene.sessions() <= 2
        await until_ready(scene.gateway, 503)
    told = await registers.confirm(fn, 2)
    assert await registers.send(fn, 2) == told
    await scene.told_once()


async def test_an_fn_that_somebody_has_locked_stops_the_others_for_one_batch(scene: Scene) -> None:
    locked, other, registers = scene.new_fn(), scene.new_fn(), scene.registers
    for fn in (locked, other):
        await registers.confirm(fn, 1)
    async with scene.held("SELECT fn FROM fn_states WHERE fn = $1 FOR UPDATE", locked):
        sending = asyncio.create_task(registers.send(locked, 2))
        await registers.confirm(other, 2)
        assert await sending is None
        await registers.confirm(other, 3)
    told = await registers.confirm(locked, 2)
    assert await registers.send(locked, 2) == told
    await registers.compare(scene.dsn)


@pytest.mark.parametrize("code", ["40001", "40P01"])
async def test_a_transaction_that_the_server_rolls_back_is_tried_again(scene: Scene, code: str) -> None:
    fn = scene.new_fn()
    await do(scene.admin, TRIGGER.format(times=2, code=code))
    try:
        assert await scene.registers.send(fn, 1) is not None
    finally:
        await do(scene.admin, NO_TRIGGER)
    await scene.told_once(committed="no", sqlstate=code)


async def test_a_transaction_that_the_server_always_rolls_back_is_given_up(scene: Scene) -> None:
    fn = scene.new_fn()
    await do(scene.admin, TRIGGER.format(times=1_000_000, code="40001"))
    try:
        assert await scene.registers.send(fn, 1) is None
        assert await scene.logged("message.unstored", fn=fn, committed="not_committed")
    finally:
        await do(scene.admin, NO_TRIGGER)
    await scene.registers.confirm(fn, 1)
    await scene.registers.compare(scene.dsn)


async def test_a_statement_that_takes_too_long_for_the_server(scene: Scene) -> None:
    fn = scene.new_fn()
    async with (
        scene.altered("ROLE", "SET statement_timeout = '200ms'", "RESET statement_timeout"),
        scene.held("LOCK TABLE documents IN ACCESS EXCLUSIVE MODE"),
    ):
        assert await scene.registers.send(fn, 1) is None
        assert await scene.logged("store.failed")
    await scene.terminate()
    await scene.registers.confirm(fn, 1)
    await scene.registers.compare(scene.dsn)


@pytest.mark.parametrize("setting", ["idle_in_transaction_session_timeout", "idle_session_timeout"])
async def test_sessions_that_the_server_ends_when_they_are_idle(scene: Scene, setting: str) -> None:
    fn = scene.new_fn()
    async with scene.altered("ROLE", f"SET {setting} = '1ms'", f"RESET {setting}"):
        for fd in (1, 2):
            await scene.registers.send(fn, fd)
    await scene.terminate()
    for fd in (1, 2):
        await scene.registers.confirm(fn, fd)
    await until_ready(scene.gateway, 200)
    await scene.registers.compare(scene.dsn)
