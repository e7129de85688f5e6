"""A disposable gateway forgets between two tests while it goes on serving."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.e2e.running import COMMAND, RunningGateway, exchange, read_confirmation, running
from tests.messages import DEBUG_FN, container, message

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    state_dir = tmp_path_factory.mktemp("state")
    rules = state_dir / "faults.toml"
    rules.write_text('[[rules]]\nwhat = "close_before_header"\nfd = 77\ntimes = 1\n')
    environment = {"OFD_GATEWAY_DISPOSABLE": "true", "OFD_GATEWAY_INTAKE__ACCEPT": "known"}
    yield from running(state_dir, "--listen", "127.0.0.1:0", "--faults", str(rules), environment=environment)


def forget(gateway: RunningGateway) -> None:
    answer = httpx.delete(f"{gateway.http}/v1/data")
    assert answer.status_code == 204, answer.text


def introduce(gateway: RunningGateway) -> None:
    """The gateway accepts only what it knows; its register has this registration number (1037)."""
    added = gateway.command("registers", "add", "--rnm", "0000000000024136")
    assert added.returncode == 0, added.stderr


def send(gateway: RunningGateway, fd: int, sign: bytes | None = None) -> bytes:
    return exchange(gateway, message(container(fd=fd, sign=sign)))


def test_documents_registers_and_what_is_remembered_of_them_are_gone(gateway: RunningGateway) -> None:
    introduce(gateway)
    assert send(gateway, 1)
    assert send(gateway, 2)
    forget(gateway)
    assert httpx.get(f"{gateway.http}/v1/documents").json() == {"documents": [], "next": None}
    assert httpx.get(f"{gateway.http}/v1/registers").json() == {"registers": [], "next": None}
    assert send(gateway, 1) == b""
    [rejected] = httpx.get(f"{gateway.http}/v1/quarantine").json()["quarantine"]
    assert rejected["reason"] == "unknown_fn"


def test_the_same_number_with_other_content_is_no_conflict(gateway: RunningGateway) -> None:
    forget(gateway)
    introduce(gateway)
    assert send(gateway, 1, b"\x00\x00\x00\x00\x00\x01")
    forget(gateway)
    introduce(gateway)
    send(gateway, 1, b"\x00\x00\x00\x00\x00\x02")
    document = httpx.get(f"{gateway.http}/v1/documents/{DEBUG_FN}/1?wait=10").json()
    assert (document["message_sign"], document["generation"]) == ("8106000000000002", 0)
    assert httpx.get(f"{gateway.http}/v1/quarantine").json() == {"quarantine": []}


def test_open_connections_are_closed(gateway: RunningGateway) -> None:
    forget(gateway)
    introduce(gateway)
    with gateway.connect() as link:
        link.sendall(message(container(fd=1)))
        assert read_confirmation(link)
        forget(gateway)
        assert read_confirmation(link) == b""


def test_faults_begin_anew(gateway: RunningGateway) -> None:
    forget(gateway)
    introduce(gateway)
    httpx.post(f"{gateway.http}/v1/faults", json={"what": "reset"}).raise_for_status()
    assert send(gateway, 77) == b""
    forget(gateway)
    introduce(gateway)
    [fault] = httpx.get(f"{gateway.http}/v1/faults").json()["faults"]
    assert (fault["what"], fault["hits"], fault["source"]) == ("close_before_header", 0, "settings")
    assert send(gateway, 77) == b""
    assert send(gateway, 78)


def test_an_ordinary_gateway_forgets_nothing(tmp_path: Path) -> None:
    for ordinary in running(tmp_path):
        send(ordinary, 1)
        answer = httpx.delete(f"{ordinary.http}/v1/data")
        assert (answer.status_code, "disposable" in answer.json()["detail"]) == (403, True)
        assert len(httpx.get(f"{ordinary.http}/v1/documents").json()["documents"]) == 1


@pytest.mark.parametrize("options", [("--workers", "2"), ("--database", "postgresql://localhost/any")])
def test_it_needs_the_embedded_database_and_one_worker(options: tuple[str, ...], tmp_path: Path) -> None:
    refused = subprocess.run(
        [COMMAND, "serve", *options, "--state-dir", str(tmp_path)],
        env={**os.environ, "OFD_GATEWAY_DISPOSABLE": "true"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert refused.returncode == 2
    assert "disposable" in refused.stderr + refused.stdout
