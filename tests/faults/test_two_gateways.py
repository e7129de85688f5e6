"""Two gateways on two machines with one database, and one of them is cut off: no FIN, no RST, only silence."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import signal
import socket
import subprocess
import tempfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import asyncpg
import pytest
import pytest_asyncio

from ofd_gateway.simulator import read_record
from ofd_gateway.storage import cluster as embedded
from ofd_gateway.storage import migrate
from tests.e2e.running import COMMAND, RunningGateway, read_confirmation
from tests.fns import peer as tax_service
from tests.letters import peer as mail_server
from tests.messages import container, message
from tests.postgres import with_database
from tests.storage.watched import TAXPAYER, body

from .namespaces import Network, why_not

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Sequence

pytestmark = [pytest.mark.faults, pytest.mark.timeout(180)]

DEADLINE_S = 60.0
PEER_TIMEOUT = "3s"
NOW = datetime.now(UTC)
FNS = tuple(str(8710000100000001 + number) for number in range(3))
FILLED = 200_000
"""The number of a document at which an FN is 80 % full: an alert, and a letter."""
STUCK = """
SELECT application_name FROM pg_stat_activity
WHERE client_addr = $1::inet AND datname = current_database() AND wait_event_type = 'Lock'
"""
HOLDING = """
SELECT application_name FROM pg_stat_activity
WHERE client_addr = $1::inet AND datname = current_database() AND state <> 'idle' AND wait_event = 'ClientRead'
"""
"""In the middle of something, and the server waits for the client's next word."""
LOCKED = """
SELECT count(*) FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
WHERE a.client_addr = $1::inet AND l.mode IN ('RowShareLock', 'RowExclusiveLock')
"""
SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE client_addr = $1::inet AND datname = current_database()"
TOLD = """
SELECT a.rule, a.subject, count(l.letter_id) AS times
FROM alerts a LEFT JOIN letter_alerts l ON l.alert_id = a.id GROUP BY a.id
"""


class Box(NamedTuple):
    """The network, and the database at its hub: by a socket file for the test, by TCP for everybody else."""

    network: Network
    dsn: str

    def dsn_of(self, database: str) -> str:
        return f"postgresql://postgres@{self.network.hub.address}:5432/{database}"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def box() -> AsyncIterator[Box]:
    reason = why_not()
    if reason is not None:
        pytest.skip(reason)
    network = Network("first", "second", "registers")
    directory = Path(tempfile.mkdtemp(prefix="ofd-two-"))
    cluster = embedded.Cluster(directory)
    try:
        cluster.prepare()
        with (cluster.data_dir / "pg_hba.conf").open("a") as rules:
            rules.write("host all all 10.77.0.0/24 trust\n")
        with pytest.MonkeyPatch.context() as patch, network.hub.inside():
            patch.setitem(embedded._SERVER_SETTINGS, "listen_addresses", network.hub.address)
            server = cluster.start()
        try:
            await until(lambda: answers(cluster.maintenance_dsn), "the database")
            await migrate(cluster.dsn)
            yield Box(network, cluster.maintenance_dsn)
        finally:
            server.send_signal(signal.SIGQUIT)
            await asyncio.to_thread(server.wait, 20)
    finally:
        cluster.close()
        network.close()
        subprocess.run(["rm", "-rf", directory], check=True)


@pytest_asyncio.fixture(loop_scope="session")
async def database(box: Box, request: pytest.FixtureRequest) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A database of the test's own at the current schema, seen from inside its server."""
    name = f"two_{abs(hash(request.node.name)) % 10**8}"
    connection = await asyncpg.connect(box.dsn)
    await connection.execute(f"CREATE DATABASE {name} TEMPLATE {embedded.DATABASE_NAME}")
    await connection.close()
    connection = await asyncpg.connect(with_database(box.dsn, name))
    yield connection
    await connection.close()


async def answers(dsn: str) -> bool:
    with contextlib.suppress(OSError, asyncpg.PostgresError):
        await (await asyncpg.connect(dsn)).close()
        return True
    return False


async def until(
    condition: Callable[[], Coroutine[Any, Any, bool]], what: str, *, deadline_s: float = DEADLINE_S
) -> None:
    try:
        async with asyncio.timeout(deadline_s):
            while not await condition():
                await asyncio.sleep(0.05)
    except TimeoutError:
        pytest.fail(f"{what} did not come within {deadline_s} s")


async def gateway(box: Box, name: str, state_dir: Path, database: str, **settings: str) -> RunningGateway:
    machine = box.network[name]
    state_dir.mkdir()
    (state_dir / "operator.key").write_bytes(b"k" * 32)
    (state_dir / "operator.key").chmod(0o600)
    environment = {
        "OFD_GATEWAY_DATABASE_PEER_TIMEOUT": PEER_TIMEOUT,
        "OFD_GATEWAY_ALERTS__GROUP_WAIT": "0s",
        "OFD_GATEWAY_ALERTS__GROUP_INTERVAL": "0s",
        **settings,
    }

    def start() -> RunningGateway:
        with machine.inside():
            where = ("--listen", f"{machine.address}:7777", "--database", box.dsn_of(database))
            return RunningGateway(state_dir, *where, environment=environment)

    return await asyncio.to_thread(start)


async def add_customer(box: Box, gateway: RunningGateway, database: str) -> None:
    def run() -> subprocess.CompletedProcess[str]:
        with box.network.hub.inside():
            return gateway.command(
                *("customers", "add", "--inn", TAXPAYER, "--email", "owner@example.org"),
                *("--database", box.dsn_of(database)),
            )

    added = await asyncio.to_thread(run)
    assert added.returncode == 0, added.stderr


async def send(box: Box, address: tuple[str, int], fn: str, fd: int, *, timeout_s: float = 8.0) -> bool:
    """Whether the document was confirmed; the same bytes each time."""
    whole = container(fn, fd, body=body(fn, fd, 3, fn, NOW))

    def run() -> bool:
        with (
            contextlib.suppress(OSError),
            box.network["registers"].inside(),
            socket.create_connection(address, timeout=timeout_s) as link,
        ):
            link.sendall(message(whole, fn=fn))
            return len(read_confirmation(link)) > 0
        return False

    return await asyncio.to_thread(run)


async def test_what_a_cut_off_gateway_held_is_taken_over(
    box: Box, database: asyncpg.Connection[asyncpg.Record], tmp_path: Path
) -> None:
    """An FN and its register locked by the intake, a due watch, a letter in hand, a line to the tax service."""
    name = await database.fetchval("SELECT current_database()")
    hub = box.network.hub
    first_address, second_address = (box.network[machine].address for machine in ("first", "second"))
    mail, taxes = mail_server.Peer(), tax_service.Peer()
    mail.gate, taxes.gate = asyncio.Event(), asyncio.Event()
    with hub.inside():
        mail_socket, taxes_socket = (socket.create_server((hub.address, 0)) for _ in range(2))
    settings = {
        "OFD_GATEWAY_SMTP__HOST": hub.address,
        "OFD_GATEWAY_SMTP__PORT": str(mail_socket.getsockname()[1]),
        "OFD_GATEWAY_FNS__URL": f"http://{hub.address}:{taxes_socket.getsockname()[1]}",
    }
    gateways: list[RunningGateway] = []
    async with mail_server.serving(mail, sock=mail_socket), tax_service.serving(taxes, sock=taxes_socket):
        try:
            gateways.append(await gateway(box, "first", tmp_path / "first", name, **settings))
            first = gateways[0].address
            await add_customer(box, gateways[0], name)
            assert await send(box, first, FNS[0], FILLED)
            async with asyncio.timeout(DEADLINE_S):
                await mail.at_gate.wait()
                await taxes.at_gate.wait()
            gateways.append(await gateway(box, "second", tmp_path / "second", name, **settings))
            second = gateways[1]

            await until(lambda: is_stopped_at_rest(database, second, second_address), "a moment without locks")
            try:
                async with database.transaction():
                    await database.execute("UPDATE watches SET next_check_at = now() - interval '1 minute'")
                async with database.transaction():
                    await database.execute("LOCK TABLE watches IN SHARE MODE")
                    waiting = asyncio.create_task(send(box, first, FNS[1], FILLED, timeout_s=4))
                    stuck = {"ofd-gateway", "ofd-gateway intake"}
                    await until(lambda: are(database, STUCK, first_address, stuck), "the wait for the table")
                    box.network.cut_off("first")
                held = {*stuck, "ofd-gateway letters"}
                await until(lambda: are(database, HOLDING, first_address, held), "what it held to the end")
            finally:
                second.child.send_signal(signal.SIGCONT)
            mail.gate.set()
            taxes.gate.set()
            assert not await waiting

            await until(lambda: send(box, second.address, FNS[1], FILLED), "the locked FN's confirmation")
            await until(lambda: nothing_waits(database), "letters and documents that the first had in hand")
            await until(lambda: is_gone(database, first_address), "the end of every session of the first")
            assert await database.fetchval("SELECT count(*) FROM documents") == 2
            await until(lambda: are_told(database, FNS[:2]), "a letter about each alert")
            assert max(Counter(str(one["Message-ID"]) for one in mail.messages).values()) <= 2

            box.network.bring_back("first")
            await until(lambda: send(box, first, FNS[2], FILLED), "the first gateway")
            assert await send(box, second.address, FNS[2], FILLED)
            await until(lambda: are_told(database, FNS), "a letter about each alert of the third FN as well")
            assert [await asyncio.to_thread(running.stop) for running in gateways] == [0, 0]
        finally:
            await clear(box, gateways)


async def test_registers_go_on_with_the_other_gateway(
    box: Box, database: asyncpg.Connection[asyncpg.Record], tmp_path: Path
) -> None:
    """The cut comes in the middle of exchanges; whatever was confirmed is stored once, and every FN is told of once."""
    name = await database.fetchval("SELECT current_database()")
    filling = {"OFD_GATEWAY_ALERTS__FN_FILLING__CAPACITIES": "9999=20"}
    gateways = await asyncio.gather(
        *(gateway(box, machine, tmp_path / machine, name, **filling) for machine in ("first", "second"))
    )
    record = tmp_path / "record.jsonl"
    fleet = start_fleet(box, "--to", ",".join(running.ready["ofd"] for running in gateways), "--record", str(record))
    try:
        await until(lambda: are_stored(database, 40), "documents by way of the first gateway")
        box.network.cut_off("first")
        await until(lambda: says_ready(box, "first", gateways[0], 503), "the word of the first that it is cut off")
        assert await asyncio.to_thread(fleet.wait, DEADLINE_S) == 0

        confirmed = {(one.fn, one.fd): bytes.fromhex(one.container) for one in read_record(record)}
        stored = await database.fetch("SELECT fn, fd, container FROM documents")
        assert {(row["fn"], row["fd"]): row["container"] for row in stored} == confirmed
        assert len(stored) == len(confirmed)
        assert all(running.events("document.accepted") for running in gateways)
        alerts = await database.fetch("SELECT subject FROM alerts WHERE rule = 'fn_filling'")
        assert sorted(row["subject"] for row in alerts) == sorted({fn for fn, _ in confirmed})

        box.network.bring_back("first")
        await until(lambda: says_ready(box, "first", gateways[0], 200), "the word of the first that it serves")
        await until(lambda: send(box, gateways[0].address, FNS[0], 1), "a confirmation by the first gateway")
    finally:
        fleet.kill()
        fleet.wait(20)
        await clear(box, gateways)


def start_fleet(box: Box, *options: str) -> subprocess.Popen[bytes]:
    pace = ("--registers", "4", "--rate", "30", "--receipts", "30", "--answer-timeout", "1s")
    with box.network["registers"].inside():
        return subprocess.Popen(
            [COMMAND, "simulate", "--habit", "keep-alive,per-document", *pace, *options], stdout=subprocess.DEVNULL
        )


async def clear(box: Box, gateways: Sequence[RunningGateway]) -> None:
    box.network.bring_back("first")
    for running in gateways:
        await asyncio.to_thread(running.close)


async def are_stored(database: asyncpg.Connection[asyncpg.Record], count: int) -> bool:
    return bool(await database.fetchval("SELECT count(*) >= $1 FROM documents", count))


async def says_ready(box: Box, machine: str, gateway: RunningGateway, status: int) -> bool:
    def ask() -> int:
        with box.network[machine].inside():
            host, _, port = gateway.ready["http"].rpartition(":")
            link = http.client.HTTPConnection(host, int(port), timeout=30)
            try:
                link.request("GET", "/readyz")
                return link.getresponse().status
            finally:
                link.close()

    return await asyncio.to_thread(ask) == status


async def is_stopped_at_rest(
    database: asyncpg.Connection[asyncpg.Record], gateway: RunningGateway, address: str
) -> bool:
    """Stops the process where it holds nothing that others wait for; it goes on when it does."""
    gateway.child.send_signal(signal.SIGSTOP)
    if await database.fetchval(LOCKED, address):
        gateway.child.send_signal(signal.SIGCONT)
        return False
    return True


async def is_gone(database: asyncpg.Connection[asyncpg.Record], address: str) -> bool:
    return await database.fetchval(SESSIONS, address) == 0


async def are(database: asyncpg.Connection[asyncpg.Record], query: str, address: str, names: set[str]) -> bool:
    return {row[0] for row in await database.fetch(query, address)} >= names


async def are_told(database: asyncpg.Connection[asyncpg.Record], fns: tuple[str, ...]) -> bool:
    """Each FN is 80 % full, and its document failed a check: two alerts, each in one letter that was sent."""
    told = sorted(tuple(row) for row in await database.fetch(TOLD))
    return told == [(rule, fn, 1) for rule in ("fn_filling", "fns_rejected") for fn in fns] and await nothing_waits(
        database
    )


async def nothing_waits(database: asyncpg.Connection[asyncpg.Record]) -> bool:
    """Every watch was looked at, every letter sent, every document with the tax service."""
    waiting = await database.fetchrow(
        "SELECT (SELECT count(*) FROM fns_queue), (SELECT count(*) FROM letters WHERE state <> 'sent'), "
        "(SELECT count(*) FROM watches WHERE next_check_at < now() - interval '20 seconds')"
    )
    return tuple(waiting or ()) == (0, 0, 0)
