"""The database vanishes between the client and the server, at every moment of a transaction."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import asyncpg
import pytest

from ofd_gateway.ledger import Verdict
from ofd_gateway.storage import StoreFailed
from tests.faults.proxy import Fault, fault_proxy
from tests.messages import PLAIN_FN
from tests.storage.arrivals import NOW, arrival, ledger, opened, quarantine_row, value

if TYPE_CHECKING:
    from tests.postgres import Server

pytestmark = pytest.mark.faults

COUNT = "SELECT count(*) FROM documents"


async def until_stored(dsn: str, count: int) -> None:
    async with asyncio.timeout(10):
        while await value(dsn, COUNT) != count:
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("fault", "committed", "stored"),
    [
        (Fault.CUT_BEFORE, "unknown", False),
        (Fault.CUT_AFTER, "unknown", True),
        (Fault.STALL, "unknown", False),
        (Fault.STALL_ANSWER, "unknown", True),
    ],
)
async def test_an_unanswered_commit_is_unknown_and_sending_again_is_harmless(
    dsn: str, fault: Fault, committed: str, stored: bool
) -> None:
    async with fault_proxy(dsn) as proxy, opened(dsn, timeout_s=0.5, write_dsn=proxy.dsn) as store:
        await store.commit([arrival(fd=1)], ledger(), NOW)
        proxy.strike_next(fault)
        with pytest.raises(StoreFailed) as caught:
            await store.commit([arrival(fd=2)], ledger(), NOW)
        assert (caught.value.committed, caught.value.retryable) == (committed, True)
        await until_stored(dsn, 2 if stored else 1)
        (again,) = (await store.commit([arrival(fd=2)], ledger(), NOW)).decisions
        assert again.verdict is (Verdict.REPEATED if stored else Verdict.ACCEPTED)
        assert await value(dsn, COUNT) == 2


@pytest.mark.parametrize("fault", [Fault.CUT_BEFORE, Fault.CUT_AFTER, Fault.STALL, Fault.STALL_ANSWER])
async def test_a_connection_lost_before_commit_was_sent_has_stored_nothing(dsn: str, fault: Fault) -> None:
    async with (
        fault_proxy(dsn, ending=b"BEGIN\0") as proxy,
        opened(dsn, timeout_s=0.5, write_dsn=proxy.dsn) as store,
    ):
        await store.commit([arrival(fd=1)], ledger(), NOW)
        proxy.strike_next(fault)
        with pytest.raises(StoreFailed) as caught:
            await store.commit([arrival(fd=2)], ledger(), NOW)
        assert (caught.value.committed, caught.value.retryable) == ("no", True)
        (again,) = (await store.commit([arrival(fd=2)], ledger(), NOW)).decisions
        assert again.verdict is Verdict.ACCEPTED


async def test_a_database_that_is_away_is_told_at_once_and_met_again(dsn: str) -> None:
    async with fault_proxy(dsn) as proxy, opened(dsn, write_dsn=proxy.dsn) as store:
        await store.commit([arrival(fd=1)], ledger(), NOW)
        port = urlsplit(proxy.dsn).port
        assert port is not None
        await proxy.stop()
        for _ in range(3):
            with pytest.raises(StoreFailed) as caught:
                await store.commit([arrival(fd=2)], ledger(), NOW)
            assert (caught.value.committed, caught.value.retryable) == ("no", True)
        await proxy.start(port)
        await store.commit([arrival(fd=2)], ledger(), NOW)
        assert await value(dsn, COUNT) == 2


async def test_lost_connections_are_not_kept(server: Server, dsn: str) -> None:
    name = urlsplit(dsn).path.lstrip("/")
    count = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND application_name = 'ofd-gateway intake'"
    async with fault_proxy(dsn) as proxy, opened(dsn, write_dsn=proxy.dsn) as store:
        for fd in range(1, 11):
            proxy.strike_next(Fault.CUT_AFTER if fd % 2 else Fault.CUT_BEFORE)
            with pytest.raises(StoreFailed):
                await store.commit([arrival(fd=fd)], ledger(), NOW)
        await store.commit([arrival(fd=11)], ledger(), NOW)
        async with asyncio.timeout(10):
            while await value(server.maintenance_dsn, count, name) != 1:
                await asyncio.sleep(0.02)


async def test_a_terminated_backend_is_replaced(server: Server, dsn: str) -> None:
    name = urlsplit(dsn).path.lstrip("/")
    terminate = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
        "WHERE datname = $1 AND application_name = 'ofd-gateway intake'"
    )
    async with opened(dsn) as store:
        await store.commit([arrival(fd=1)], ledger(), NOW)
        assert await value(server.maintenance_dsn, terminate, name) == 1
        with contextlib.suppress(StoreFailed):
            await store.commit([arrival(fd=2)], ledger(), NOW)
        (decision,) = (await store.commit([arrival(fd=3)], ledger(), NOW)).decisions
        assert decision.verdict is Verdict.ACCEPTED


async def test_a_server_that_has_become_unsafe_gets_no_documents(server: Server, dsn: str) -> None:
    name = urlsplit(dsn).path.lstrip("/")
    async with fault_proxy(dsn) as proxy, opened(dsn, write_dsn=proxy.dsn) as store:
        await store.commit([arrival(fd=1)], ledger(), NOW)
        await value(server.maintenance_dsn, f'ALTER DATABASE "{name}" SET synchronous_commit = off')
        proxy.cut()
        await asyncio.sleep(0)
        for _ in range(2):
            with pytest.raises(StoreFailed) as caught:
                await store.commit([arrival(fd=2)], ledger(), NOW)
            assert (caught.value.committed, caught.value.retryable) == ("no", True)
        assert "synchronous_commit = off" in str(caught.value)
        await value(server.maintenance_dsn, f'ALTER DATABASE "{name}" RESET synchronous_commit')
        await store.commit([arrival(fd=2)], ledger(), NOW)


async def test_a_trial_stores_nothing_and_tells_what_documents_would_meet(server: Server, dsn: str) -> None:
    name = urlsplit(dsn).path.lstrip("/")
    async with opened(dsn) as store:
        await store.probe()
        assert await value(dsn, "SELECT count(*) FROM quarantine") == 0
        connection = await asyncpg.connect(dsn)
        async with connection.transaction():
            await connection.execute("LOCK TABLE documents IN EXCLUSIVE MODE")
            with pytest.raises(StoreFailed) as caught:
                await store.probe()
        assert (caught.value.committed, caught.value.sqlstate) == ("no", "55P03")
        await store.probe()
        await value(server.maintenance_dsn, f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = $1 AND application_name = 'ofd-gateway intake'",
            name,
        )
        await connection.close()
        with contextlib.suppress(StoreFailed):
            await store.probe()
        with pytest.raises(StoreFailed) as caught:
            await store.probe()
        assert caught.value.sqlstate == "25006"
        await value(server.maintenance_dsn, f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
        await store.probe()
        await store.commit([arrival(fd=1)], ledger(), NOW)


async def test_a_quarantine_row_whose_answer_was_lost_is_unknown(dsn: str) -> None:
    async with fault_proxy(dsn) as proxy, opened(dsn, timeout_s=0.5, write_dsn=proxy.dsn) as store:
        await store.quarantine([quarantine_row()])
        proxy.cut()
        with pytest.raises(StoreFailed) as caught:
            await store.quarantine([quarantine_row()])
        assert caught.value.committed in {"no", "unknown"}
        await store.quarantine([quarantine_row()])
        assert {row.fn for row in await store.list_quarantine()} == {PLAIN_FN}
