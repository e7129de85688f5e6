"""The command as a user starts it: real sockets, a real database, real signals."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ofd_gateway.protocol import parse_confirmation, parse_container
from ofd_gateway.storage.cluster import Postmaster
from tests.e2e.running import RunningGateway, exchange, read_confirmation, running, wait_until
from tests.messages import DEBUG_FN, container, message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ofd_gateway.protocol import Confirmation


def confirmation(answer: bytes) -> Confirmation:
    return parse_confirmation(parse_container(answer[30:], kind=0x5A))


def status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def metrics_of(gateway: RunningGateway) -> str:
    with urllib.request.urlopen(f"{gateway.http}/metrics", timeout=5) as answer:
        text: str = answer.read().decode()
    return text


def server_pid(gateway: RunningGateway) -> int:
    pid = Postmaster(gateway.state_dir / "postgres" / "data").pid
    assert pid is not None
    return pid


def server_processes(gateway: RunningGateway) -> list[int]:
    postmaster = server_pid(gateway)
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    return [postmaster, *(pid for pid, parent in parents.items() if parent == postmaster)]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def state_dir() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as directory:
        yield Path(directory) / "state"


@pytest.fixture(scope="module")
def gateway() -> Iterator[RunningGateway]:
    with tempfile.TemporaryDirectory() as directory:
        yield from running(Path(directory) / "state", fresh=True)


class TestContracts:
    def test_it_says_where_it_serves(self, gateway: RunningGateway) -> None:
        ready = gateway.ready
        assert ready["pid"] == gateway.child.pid
        assert list(ready)[:3] == ["timestamp", "level", "event"]
        assert ready["database"].startswith("postgresql://")

    def test_health_and_metrics(self, gateway: RunningGateway) -> None:
        assert status(f"{gateway.http}/healthz") == 200
        assert status(f"{gateway.http}/readyz") == 200
        with urllib.request.urlopen(f"{gateway.http}/metrics", timeout=5) as answer:
            names = [line.split()[2] for line in answer.read().decode().splitlines() if line.startswith("# TYPE")]
        assert names
        assert all(name.startswith("ofd_gateway_") for name in names)

    def test_a_document_is_stored_confirmed_and_shown(self, gateway: RunningGateway) -> None:
        whole = container(fd=1)
        told = confirmation(exchange(gateway, message(whole)))
        assert (told.fn, told.fd) == (DEBUG_FN, 1)
        (line,) = [
            json.loads(line)
            for line in gateway.command("documents", "list", "--fn", DEBUG_FN, "--json").stdout.splitlines()
        ]
        assert (line["fn"], line["generation"], line["fd"], line["kind"], line["ffd"]) == (
            *(DEBUG_FN, 0, 1, "receipt", "1.05"),
        )
        assert line["response_code"] == told.response_code
        assert (line["fns"], line["fns_code"]) == (None, None)
        assert gateway.command("documents", "show", DEBUG_FN, "1", "--hex").stdout == whole.hex() + "\n"
        shown = json.loads(gateway.command("documents", "show", DEBUG_FN, "1", "--json").stdout)
        assert shown["receipt"]["fiscalDriveNumber"] == DEBUG_FN
        tree = gateway.command("documents", "show", DEBUG_FN, "1", "--tree")
        assert (tree.returncode, "1041" in tree.stdout) == (0, True)
        assert "1041" not in gateway.command("documents", "list").stdout

    def test_a_repeat_gets_the_same_confirmation_and_stores_nothing(self, gateway: RunningGateway) -> None:
        fn = "9999078900000002"
        first = confirmation(exchange(gateway, message(container(fn), fn=fn)))
        again = confirmation(exchange(gateway, message(container(fn), fn=fn)))
        assert (again.response_code, again.operator_sign, again.trailer) == (
            *(first.response_code, first.operator_sign, first.trailer),
        )
        assert len(gateway.command("documents", "list", "--fn", fn, "--json", "--limit", "0").stdout.splitlines()) == 1

    def test_what_is_not_there_is_told_on_stderr(self, gateway: RunningGateway) -> None:
        missing = gateway.command("documents", "show", DEBUG_FN, "99", "--json")
        assert (missing.returncode, missing.stdout, bool(missing.stderr)) == (1, "", True)
        nothing = gateway.command("documents", "list", "--fn", "1111", "--json")
        assert (nothing.returncode, nothing.stdout) == (0, "")

    def test_quarantine_is_listed_and_shown(self, gateway: RunningGateway) -> None:
        fn = "9999078900000003"
        damaged = bytearray(message(container(fn), fn=fn))
        damaged[90] ^= 1
        assert exchange(gateway, bytes(damaged)) == b""
        (line,) = [
            json.loads(line) for line in gateway.command("quarantine", "list", "--fn", fn, "--json").stdout.splitlines()
        ]
        assert (line["fn"], line["fd"], line["reason"]) == (fn, 1, "container_crc")
        shown = json.loads(gateway.command("quarantine", "show", str(line["id"]), "--json").stdout)
        assert shown["raw"] == damaged.hex()
        assert "container_crc" in gateway.command("quarantine", "list").stdout
        assert "CRC" in gateway.command("quarantine", "show", str(line["id"])).stdout
        assert gateway.command("quarantine", "show", "999999").returncode == 1

    def test_options_that_make_no_sense_exit_with_2(self, gateway: RunningGateway) -> None:
        assert gateway.command("documents", "list", "--kind", "bread").returncode == 2
        assert gateway.command("documents", "list", "--since", "soon").returncode == 2
        assert gateway.command("documents", "show", DEBUG_FN, "1", "--hex", "--json").returncode == 2

    def test_a_backup_is_made_while_it_runs_and_restored_elsewhere(
        self, gateway: RunningGateway, state_dir: Path
    ) -> None:
        exchange(gateway, message(container("9999078900000004"), fn="9999078900000004"))
        with tempfile.TemporaryDirectory() as directory:
            dump = Path(directory) / "ofd.dump"
            made = gateway.command("backup", str(dump), "--json")
            assert json.loads(made.stdout)["bytes"] == dump.stat().st_size
            assert dump.stat().st_mode & 0o777 == 0o600
            assert gateway.command("restore", str(dump)).returncode == 3
            elsewhere = ("--state-dir", str(state_dir))
            assert gateway.command("restore", str(dump), *elsewhere).returncode == 0
            listed = gateway.command("documents", "list", "--fn", "9999078900000004", "--json", *elsewhere)
            assert len(listed.stdout.splitlines()) == 1
            assert "former" in json.loads(gateway.command("restore", str(dump), "--json", *elsewhere).stdout)
            dump.write_text("no dump")
            assert gateway.command("restore", str(dump), *elsewhere).returncode == 1
            assert gateway.command("restore", str(dump) + "x", *elsewhere).returncode == 1
            again = gateway.command("documents", "list", "--fn", "9999078900000004", "--json", *elsewhere)
            assert again.stdout == listed.stdout

    def test_the_other_commands_run(self, gateway: RunningGateway) -> None:
        assert "up to date" in gateway.command("migrate").stdout
        assert json.loads(gateway.command("migrate", "--json").stdout) == {"applied": []}
        assert json.loads(gateway.command("check-config", "--json").stdout)["database"] == "embedded"
        assert 'database = "embedded"' in gateway.command("check-config").stdout


def test_the_captured_message_is_confirmed_as_a_real_operator_did(gateway: RunningGateway, reference: Path) -> None:
    def capture(name: str) -> bytes:
        return bytes.fromhex("".join((reference / "vectors" / name).read_text().split()))

    answer = exchange(gateway, capture("kkt_ffd12_rereg_fd1_full_message.hex"))
    ours = parse_container(answer[30:], kind=0x5A)
    theirs = parse_container(capture("taxcom_ack_fd1_code14_container.hex"), kind=0x5A)
    for name in ("kind", "document_code", "format_version", "service_data", "fn", "fd", "key_id"):
        assert getattr(ours, name) == getattr(theirs, name), name
    assert len(answer) == 30 + len(ours.raw)
    told, model = parse_confirmation(ours), parse_confirmation(theirs)
    assert told.operator_inn == model.operator_inn
    assert (told.operator_sign[:2], told.operator_sign[6:]) == (model.operator_sign[:2], model.operator_sign[6:])
    assert (told.trailer[:2], told.trailer[8:]) == (model.trailer[:2], model.trailer[8:])
    assert told.response_code == model.response_code == 14
    assert told.operator_message == 0x02
    assert ours.body[4 : 4 + 16 + 12 + 20 + 8][:16] == theirs.body[4:20]
    shown = gateway.command("documents", "show", "9999078902013267", "1", "--json")
    assert json.loads(shown.stdout)["fiscalReportCorrection"]["kktRegId"] == "0000000000024136"


class TestStopping:
    def test_sigterm_ends_it_with_idle_connections_and_leaves_no_database(self, state_dir: Path) -> None:
        for gateway in running(state_dir):
            postgres = server_pid(gateway)
            with gateway.connect() as idle, gateway.connect() as used:
                used.sendall(message(container()))
                assert read_confirmation(used)
                assert gateway.stop() == 0
                assert idle.recv(1) == b""
            assert not is_alive(postgres)
            assert gateway.events("gateway.stopped")

    def test_a_second_gateway_on_the_same_state_directory_exits_with_3(self, state_dir: Path) -> None:
        from ofd_gateway.storage import embedded

        assert embedded._LOCK_WAIT_S <= 25
        for gateway in running(state_dir):
            other = gateway.command("serve", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0")
            assert other.returncode == 3
            assert "another gateway serves" in other.stdout

    def test_a_port_in_use_exits_with_2(self, state_dir: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            for gateway in running(state_dir):
                other = gateway.command(
                    *("serve", "--listen", f"127.0.0.1:{port}", "--http", "127.0.0.1:0"),
                    *("--state-dir", f"{state_dir}-other"),
                )
                assert other.returncode == 2
                assert str(port) in other.stdout + other.stderr

    def test_a_database_that_cannot_be_reached_exits_with_3(self, state_dir: Path) -> None:
        for gateway in running(state_dir):
            other = gateway.command(
                *("serve", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"),
                *("--database", "postgresql://nobody:secret@127.0.0.1:1/none", "--state-dir", f"{state_dir}-other"),
            )
            assert other.returncode == 3
            assert "secret" not in other.stdout + other.stderr

    def test_a_wrong_setting_exits_with_2(self, gateway: RunningGateway) -> None:
        other = gateway.command("serve", "--listen", "nonsense")
        assert (other.returncode, "listen" in other.stderr) == (2, True)


@pytest.mark.faults
class TestKilled:
    def test_a_killed_gateway_serves_again_on_the_same_port(self, state_dir: Path) -> None:
        first = RunningGateway(state_dir)
        try:
            host, port = first.address
            told = confirmation(exchange(first, message(container())))
            first.kill()
        finally:
            first.close()
        for again in running(state_dir, "--listen", f"{host}:{port}"):
            repeated = confirmation(exchange(again, message(container())))
            assert (repeated.operator_sign, repeated.trailer) == (told.operator_sign, told.trailer)
            listed = again.command("documents", "list", "--json")
            assert len(listed.stdout.splitlines()) == 1

    def test_a_killed_database_comes_back_by_itself(self, state_dir: Path) -> None:
        for gateway in running(state_dir):
            told = confirmation(exchange(gateway, message(container(fd=1))))
            for round_ in range(1, 3):
                os.kill(server_pid(gateway), signal.SIGKILL)
                wait_until(lambda round_=round_: len(gateway.events("database.restarted")) == round_)  # type: ignore[misc]
                wait_until(lambda: status(f"{gateway.http}/readyz") == 200)
                answers: list[bytes] = []

                def is_answered(fd: int = round_ + 1, answers: list[bytes] = answers) -> bool:
                    answers.append(exchange(gateway, message(container(fd=fd))))
                    return bool(answers[-1])

                wait_until(is_answered)
                assert confirmation(answers[-1]).fd == round_ + 1
            again = confirmation(exchange(gateway, message(container(fd=1))))
            assert again.trailer == told.trailer

    def test_readyz_turns_red_while_the_database_is_away(self, state_dir: Path) -> None:
        for gateway in running(state_dir):
            processes = server_processes(gateway)
            for pid in processes:
                os.kill(pid, signal.SIGSTOP)
            try:
                assert status(f"{gateway.http}/readyz") == 503
                assert status(f"{gateway.http}/healthz") == 200
            finally:
                for pid in processes:
                    os.kill(pid, signal.SIGCONT)
            wait_until(lambda: status(f"{gateway.http}/readyz") == 200)

    def test_a_killed_worker_is_replaced(self, state_dir: Path) -> None:
        for gateway in running(state_dir, "--listen", "127.0.0.1:0", "--workers", "2"):
            workers = [record["pid"] for record in gateway.events("worker.ready")]
            assert len(workers) == 2
            os.kill(workers[0], signal.SIGKILL)
            gateway.wait_event("worker.died", pid=workers[0])
            wait_until(lambda: len(gateway.events("worker.ready")) == 3)
            for fd in range(1, 9):
                assert confirmation(exchange(gateway, message(container(fd=fd)))).fd == fd
            wait_until(lambda: 'ofd_gateway_messages_total{outcome="accepted"} 8.0' in metrics_of(gateway))
            assert gateway.stop() == 0
            assert not any(is_alive(pid) for pid in workers)
