"""SIGHUP: workers are replaced one after another, and registers notice nothing but a new connection."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import pty
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.e2e.running import COMMAND, RunningGateway, exchange, read_confirmation, running, wait_until
from tests.faults.proxy import fault_proxy
from tests.messages import container, message

if TYPE_CHECKING:
    from collections.abc import Iterator

STORMERS = 24
KEPT = 6
ROUNDS = 3


@pytest.fixture
def state_dir() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as directory:
        yield Path(directory) / "state"


def fn_of(number: int) -> str:
    return f"99990789{number:08d}"


class Traffic:
    """Registers that send all the time: some with a connection for each document, some that keep theirs."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.address = address
        self.confirmed: set[tuple[str, int]] = set()
        self.refused: list[str] = []
        self.unanswered: list[tuple[str, int]] = []
        self.cut = 0
        self.ending = asyncio.Event()

    async def storm(self, fn: str) -> None:
        """One connection a document; each of them has to be taken and answered."""
        for fd in itertools.count(1):
            if self.ending.is_set():
                return
            try:
                reader, writer = await asyncio.open_connection(*self.address)
            except OSError as error:
                self.refused.append(repr(error))
                return
            try:
                if await self._ask(reader, writer, fn, fd):
                    self.confirmed.add((fn, fd))
                else:
                    self.unanswered.append((fn, fd))
                    return
            finally:
                writer.close()

    async def keep(self, fn: str) -> None:
        """One connection for as long as the gateway keeps it; a document without an answer is sent again."""
        fd = 1
        while not self.ending.is_set():
            try:
                reader, writer = await asyncio.open_connection(*self.address)
            except OSError as error:
                self.refused.append(repr(error))
                return
            while not self.ending.is_set() and await self._ask(reader, writer, fn, fd):
                self.confirmed.add((fn, fd))
                fd += 1
            self.cut += 1
            writer.close()

    @staticmethod
    async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, fn: str, fd: int) -> bool:
        try:
            async with asyncio.timeout(30):
                writer.write(message(container(fn, fd), fn=fn))
                header = await reader.readexactly(30)
                await reader.readexactly(int.from_bytes(header[24:26], "little"))
        except (asyncio.IncompleteReadError, ConnectionError):
            return False
        return True


def documents_of(gateway: RunningGateway) -> list[tuple[str, int]]:
    listed = gateway.command("documents", "list", "--json", "--limit", "0").stdout.splitlines()
    return [(line["fn"], line["fd"]) for line in map(json.loads, listed)]


async def restart_in_a_storm(gateway: RunningGateway) -> Traffic:
    traffic = Traffic(gateway.address)
    tasks = [asyncio.create_task(traffic.storm(fn_of(number))) for number in range(STORMERS)]
    tasks += [asyncio.create_task(traffic.keep(fn_of(1000 + number))) for number in range(KEPT)]
    for round_ in range(1, ROUNDS + 1):
        before = len(traffic.confirmed)
        gateway.child.send_signal(signal.SIGHUP)
        await asyncio.to_thread(
            wait_until,
            lambda round_=round_: len(gateway.events("workers.replaced")) == round_,
            deadline_s=90,
            what="the replacement of the workers",
        )
        assert len(traffic.confirmed) > before
    traffic.ending.set()
    await asyncio.gather(*tasks)
    return traffic


def test_no_connection_is_refused_and_nothing_is_lost(state_dir: Path) -> None:
    environment = {"OFD_GATEWAY_INTAKE__DRAIN_TIMEOUT": "2s"}
    for gateway in running(state_dir, "--listen", "127.0.0.1:0", "--workers", "2", environment=environment):
        former = {record["pid"] for record in gateway.events("worker.ready")}
        traffic = asyncio.run(restart_in_a_storm(gateway))
        assert (traffic.refused, traffic.unanswered) == ([], [])
        assert traffic.cut >= KEPT
        replaced = gateway.events("worker.replaced")
        assert len(replaced) == 2 * ROUNDS
        assert {record["code"] for record in replaced} == {0}
        assert former <= {record["former"] for record in replaced}
        assert not any(Path(f"/proc/{pid}").exists() for pid in former)
        assert gateway.events("worker.died") == []
        stored = documents_of(gateway)
        assert len(stored) == len(set(stored))
        assert traffic.confirmed - set(stored) == set()
        assert gateway.stop() == 0


def test_an_idle_connection_is_served_until_the_deadline_and_closed(state_dir: Path) -> None:
    environment = {"OFD_GATEWAY_INTAKE__DRAIN_TIMEOUT": "3s"}
    for gateway in running(state_dir, "--listen", "127.0.0.1:0", "--workers", "2", environment=environment):
        links = [gateway.connect() for _ in range(8)]
        try:
            for number, link in enumerate(links):
                link.sendall(message(container(fn_of(number)), fn=fn_of(number)))
                assert read_confirmation(link)
            gateway.child.send_signal(signal.SIGHUP)
            first_new = gateway.events("worker.ready")[-1]
            wait_until(lambda: gateway.events("worker.ready")[-1] != first_new)
            for number, link in enumerate(links):
                link.sendall(message(container(fn_of(number), 2), fn=fn_of(number)))
                assert read_confirmation(link), "a draining worker serves the connections it has"
            gateway.wait_event("workers.replaced")
            assert [link.recv(1) for link in links] == [b""] * len(links)
        finally:
            for link in links:
                link.close()


def test_sigterm_while_workers_are_replaced_ends_everything(state_dir: Path) -> None:
    for gateway in running(state_dir, "--listen", "127.0.0.1:0", "--workers", "2"):
        with gateway.connect() as idle:
            idle.sendall(message(container()))
            assert read_confirmation(idle)
            gateway.child.send_signal(signal.SIGHUP)
            wait_until(lambda: len(gateway.events("worker.ready")) >= 3)
            assert gateway.stop() == 0
            assert idle.recv(1) == b""
        for record in gateway.events("worker.ready"):
            assert not Path(f"/proc/{record['pid']}").exists()


def test_with_one_process_sighup_changes_nothing(state_dir: Path) -> None:
    for gateway in running(state_dir):
        gateway.child.send_signal(signal.SIGHUP)
        gateway.wait_event("gateway.replacement_declined")
        gateway.child.send_signal(signal.SIGUSR1)
        assert exchange(gateway, message(container()))
        assert gateway.stop() == 0


def test_without_its_terminal_the_service_stops(state_dir: Path) -> None:
    parent, child_end = pty.openpty()
    read_end, write_end = os.pipe()
    child = subprocess.Popen(
        [COMMAND, "serve", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--state-dir", str(state_dir)],
        stdin=child_end,
        stdout=write_end,
        start_new_session=True,
    )
    os.close(child_end)
    os.close(write_end)
    with os.fdopen(read_end) as lines:
        try:
            assert any("gateway.ready" in line for line in lines)
            os.close(parent)
            child.send_signal(signal.SIGHUP)
            assert child.wait(20) == 0
        finally:
            if child.poll() is None:
                child.kill()
                child.wait(20)


@pytest.mark.faults
def test_workers_that_cannot_start_are_not_put_in_place(state_dir: Path) -> None:
    """A broken installation: the new workers end at once, the old ones go on."""
    with tempfile.TemporaryDirectory() as directory:
        trap = Path(directory) / "sitecustomize.py"
        environment = {"PYTHONPATH": directory}
        for gateway in running(state_dir, "--listen", "127.0.0.1:0", "--workers", "2", environment=environment):
            trap.write_text("import sys\nsys.exit(7)\n")
            gateway.child.send_signal(signal.SIGHUP)
            gateway.wait_event("workers.replacement_failed", worker=1)
            assert len(gateway.events("worker.failed")) == 1
            for number in range(8):
                assert exchange(gateway, message(container(fn_of(number)), fn=fn_of(number)))
            trap.unlink()
            gateway.child.send_signal(signal.SIGHUP)
            gateway.wait_event("workers.replaced")
            assert gateway.stop() == 0


@pytest.mark.faults
async def test_a_worker_that_starts_while_the_database_is_away_waits_for_it(dsn: str, state_dir: Path) -> None:
    async with fault_proxy(dsn) as proxy:
        port = urlsplit(proxy.dsn).port
        assert port is not None
        where = ("--listen", "127.0.0.1:0", "--workers", "2", "--database", proxy.dsn)
        gateway = await asyncio.to_thread(RunningGateway, state_dir, *where)
        try:
            await proxy.stop()
            os.kill(gateway.events("worker.ready")[0]["pid"], signal.SIGKILL)
            waiting = await asyncio.to_thread(gateway.wait_event, "worker.database_awaited")
            await proxy.start(port)
            await asyncio.to_thread(wait_until, lambda: len(gateway.events("worker.ready")) == 3)
            assert waiting["level"] == "warning"
            assert gateway.events("worker.failed") == []
            assert len(gateway.events("worker.died")) == 1
            assert await asyncio.to_thread(gateway.stop) == 0
        finally:
            await asyncio.to_thread(gateway.close)


@pytest.mark.faults
async def test_a_worker_that_waits_for_the_database_ends_when_it_is_told_to(dsn: str, state_dir: Path) -> None:
    async with fault_proxy(dsn) as proxy:
        where = ("--listen", "127.0.0.1:0", "--workers", "2", "--database", proxy.dsn)
        gateway = await asyncio.to_thread(RunningGateway, state_dir, *where)
        try:
            await proxy.stop()
            os.kill(gateway.events("worker.ready")[0]["pid"], signal.SIGKILL)
            await asyncio.to_thread(gateway.wait_event, "worker.database_awaited")
            assert await asyncio.to_thread(gateway.stop) == 0
        finally:
            await asyncio.to_thread(gateway.close)
            await proxy.start()


@pytest.mark.faults
def test_a_crash_loop_ends_the_service_with_1(state_dir: Path) -> None:
    with tempfile.TemporaryDirectory() as directory:
        environment = {"PYTHONPATH": directory}
        for gateway in running(state_dir, "--listen", "127.0.0.1:0", "--workers", "2", environment=environment):
            (Path(directory) / "sitecustomize.py").write_text("import sys\nsys.exit(7)\n")
            os.kill(gateway.events("worker.ready")[0]["pid"], signal.SIGKILL)
            assert gateway.child.wait(40) == 1
            crashed = gateway.wait_event("gateway.crashed")
            assert "5 workers died" in crashed["reason"]
            with pytest.raises(OSError), socket.create_connection(gateway.address, timeout=5):  # noqa: PT011
                pass
