"""What the service manager hears, on sockets like its own."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from ofd_gateway.systemd import ServiceManager
from tests.e2e.running import running

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS = ["path", pytest.param("abstract", marks=pytest.mark.skipif(sys.platform != "linux", reason="Linux only"))]


class Listener:
    """The other end of NOTIFY_SOCKET; `address` is spelt as systemd spells it."""

    def __init__(self, kind: str, folder: Path) -> None:
        name = f"ofd-gateway-test-{secrets.token_hex(8)}"
        self.address = f"@{name}" if kind == "abstract" else str(folder / name)
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(f"\0{name}" if kind == "abstract" else self.address)
        self.sock.settimeout(20)

    def heard(self) -> list[str]:
        return self.sock.recv(4096).decode().split("\n")


@pytest.fixture(params=KINDS)
def listener(request: pytest.FixtureRequest) -> Iterator[Listener]:
    with tempfile.TemporaryDirectory() as folder:
        listener = Listener(request.param, Path(folder))
        yield listener
        listener.sock.close()


def test_ready_and_stopping(listener: Listener) -> None:
    manager = ServiceManager(listener.address)
    manager.ready("serving 127.0.0.1:7777")
    assert listener.heard() == ["READY=1", "STATUS=serving 127.0.0.1:7777"]
    manager.stopping()
    assert listener.heard()[0] == "STOPPING=1"


async def test_the_watchdog_is_fed_twice_in_its_interval(listener: Listener) -> None:
    manager = ServiceManager(listener.address, watchdog_s=0.02)
    feeding = asyncio.create_task(manager.keep_alive())
    for _ in range(3):
        assert await asyncio.to_thread(listener.heard) == ["WATCHDOG=1"]
    feeding.cancel()


async def test_without_a_watchdog_nothing_is_fed() -> None:
    with tempfile.TemporaryDirectory() as folder:
        listener = Listener("path", Path(folder))
        await ServiceManager(listener.address).keep_alive()
        await ServiceManager(None, watchdog_s=0.02).keep_alive()
        listener.sock.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.heard()
        listener.sock.close()


def test_the_variables_are_taken_out_of_the_environment() -> None:
    environment = {"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid()), "HOME": "/"}
    manager = ServiceManager.from_environment(environment)
    assert environment == {"HOME": "/"}
    assert (manager._address, manager._watchdog_s) == ("@x", 30.0)


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "9" * 5000},
        {"WATCHDOG_USEC": "²"},
    ],
)
def test_a_watchdog_of_others_or_of_no_sense_is_none(environment: dict[str, str]) -> None:
    assert ServiceManager.from_environment(dict(environment))._watchdog_s is None


@pytest.mark.parametrize("address", ["/nowhere/at/all", "relative", "/" + "x" * 200, "@" + "x" * 200])
def test_a_manager_that_cannot_be_reached_is_logged_and_changes_nothing(address: str) -> None:
    with capture_logs() as logs:
        ServiceManager(address).ready("serving")
    assert [(record["event"], record["log_level"]) for record in logs] == [("service_manager.unreachable", "warning")]


def test_nobody_asked_nothing_said() -> None:
    with capture_logs() as logs:
        ServiceManager(None).ready("serving")
    assert logs == []


def test_the_service_tells_its_manager(listener: Listener) -> None:
    with tempfile.TemporaryDirectory() as folder:
        environment = {"NOTIFY_SOCKET": listener.address, "WATCHDOG_USEC": "1000000"}
        for gateway in running(Path(folder) / "state", environment=environment):
            heard = listener.heard()
            assert heard == ["READY=1", f"STATUS=приём / serving {gateway.ready['ofd']}"]
            assert [listener.heard(), listener.heard()] == [["WATCHDOG=1"]] * 2
            assert gateway.stop() == 0
            told = listener.heard()
            while told == ["WATCHDOG=1"]:
                told = listener.heard()
            assert told[0] == "STOPPING=1"
