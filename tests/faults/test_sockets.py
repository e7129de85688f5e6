"""The real command against peers that are many, slow, silent, half closed or gone, and without descriptors to spare."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from benchmarks.processes import cpu_seconds, open_files, resident_bytes

from ofd_gateway.protocol import Connection, Role, parse_confirmation, parse_container
from tests.e2e.running import RunningGateway, exchange, read_confirmation, running, wait_until
from tests.messages import DEBUG_FN, container, message

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
CONNECTIONS = 1500
ROOM = 1200
STORMS = 2


def confirmed_fd(answer: bytes) -> int:
    return parse_confirmation(parse_container(answer[30:], kind=0x5A)).fd


def document(number: int, fd: int = 1) -> bytes:
    """A message of a register of its own."""
    fn = f"9999{number:012d}"
    return message(container(fn, fd), fn=fn)


def descriptors(gateway: RunningGateway) -> int:
    return open_files(gateway.child.pid)


def metric(gateway: RunningGateway, name: str) -> float:
    with urllib.request.urlopen(f"{gateway.http}/metrics", timeout=15) as answer:
        lines = answer.read().decode().splitlines()
    found = [line for line in lines if line.startswith((f"ofd_gateway_{name} ", f"ofd_gateway_{name}{{"))]
    return sum(float(line.rpartition(" ")[2]) for line in found)


def status(gateway: RunningGateway, path: str) -> int:
    with urllib.request.urlopen(f"{gateway.http}{path}", timeout=15) as answer:
        return int(answer.status)


def storm(gateway: RunningGateway, *, connections: int, first_fn: int) -> subprocess.Popen[bytes]:
    address = gateway.ready["ofd"]
    command = [sys.executable, "-m", "benchmarks.storm", address, f"--connections={connections}"]
    return subprocess.Popen([*command, f"--first-fn={first_fn}"], stdout=subprocess.PIPE, cwd=ROOT)


def outcomes(load: subprocess.Popen[bytes]) -> dict[str, Any]:
    out, _ = load.communicate(timeout=90)
    figures: dict[str, Any] = json.loads(out)
    return figures


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """One that has little patience, and room for most of the storm."""
    environment = {
        "OFD_GATEWAY_INTAKE__MESSAGE_TIMEOUT": "1s",
        "OFD_GATEWAY_INTAKE__WRITE_TIMEOUT": "1s",
        "OFD_GATEWAY_INTAKE__IDLE_TIMEOUT": "60s",
        "OFD_GATEWAY_INTAKE__MAX_CONNECTIONS": str(ROOM),
        "OFD_GATEWAY_LOGS__LEVEL": "debug",
    }
    yield from running(tmp_path_factory.mktemp("gateway"), environment=environment)


@pytest.fixture(scope="module")
def cramped(gateway: RunningGateway, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """One that may open 256 files and no more."""
    yield from running(tmp_path_factory.mktemp("cramped"), *beside(gateway), open_files=256)


@pytest.fixture(scope="module")
def quick(gateway: RunningGateway, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """One for which a second of silence is too much."""
    environment = {"OFD_GATEWAY_INTAKE__IDLE_TIMEOUT": "1s", "OFD_GATEWAY_LOGS__LEVEL": "debug"}
    yield from running(tmp_path_factory.mktemp("quick"), *beside(gateway), environment=environment)


def beside(gateway: RunningGateway) -> tuple[str, ...]:
    """The options of another gateway on the same database."""
    return "--listen", "127.0.0.1:0", "--database", gateway.database


class TestManyAtOnce:
    @pytest.mark.timeout(150)
    def test_each_is_served_or_refused_and_nothing_stays(self, gateway: RunningGateway) -> None:
        before = descriptors(gateway)
        resident = []
        for number in range(STORMS):
            load = storm(gateway, connections=CONNECTIONS, first_fn=1_000_000 * (1 + number))
            answers = []
            while load.poll() is None:
                answers.append(status(gateway, "/healthz"))
                with contextlib.suppress(subprocess.TimeoutExpired):
                    load.wait(0.1)
            figures = outcomes(load)
            assert set(answers) == {200}
            assert (figures["served"], figures["refused"], figures["hung"]) == (ROOM, CONNECTIONS - ROOM, 0)
            wait_until(lambda: descriptors(gateway) <= before + 3, what="as many descriptors as before")
            assert metric(gateway, "connections") == 0
            resident.append(resident_bytes(gateway.child.pid))
        assert (resident[-1] - resident[0]) / CONNECTIONS < 4096, resident
        refused = STORMS * (CONNECTIONS - ROOM)
        assert metric(gateway, "connections_refused_total") == refused
        wait_until(lambda: sum(line["refused"] for line in gateway.events("connection.refused")) == refused)
        assert len(gateway.events("connection.refused")) < 100
        assert confirmed_fd(exchange(gateway, document(1, fd=2))) == 2


class TestPeers:
    def test_a_byte_now_and_then_is_cut_off_when_the_message_takes_too_long(self, gateway: RunningGateway) -> None:
        with gateway.connect() as link:
            link.settimeout(0.2)
            peer = "{}:{}".format(*link.getsockname())
            data = b""
            for byte in document(10):
                link.send(bytes([byte]))
                with contextlib.suppress(TimeoutError):
                    data = link.recv(1)
                    break
            assert data == b""
        gateway.wait_event("connection.timed_out", peer=peer, waiting_for="message")

    def test_who_does_not_read_is_reset_and_frees_what_it_held(self, gateway: RunningGateway) -> None:
        with socket.socket() as link:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            link.settimeout(15)
            link.connect(gateway.address)
            peer = "{}:{}".format(*link.getsockname())
            service = Connection(Role.REGISTER).send_service(version=b"\x01\x05", fn=DEBUG_FN)
            with pytest.raises(ConnectionError):
                for _ in range(2000):
                    link.sendall(service * 2000)
        gateway.wait_event("connection.timed_out", peer=peer, waiting_for="write")
        wait_until(lambda: metric(gateway, "connections") == 0)
        assert len([line for line in gateway.events("connection.timed_out") if line["peer"] == peer]) == 1

    def test_a_half_closed_one_gets_its_confirmation_and_then_the_end(self, gateway: RunningGateway) -> None:
        with gateway.connect() as link:
            link.sendall(document(11))
            link.shutdown(socket.SHUT_WR)
            assert confirmed_fd(read_confirmation(link)) == 1
            assert link.recv(1) == b""

    def test_a_half_closed_one_in_the_middle_of_a_message_is_closed(self, gateway: RunningGateway) -> None:
        with gateway.connect() as link:
            link.sendall(document(12)[:60])
            link.shutdown(socket.SHUT_WR)
            assert link.recv(1) == b""
        gateway.wait_event("message.rejected", fn="9999000000000012")

    @pytest.mark.parametrize("sent", [0, 40, None], ids=["nothing", "a part", "a document"])
    def test_a_reset_frees_the_connection(self, gateway: RunningGateway, sent: int | None) -> None:
        link = gateway.connect()
        peer = "{}:{}".format(*link.getsockname())
        opened = metric(gateway, "connections")
        link.sendall(document(13)[:sent])
        wait_until(lambda: metric(gateway, "connections") == max(opened, 1))
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        link.close()
        wait_until(lambda: metric(gateway, "connections") == 0)
        assert len(gateway.wait_event("connection.lost", peer=peer)) > 0
        assert len([line for line in gateway.events("connection.lost") if line["peer"] == peer]) == 1
        assert confirmed_fd(exchange(gateway, document(13))) == 1

    def test_silent_ones_are_closed_each_with_one_line(self, quick: RunningGateway) -> None:
        """A peer that has vanished without a word is a silent one: nothing comes from either."""
        before = descriptors(quick)
        with contextlib.ExitStack() as stack:
            links = [stack.enter_context(quick.connect()) for _ in range(50)]
            for number, link in enumerate(links[:25]):
                link.sendall(document(100 + number))
                assert confirmed_fd(read_confirmation(link)) == 1
            assert [link.recv(1) for link in links] == [b""] * 50
            peers = sorted("{}:{}".format(*link.getsockname()) for link in links)
        wait_until(lambda: len(quick.events("connection.timed_out")) >= 50)
        lines = quick.events("connection.timed_out")
        assert sorted(line["peer"] for line in lines) == peers
        assert {line["waiting_for"] for line in lines} == {"idle"}
        wait_until(lambda: descriptors(quick) <= before + 2)


class TestDescriptors:
    def test_those_who_are_there_go_on_and_newcomers_are_refused_until_some_leave(
        self, cramped: RunningGateway
    ) -> None:
        assert cramped.wait_event("open_files.few")["open_files"] == 256
        before = descriptors(cramped)
        with contextlib.ExitStack() as stack:
            first = stack.enter_context(cramped.connect())
            links = [stack.enter_context(cramped.connect()) for _ in range(300)]
            wait_until(lambda: metric(cramped, "connections_refused_total") > 50)
            first.sendall(document(21))
            assert confirmed_fd(read_confirmation(first)) == 1
            assert links[-1].recv(1) == b""
            assert status(cramped, "/readyz") == 200
            assert descriptors(cramped) < 256 - 32
            refused = metric(cramped, "connections_refused_total")
            wait_until(lambda: sum(line["refused"] for line in cramped.events("connection.refused")) == refused)
            lines = cramped.events("connection.refused")
            assert {line["limit"] for line in lines} == {"open_files"}
            assert len(lines) < 20
        wait_until(lambda: descriptors(cramped) <= before + 3)
        assert confirmed_fd(exchange(cramped, document(22))) == 1

    def test_none_left_at_all_is_no_reason_to_spin(self, cramped: RunningGateway) -> None:
        """Whoever takes the very last ones by HTTP, the gateway waits and goes on once they are free."""
        host, _, port = cramped.ready["http"].rpartition(":")
        with contextlib.ExitStack() as stack:
            first = stack.enter_context(cramped.connect())
            for _ in range(300):
                stack.enter_context(socket.create_connection((host, int(port)), timeout=15))
            wait_until(lambda: descriptors(cramped) >= 250)
            used, began = cpu_seconds(cramped.child.pid), time.monotonic()
            late = stack.enter_context(cramped.connect())
            assert late.recv(1) == b""
            first.sendall(document(23))
            assert confirmed_fd(read_confirmation(first)) == 1
            wait_until(lambda: time.monotonic() - began > 1.0, what="a second")
            assert (cpu_seconds(cramped.child.pid) - used) / (time.monotonic() - began) < 0.5
        wait_until(lambda: descriptors(cramped) < 60)
        assert status(cramped, "/readyz") == 200
        assert confirmed_fd(exchange(cramped, document(24))) == 1
