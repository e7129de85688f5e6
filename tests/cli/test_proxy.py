"""`proxy` as a user runs it: a child between a simulated register and a simulated operator."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re
import signal
import subprocess
import threading
from pathlib import Path

import pytest

from ofd_gateway.captures.recording import read_recording
from ofd_gateway.protocol import SESSION_HEADER_BYTES
from tests.captures.answers import encrypted
from tests.messages import DEBUG_FN, container, message
from tests.proxy.standing import until
from tests.simulator.standin import TestOperator, serving

from .running import COMMAND, PLAIN_ENVIRONMENT, child

MESSAGE = message(container(DEBUG_FN, 7))


class RunningProxy:
    """One `ofd-gateway proxy`, and the lines it has written so far."""

    def __init__(self, upstream: int, *options: str, terminal: bool = False) -> None:
        self.lines: list[str] = []
        ours, theirs = pty.openpty() if terminal else os.pipe()
        self.child = subprocess.Popen(
            [COMMAND, "proxy", "--upstream", f"127.0.0.1:{upstream}", *options],
            stdout=theirs,
            stderr=subprocess.PIPE,
            env=PLAIN_ENVIRONMENT | {"COLUMNS": "200"},
        )
        os.close(theirs)
        self._reader = threading.Thread(target=self._read, args=(ours,), daemon=True)
        self._reader.start()

    def _read(self, descriptor: int) -> None:
        with os.fdopen(descriptor, "rb") as stream:
            try:
                for line in stream:
                    self.lines.append(line.decode().rstrip("\r\n"))
            except OSError:
                return  # the end of a terminal

    @property
    def records(self) -> list[dict]:
        return [json.loads(line) for line in list(self.lines)]

    async def ready(self) -> dict:
        def found() -> list[dict]:
            return [one for one in self.records if one.get("event") == "proxy.ready"]

        await until(lambda: bool(found()) or self.child.poll() is not None)
        return found()[0]

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.child.send_signal(number)
        _, errors = self.child.communicate(timeout=20)
        assert errors == b""
        self._reader.join(10)
        return self.child.returncode


async def exchange(address: str, raw: bytes) -> bytes:
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(raw)
    header = await reader.readexactly(SESSION_HEADER_BYTES)
    answer = header + await reader.readexactly(int.from_bytes(header[24:26], "little"))
    writer.close()
    await writer.wait_closed()
    return answer


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_an_exchange_is_passed_on_recorded_and_shown(tmp_path: Path, number: int) -> None:
    pcapng, lines = tmp_path / "a.pcapng", tmp_path / "a.jsonl"
    async with serving(TestOperator()) as operator:
        proxy = RunningProxy(operator.port, "--record", str(pcapng), "--lines", str(lines))
        ready = await proxy.ready()
        assert ready["upstream"] == f"127.0.0.1:{operator.port}"
        assert ready["files"] == [str(pcapng), str(lines)]
        assert ready["pid"] == proxy.child.pid
        answer = await exchange(ready["listen"], MESSAGE)
        assert [container.raw for _, container in operator.messages] == [MESSAGE[30:]]
        code = await asyncio.to_thread(proxy.stop, number)
    assert code == 0
    for file in (pcapng, lines):
        capture = read_recording(file.read_bytes())
        assert capture.notes == ()
        assert [piece.raw for piece in capture.pieces] == [MESSAGE, answer]
    events = [one["event"] for one in proxy.records if "event" in one]
    assert events[0] == "proxy.ready"
    assert events[-1] == "proxy.stopped"
    assert {"proxy.connected", "proxy.disconnected"} <= set(events)
    request, confirmation = [one for one in proxy.records if "event" not in one]
    assert (request["kind"], request["fd"], request["document"]["receipt"]["totalSum"]) == ("receipt", 7, 12345)
    assert (confirmation["direction"], confirmation["response_code"]) == ("operator", 0)
    assert {key: value for key, value in request.items() if key != "document"} == json.loads(
        lines.read_text().splitlines()[0]
    )


async def test_an_open_connection_does_not_hold_the_stop() -> None:
    async with serving(TestOperator()) as operator:
        proxy = RunningProxy(operator.port, "--json")
        ready = await proxy.ready()
        host, _, port = ready["listen"].rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(encrypted())
        await until(lambda: any(one.get("encrypted") for one in proxy.records))
        assert await asyncio.to_thread(proxy.stop) == 0
        assert (await reader.read())[8:24].decode() == DEBUG_FN
        writer.close()
        await writer.wait_closed()
    [hidden] = [one for one in proxy.records if one.get("encrypted")]
    assert (hidden["fn"], hidden["fd"], hidden["error"]["reason"]) == (DEBUG_FN, 9, "encrypted_or_corrupt")
    assert "document" not in hidden


@pytest.mark.parametrize("brief", [False, True])
async def test_on_a_terminal_messages_are_trees(brief: bool) -> None:
    async with serving(TestOperator()) as operator:
        proxy = RunningProxy(operator.port, *(["--brief"] if brief else []), terminal=True)
        plain = re.compile(r"\x1b\[[0-9;]*m")

        def text() -> str:
            return plain.sub("", "\n".join(proxy.lines))

        await until(lambda: "listen=" in text())
        found = re.search(r"listen=(\S+)", text())
        assert found is not None
        await exchange(found[1], MESSAGE)
        await until(lambda: "код / code 0" in text())
        assert await asyncio.to_thread(proxy.stop) == 0
    assert f"касса → ОФД / register → operator  receipt  ФН {DEBUG_FN}  ФД 7" in text()
    assert ("сумма расчета" in text()) != brief


async def test_a_recording_that_fails_is_told_and_costs_the_exit_status() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this machine has no /dev/full")
    async with serving(TestOperator()) as operator:
        proxy = RunningProxy(operator.port, "--lines", "/dev/full")
        ready = await proxy.ready()
        await exchange(ready["listen"], MESSAGE)
        await until(lambda: any(one.get("event") == "proxy.record_failed" for one in proxy.records))
        await exchange(ready["listen"], MESSAGE)
        assert await asyncio.to_thread(proxy.stop) == 1


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--upstream", "nowhere"], 2),
        (["--upstream", "127.0.0.1:0"], 2),
        (["--upstream", "127.0.0.1:1", "--listen", "127.0.0.1:99999"], 2),
        (["--upstream", "127.0.0.1:1", "--listen", "192.0.2.1:7777"], 1),
        (["--upstream", "127.0.0.1:1", "--record", "/nonexistent/a.pcapng"], 1),
        ([], 2),
    ],
)
def test_what_cannot_be_done_is_said_at_once(options: list[str], code: int) -> None:
    done = child("proxy", *options)
    assert done.code == code
    assert done.err


def children(pid: int) -> list[int]:
    file = Path(f"/proc/{pid}/task/{pid}/children")
    if not file.exists():
        pytest.skip("this machine does not tell who is whose child")
    return [int(number) for number in file.read_text().split()]


async def test_without_its_recorder_the_proxy_goes_on(tmp_path: Path) -> None:
    async with serving(TestOperator()) as operator:
        proxy = RunningProxy(operator.port, "--lines", str(tmp_path / "a.jsonl"))
        ready = await proxy.ready()
        await exchange(ready["listen"], MESSAGE)
        [recorder] = children(ready["pid"])
        os.kill(recorder, signal.SIGKILL)
        await until(lambda: any(one.get("event") == "proxy.recorder_died" for one in proxy.records))
        await exchange(ready["listen"], MESSAGE)
        assert len(operator.messages) == 2
        assert await asyncio.to_thread(proxy.stop) == 1
    [died] = [one for one in proxy.records if one.get("event") == "proxy.recorder_died"]
    assert died["level"] == "error"


async def test_a_killed_proxy_leaves_whole_files(tmp_path: Path) -> None:
    file = tmp_path / "a.pcapng"
    async with serving(TestOperator()) as operator:
        proxy = RunningProxy(operator.port, "--record", str(file))
        ready = await proxy.ready()
        await exchange(ready["listen"], MESSAGE)
        [recorder] = children(ready["pid"])
        assert await asyncio.to_thread(proxy.stop, signal.SIGKILL) == -signal.SIGKILL
        await until(lambda: not Path(f"/proc/{recorder}").exists())
    capture = read_recording(file.read_bytes())
    assert capture.notes == ()
    assert capture.pieces[0].raw == MESSAGE
