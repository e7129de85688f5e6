"""The real gateway as a child, its database behind a proxy, and registers that keep account."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg

from tests.e2e.running import RunningGateway
from tests.faults.proxy import FaultProxy, fault_proxy
from tests.faults.registers import DEADLINE_S, Registers
from tests.faults.servers import OwnServer, do, make_database, started
from tests.intake.running import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

NAME = "gateway"
INTAKE = "ofd-gateway intake"


def asked(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return int(answer.status), answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


async def until_ready(gateway: RunningGateway, code: int, *, saying: str = "") -> None:
    """Returns once /readyz answers so."""
    found: tuple[int, str] = (0, "")
    try:
        async with asyncio.timeout(DEADLINE_S):
            while found[0] != code or saying not in found[1]:
                found = await asyncio.to_thread(asked, f"{gateway.http}/readyz")
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"/readyz says {found}, not {code} {saying}") from None


async def metric(gateway: RunningGateway, sample: str) -> float:
    _, text = await asyncio.to_thread(asked, f"{gateway.http}/metrics")
    lines = [line for line in text.splitlines() if line.startswith(f"ofd_gateway_{sample} ")]
    return float(lines[0].rpartition(" ")[2]) if lines else 0.0


class Scene:
    """`dsn` leads straight to the database, as its owner; `admin` as a superuser."""

    def __init__(self, gateway: RunningGateway, server: OwnServer, proxy: FaultProxy) -> None:
        self.gateway = gateway
        self.server = server
        self.proxy = proxy
        self.dsn = server.dsn(NAME, user=NAME)
        self.admin = server.dsn(NAME)
        self.registers = Registers(gateway)
        self._numbers = itertools.count(8710000100000000, 100)
        self._mark = 0

    def new_fn(self) -> str:
        return str(next(self._numbers))

    async def begin(self) -> None:
        """Everything is well; what was logged before is forgotten."""
        await self.registers.confirm(self.new_fn(), 1)
        await until_ready(self.gateway, 200)
        self._mark = len(self.gateway.records)

    def events(self, name: str, **fields: Any) -> list[dict[str, Any]]:
        """What was logged since the test began."""
        found = self.gateway.records[self._mark :]
        return [r for r in found if r["event"] == name and all(r.get(key) == fields[key] for key in fields)]

    async def logged(self, name: str, **fields: Any) -> dict[str, Any]:
        await until(lambda: bool(self.events(name, **fields)), DEADLINE_S)
        return self.events(name, **fields)[0]

    async def terminate(self) -> None:
        """Ends every session of the gateway."""
        await do(self.server.dsn(), f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{NAME}'")

    async def sessions(self) -> int:
        """How many sessions of the intake the server has."""
        connection = await asyncpg.connect(self.server.dsn())
        try:
            count = "SELECT count(*) FROM pg_stat_activity WHERE usename = $1 AND application_name = $2"
            return int(await connection.fetchval(count, NAME, INTAKE))
        finally:
            await connection.close()

    @contextlib.asynccontextmanager
    async def altered(self, what: str, setting: str, undo: str) -> AsyncIterator[None]:
        """`ALTER DATABASE|ROLE … setting`, in force for every session; undone for new ones alone."""
        await do(self.server.dsn(), f'ALTER {what} "{NAME}" {setting}')
        await self.terminate()
        try:
            yield
        finally:
            await do(self.server.dsn(), f'ALTER {what} "{NAME}" {undo}')

    @contextlib.asynccontextmanager
    async def held(self, statement: str, *arguments: str) -> AsyncIterator[None]:
        """Somebody has begun a transaction and gone to lunch."""
        connection = await asyncpg.connect(self.admin)
        try:
            await connection.execute("BEGIN")
            await connection.fetch(statement, *arguments)
            yield
        finally:
            await connection.close()

    async def told_once(self, **fields: Any) -> None:
        """It is over; each cause was said once, this one among them. Everything that was confirmed is there."""
        await self.logged("store.recovered")
        await until_ready(self.gateway, 200)
        assert await metric(self.gateway, "database_up") == 1
        assert len(self.events("store.recovered")) == 1
        causes = [event.get("sqlstate", event["reason"].partition(":")[0]) for event in self.events("store.failed")]
        assert len(causes) == len(set(causes))
        assert self.events("store.failed", **fields)
        await self.registers.compare(self.dsn)


@contextlib.asynccontextmanager
async def running_scene() -> AsyncIterator[Scene]:
    server = OwnServer()
    gateway: RunningGateway | None = None
    with tempfile.TemporaryDirectory() as directory:
        try:
            await started(server)
            dsn = await make_database(server, NAME)
            async with fault_proxy(dsn, application=INTAKE) as proxy:
                gateway = await gateway_on(Path(directory) / "state", proxy.dsn)
                yield Scene(gateway, server, proxy)
                await asyncio.to_thread(gateway.close)
        finally:
            if gateway is not None:
                await asyncio.to_thread(gateway.close)
            await asyncio.to_thread(server.remove)


async def gateway_on(state_dir: Path, dsn: str, *, store_timeout: str = "1500ms") -> RunningGateway:
    options = ["--listen", "127.0.0.1:0", "--database", dsn]
    make: Callable[[], RunningGateway] = lambda: RunningGateway(  # noqa: E731  a call for a thread
        state_dir, *options, environment={"OFD_GATEWAY_INTAKE__STORE_TIMEOUT": store_timeout}
    )
    return await asyncio.to_thread(make)
