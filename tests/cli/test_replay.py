"""`replay` as a user sees it: table, JSON, exit status."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest

from ofd_gateway.captures.piece import Sender
from tests.captures.answers import confirmation, encrypted
from tests.captures.packing import Talk, pcap
from tests.messages import DEBUG_FN, PLAIN_FN, container, message
from tests.simulator.standin import Fault, TestOperator, changed
from tests.simulator.test_cli import in_background

from .running import COMMAND, PLAIN_ENVIRONMENT
from .test_decode_recorded import line


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    talk = Talk().open()
    for fd in (7, 8):
        talk.put(True, message(container(DEBUG_FN, fd))).put(False, confirmation(fd=fd))
    file = tmp_path / "recorded.pcap"
    file.write_bytes(pcap(talk.close().frames))
    return file


def test_a_table_and_a_summary(shell, recording: Path) -> None:
    with in_background(TestOperator()) as operator:
        done = shell("replay", str(recording), "--to", f"127.0.0.1:{operator.port}")
    assert (done.code, done.err) == (0, "")
    assert DEBUG_FN in done.out
    assert "messages 2, верно / right 2, неверно / wrong 0" in done.out
    assert "ФПС / message sign: как записан / as recorded" in done.out
    assert [container.fd for _, container in operator.messages] == [7, 8]


def test_json_and_other_numbers(shell, recording: Path) -> None:
    words = ["--fn", PLAIN_FN, "--fd-from", "100", "--sign", "random", "--rate", "100", "--connections", "one"]
    with in_background(TestOperator()) as operator:
        done = shell("replay", str(recording), "--to", f"127.0.0.1:{operator.port}", *words, "--json")
    assert done.code == 0
    first, second, last = map(json.loads, done.lines)
    assert (first["fn"], first["fd"], first["kind"], first["response_code"]) == (PLAIN_FN, 100, "receipt", 0)
    assert (second["fd"], second["right"], second["mismatches"], second["error"]) == (101, True, [], None)
    assert first["latency_ms"] > 0
    assert last == {"summary": {"messages": 2, "right": 2, "wrong": 0, "unsent": 0, "message_sign": "random"}}
    assert [(container.fn, container.fd) for _, container in operator.messages] == [(PLAIN_FN, 100), (PLAIN_FN, 101)]
    assert all(container.trailer != message(container.raw)[-10:-1] for _, container in operator.messages)


def test_a_wrong_answer_costs_the_exit_status(shell, recording: Path) -> None:
    with in_background(TestOperator(faults=[Fault(8, changed(30 + 17, 0, 0, 9))])) as operator:
        done = shell("replay", str(recording), "--to", f"127.0.0.1:{operator.port}")
    assert done.code == 1
    assert "номер ФД / FD number" in done.out
    assert "wrong 1" in done.out


def test_an_expected_code(shell, recording: Path) -> None:
    with in_background(TestOperator(response_code=14)) as operator:
        to = f"127.0.0.1:{operator.port}"
        assert shell("replay", str(recording), "--to", to).code == 0
        assert shell("replay", str(recording), "--to", to, "--expect-code", "0").code == 1


def test_what_is_left_out_is_named(shell) -> None:
    journal = (
        line(encrypted()) + line(message(container(DEBUG_FN, 7))) + line(confirmation(), Sender.OPERATOR) + b"bad\n"
    )
    with in_background(TestOperator()) as operator:
        done = shell("replay", "-", "--to", f"127.0.0.1:{operator.port}", "--fn", PLAIN_FN, stdin=journal)
    assert done.code == 1
    assert "#1 не отправлено / not sent: " in done.err
    assert "journal_line: " in done.err
    assert [container.fn for _, container in operator.messages] == [PLAIN_FN]


def test_hex_and_binary_are_sent_too(shell) -> None:
    raw = message(container(DEBUG_FN, 7))
    with in_background(TestOperator()) as operator:
        to = f"127.0.0.1:{operator.port}"
        assert shell("replay", "-", "--to", to, stdin=raw * 2).code == 0
        assert shell("replay", "-", "--to", to, stdin=container(DEBUG_FN, 7).hex().encode()).code == 0
        done = shell("replay", "-", "--to", to, stdin=encrypted())
    assert done.code == 1
    assert "encrypted_or_corrupt: " in done.err
    assert len(operator.messages) == 4


@pytest.mark.parametrize("data", [b"", confirmation(), b"zz", b'{"event": "x"}'])
def test_nothing_to_send(shell, data: bytes) -> None:
    done = shell("replay", "-", "--to", "127.0.0.1:1", stdin=data)
    assert (done.code, done.out) == (1, "")
    assert "нет сообщений кассы / no messages of a register" in done.err


@pytest.mark.parametrize(
    "options",
    [
        ["--to", "nowhere"],
        ["--to", "127.0.0.1:1", "--rate", "fast"],
        ["--to", "127.0.0.1:1", "--rate", "0"],
        ["--to", "127.0.0.1:1", "--rate", "inf"],
        ["--to", "127.0.0.1:1", "--fn", "12"],
        ["--to", "127.0.0.1:1", "--fd-from", "0"],
        ["--to", "127.0.0.1:1", "--sign", "new"],
        ["--to", "127.0.0.1:1", "--connections", "two"],
        ["--to", "127.0.0.1:1", "--fn", PLAIN_FN],
    ],
)
def test_options_without_sense(shell, options: list[str]) -> None:
    two = message(container(DEBUG_FN, 7)) + message(container(PLAIN_FN, 7), fn=PLAIN_FN)
    assert shell("replay", "-", *options, stdin=two).code == 2


def test_an_interrupted_replay_shows_what_it_has_done(recording: Path) -> None:
    with in_background(TestOperator(faults=[Fault(8, lambda _: b"\x2a")])) as operator:
        process = subprocess.Popen(
            [COMMAND, "replay", str(recording), "--to", f"127.0.0.1:{operator.port}", "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=PLAIN_ENVIRONMENT,
        )
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=30)
    assert first["fd"] == 7
    assert process.returncode == 1
    assert json.loads(rest.splitlines()[-1])["summary"]["right"] == 1
    assert errors.decode().startswith("прервано / interrupted")
