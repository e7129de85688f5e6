"""The primary is lost and a standby takes its place at another address: the gateway goes on without a restart."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import asyncpg
import pytest

from ofd_gateway.storage import CONNECTION_ERRORS
from ofd_gateway.storage.hosts import connect, one_by_one
from tests.faults.registers import DEADLINE_S, Registers
from tests.faults.scene import NAME, gateway_on, until_ready
from tests.faults.servers import OwnServer, do, make_database, started

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

SYNCHRONOUS = "ALTER SYSTEM SET synchronous_standby_names = 'standby'"
IS_SYNCHRONOUS = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"


@contextlib.asynccontextmanager
async def primary_and_standby() -> AsyncIterator[tuple[OwnServer, OwnServer]]:
    """Both run, and a commit waits for both."""
    primary, standby = OwnServer(), OwnServer()
    try:
        await started(primary)
        await make_database(primary, NAME)
        await asyncio.to_thread(standby.copy_of, primary)
        await asyncio.to_thread(standby.start)
        await do(primary.dsn(), SYNCHRONOUS, "SELECT pg_reload_conf()")
        connection = await asyncpg.connect(primary.dsn())
        async with asyncio.timeout(DEADLINE_S):
            while await connection.fetchval(IS_SYNCHRONOUS) != 1:
                await asyncio.sleep(0.02)
        await connection.close()
        yield primary, standby
    finally:
        for server in (standby, primary):
            await asyncio.to_thread(server.remove)


@pytest.mark.faults
async def test_a_promoted_standby_gets_the_documents_and_has_all_that_were_confirmed() -> None:
    async with primary_and_standby() as (primary, standby):
        dsn = f"postgresql://{NAME}@127.0.0.1:{standby.port},127.0.0.1:{primary.port}/{NAME}?sslmode=disable"
        with tempfile.TemporaryDirectory() as directory:
            gateway = await gateway_on(Path(directory) / "state", dsn)
            try:
                registers = Registers(gateway)
                async with registers.load(8710000100000000):
                    await registers.grow(30)
                    await asyncio.to_thread(primary.stop, signal.SIGQUIT)
                    await until_ready(gateway, 503)
                    await do(standby.dsn(), "SELECT pg_promote()")
                    await until_ready(gateway, 200)
                    await registers.grow(30)
                assert gateway.child.poll() is None
                assert gateway.events("store.recovered")
                await registers.compare(standby.dsn(NAME))
            finally:
                await asyncio.to_thread(gateway.close)


@contextlib.contextmanager
def silent_port() -> Iterator[int]:
    """Takes connections and never says a word, as a machine does whose power was cut in the middle."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield int(listening.getsockname()[1])


def with_hosts(dsn: str, *first: str, **more: str) -> str:
    """The embedded server of this run, with other hosts before it."""
    address, _, query = dsn.partition("?")
    [host] = [value for name, _, value in (part.partition("=") for part in query.split("&")) if name == "host"]
    rest = "".join(f"&{name}={value}" for name, value in more.items())
    ports = ",".join([one.rpartition(":")[2] for one in first] + ["5432"])
    hosts = ",".join([one.rpartition(":")[0] for one in first] + [host])
    return f"{address}?host={hosts}&port={ports}{rest}"


@pytest.fixture
def socket_dsn(dsn: str) -> str:
    if "host=" not in dsn:
        pytest.skip("this is about the embedded server's URI")
    return dsn


async def test_a_silent_host_does_not_use_up_the_time_of_the_next(socket_dsn: str) -> None:
    with silent_port() as port:
        connection = await connect(with_hosts(socket_dsn, f"127.0.0.1:{port}", sslmode="disable"), timeout=30)
        assert await connection.fetchval("SELECT 1") == 1
        await connection.close()


async def test_a_host_that_takes_no_writes_is_passed_over(socket_dsn: str) -> None:
    connection = await connect(socket_dsn, timeout=30)
    name = await connection.fetchval("SELECT current_database()")
    await connection.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    await connection.close()
    both = with_hosts(socket_dsn, "127.0.0.1:1")
    with pytest.raises(ConnectionError, match=r"127\.0\.0\.1:1: .*; .*: takes no writes"):
        await connect(both, timeout=30)
    reading = await connect(f"{both}&target_session_attrs=any", timeout=30)
    with pytest.raises(CONNECTION_ERRORS, match="read-only"):
        await reading.execute("CREATE TABLE t (i int)")
    await reading.close()


async def test_hosts_that_are_all_silent_are_given_up_in_time() -> None:
    with silent_port() as one, silent_port() as two, pytest.raises(TimeoutError):
        await connect(f"postgresql://u@127.0.0.1:{one},127.0.0.1:{two}/d?sslmode=disable", timeout=0.5)


@pytest.mark.parametrize(
    ("dsn", "hosts"),
    [
        ("postgresql://u:p%40@a:1,b:2/d?sslmode=require", {"a:1": ("a", "1"), "b:2": ("b", "2")}),
        ("postgresql://u@a,b/d", {"a": ("a", None), "b": ("b", None)}),
        ("postgresql://u@a,b:7/d", {"a:5432": ("a", "5432"), "b:7": ("b", "7")}),
        ("postgresql://u@[::1]:1,[::2]:2/d", {"::1:1": ("::1", "1"), "::2:2": ("::2", "2")}),
        ("postgresql:///d?host=a,b&port=9", {"a:9": ("a", "9"), "b:9": ("b", "9")}),
        ("postgresql://u@/d?host=/run/a,/run/b&port=1,2", {"/run/a:1": ("/run/a", "1"), "/run/b:2": ("/run/b", "2")}),
    ],
)
def test_each_host_has_a_uri_of_its_own(dsn: str, hosts: dict[str, tuple[str, str | None]]) -> None:
    found = one_by_one(dsn)
    assert list(found) == list(hosts)
    for name, (host, port) in hosts.items():
        single = urlsplit(found[name])
        query = dict(parse_qsl(single.query))
        assert (query["host"], query.get("port"), query["target_session_attrs"]) == (host, port, "read-write")
        assert (single.username, single.path) == (urlsplit(dsn).username, "/d")
        assert query.get("sslmode") == dict(parse_qsl(urlsplit(dsn).query)).get("sslmode")


@pytest.mark.parametrize("dsn", ["postgresql://u@a:1/d", "postgresql:///d?host=/run/a", "postgresql://u@/d"])
def test_the_uri_of_one_host_is_left_alone(dsn: str) -> None:
    assert one_by_one(dsn) == {"": dsn}


def test_ports_that_are_not_as_many_as_hosts_are_refused() -> None:
    with pytest.raises(ValueError, match="3 hosts and 2 ports"):
        one_by_one("postgresql:///d?host=a,b,c&port=1,2")
