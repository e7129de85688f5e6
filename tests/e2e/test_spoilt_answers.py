"""A gateway with faults on, as a user runs it: several workers, the command line, HTTP."""

from __future__ import annotations

import itertools
import json
import threading
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.e2e.running import RunningGateway, exchange, read_confirmation, running, wait_until
from tests.messages import container, message

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FN = "9999078900000001"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    state_dir = tmp_path_factory.mktemp("state")
    rules = state_dir / "faults.toml"
    rules.write_text(f'[[rules]]\nwhat = "response_code"\ncode = 99\nfn = "{FN}"\nfd = 1\n')
    yield from running(state_dir, "--listen", "127.0.0.1:0", "--workers", "2", "--faults", str(rules))


def send(gateway: RunningGateway, fd: int, fn: str = FN) -> bytes:
    return exchange(gateway, message(container(fn, fd), fn=fn))


def code(answer: bytes) -> int:
    """1022, the last byte before the 10 of the trailer, in an answer without 1206."""
    return answer[-11]


def test_a_rule_of_the_file_is_there_from_the_first_document(gateway: RunningGateway) -> None:
    assert code(send(gateway, 1)) == 99


def test_a_command_reaches_every_worker_and_counts_over_all(gateway: RunningGateway) -> None:
    added = gateway.command("faults", "add", "close_after_header", "--fn", "9999078900000002", "--times", "4", "--json")
    assert added.returncode == 0, added.stderr
    number = json.loads(added.stdout)["id"]
    cut: list[int] = []

    def send_next() -> bool:
        cut.append(len(send(gateway, len(cut) + 1, "9999078900000002")))
        return cut.count(30) == 4

    wait_until(send_next, deadline_s=20, what="four cut answers")
    after = [len(send(gateway, fd, "9999078900000002")) for fd in range(500, 520)]
    assert 30 not in after
    listed = [json.loads(line) for line in gateway.command("faults", "list", "--json").stdout.splitlines()]
    [mine] = [one for one in listed if one["id"] == number]
    assert (mine["hits"], mine["spent"], mine["source"]) == (4, True, "command")
    applied = [record for record in gateway.events("fault.applied") if record["fault"] == number]
    assert len(applied) == 4
    assert (
        'ofd_gateway_faults_applied_total{what="close_after_header"} 4.0' in httpx.get(gateway.http + "/metrics").text
    )


def test_a_reset_is_a_reset(gateway: RunningGateway) -> None:
    added = httpx.post(gateway.http + "/v1/faults", json={"what": "reset", "fn": "9999078900000003", "bytes": 5}).json()

    fds = itertools.count(1)

    def is_reset() -> bool:
        with gateway.connect() as link:
            link.sendall(message(container("9999078900000003", next(fds)), fn="9999078900000003"))
            whole = b""
            try:
                while chunk := link.recv(4096):
                    whole += chunk
                    if len(whole) > 100:
                        return False
            except ConnectionResetError:
                return True
            raise AssertionError("closed, not reset")

    wait_until(is_reset, deadline_s=20, what="a reset")
    assert httpx.delete(f"{gateway.http}/v1/faults/{added['id']}").status_code == 204
    wait_until(lambda: len(send(gateway, 1, "9999078900000003")) > 100, deadline_s=20, what="an honest answer")


def test_a_document_that_a_worker_commits_is_given_to_whoever_waits(gateway: RunningGateway) -> None:
    found: list[httpx.Response] = []
    fn = "9999078900000004"

    def wait() -> None:
        found.append(httpx.get(f"{gateway.http}/v1/documents/{fn}/1?wait=60", timeout=70))

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert code(send(gateway, 1, fn)) in (0, 14)
    waiting.join(30)
    assert found[0].json()["document"]["receipt"]["fiscalDriveNumber"] == fn


def test_a_stream_tells_what_every_worker_commits(gateway: RunningGateway) -> None:
    fn = "9999078900000005"
    with httpx.stream("GET", f"{gateway.http}/v1/stream?fn={fn}", timeout=30) as stream:
        lines = stream.iter_lines()
        while not next(lines).startswith("id:"):
            pass
        links = [gateway.connect() for _ in range(6)]
        for fd, link in enumerate(links, start=1):
            link.sendall(message(container(fn, fd), fn=fn))
            assert read_confirmation(link)
            link.close()
        told = [json.loads(line[5:])["fd"] for line in _data(lines, 6)]
    assert told == [1, 2, 3, 4, 5, 6]


def _data(lines: Iterator[str], count: int) -> Iterator[str]:
    for line in lines:
        if line.startswith("data:"):
            yield line
            count -= 1
            if not count:
                return


def test_a_gateway_without_faults_says_so(tmp_path: Path) -> None:
    for gateway in running(tmp_path):
        refused = httpx.get(gateway.http + "/v1/faults")
        assert (refused.status_code, refused.headers["content-type"]) == (403, "application/problem+json")
        said = gateway.command("faults", "list")
        assert (said.returncode, "faults are off" in said.stderr) == (1, True)
        assert code(send(gateway, 1)) != 99
        with httpx.stream("GET", gateway.http + "/v1/stream", timeout=30) as stream:
            assert stream.status_code == 200
            assert gateway.stop() == 0


def test_beyond_this_machine_the_api_wants_its_token(tmp_path: Path) -> None:
    options = ("--listen", "127.0.0.1:0", "--http", "0.0.0.0:0")
    for gateway in running(tmp_path, *options):
        address = gateway.http.replace("0.0.0.0", "127.0.0.1")
        assert httpx.get(address + "/v1/documents").status_code == 403
        assert httpx.get(address + "/healthz").status_code == 200
    for gateway in running(tmp_path, *options, environment={"OFD_GATEWAY_WEB__TOKEN": "s3cret"}):
        address = gateway.http.replace("0.0.0.0", "127.0.0.1")
        assert httpx.get(address + "/v1/documents").status_code == 401
        allowed = httpx.get(address + "/v1/documents", headers={"authorization": "Bearer s3cret"})
        assert allowed.json() == {"documents": [], "next": None}
