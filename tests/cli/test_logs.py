"""The log of a gateway made readable: filters, foreign lines, following."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from ofd_gateway.cli.logs import follow_lines

from .running import COMMAND, PLAIN_ENVIRONMENT, child

RECORDS = [
    {"timestamp": "2026-03-01T09:00:00Z", "level": "info", "event": "gateway.ready", "pid": 7},
    {"timestamp": "2026-03-01T10:00:00Z", "level": "debug", "event": "connection.opened", "peer": "127.0.0.1:1"},
    {"timestamp": "2026-03-01T11:00:00Z", "level": "info", "event": "document.accepted", "fn": "1", "fd": 2},
    {
        "timestamp": "2026-03-01T12:00:00",
        "level": "warning",
        "event": "message.rejected",
        "fn": "2",
        "reason": "trailer",
    },
    {
        "timestamp": "2026-03-01T13:00:00Z",
        "level": "error",
        "event": "store.failed",
        "exception": "Traceback:\n  boom\x1b[",
    },
    {"event": "no.time", "level": "info"},
]
LOG = "".join(json.dumps(record) + "\n" for record in RECORDS).encode()
NOISE = b'Traceback (most recent call last):\n\tboom \x1b[31m\n[1, 2]\n{"no": "event"}\n' + b"[" * 100_000 + b"\n"


def events(outcome) -> list[str]:
    assert (outcome.code, outcome.err) == (0, "")
    return [json.loads(line)["event"] for line in outcome.lines]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), [0, 1, 2, 3, 4, 5]),
        (("--fn", "1"), [2]),
        (("--event", "document.accepted"), [2]),
        (("--event", "doc"), [2]),
        (("--level", "info"), [0, 2, 3, 4, 5]),
        (("--level", "warning"), [3, 4]),
        (("--since", "2026-03-01T11:00:00+00:00"), [2, 3, 4]),
        (("--until", "2026-03-01T12:00:00+00:00"), [0, 1, 2, 3]),
        (("--since", "2026-03-01T10:30:00+00:00", "--until", "2026-03-01T12:30:00+00:00", "--fn", "2"), [3]),
    ],
)
def test_filters(shell, options: tuple[str, ...], expected: list[int]) -> None:
    done = shell("logs", "--json", *options, stdin=NOISE + LOG)
    assert events(done) == [RECORDS[number]["event"] for number in expected]


def test_json_lines_stay_as_they_are(shell) -> None:
    assert [json.loads(line) for line in shell("logs", "--json", stdin=LOG).lines] == RECORDS


def test_the_real_command_reads_a_file_in_order(tmp_path: Path) -> None:
    file = tmp_path / "gateway.log"
    file.write_bytes(LOG)
    assert events(child("logs", str(file), "--json")) == [record["event"] for record in RECORDS]
    assert child("logs", "-", "--json", stdin=LOG).out == child("logs", str(file), "--json").out


def test_lines_for_people(shell, monkeypatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    try:
        lines = shell("logs", stdin=LOG).lines
    finally:
        monkeypatch.undo()
        time.tzset()
    assert lines[2].startswith("2026-03-01 11:00:00 [info")
    assert "document.accepted" in lines[2]
    assert "fd=2" in lines[2]
    assert "fn=1" in lines[2]
    assert lines[5:7] == ["    Traceback:", "      boom\\x1b["]
    assert "no.time" in lines[7]


@pytest.mark.parametrize(
    ("options", "through"),
    [((), True), (("--fn", "1"), False), (("--fn", "1", "--text"), True), (("--no-text",), False)],
)
def test_lines_that_are_no_records(shell, options: tuple[str, ...], through: bool) -> None:
    done = shell("logs", *options, stdin=NOISE + LOG)
    assert done.code == 0
    assert ("Traceback (most recent call last):" in done.lines) is through
    assert ("        boom \\x1b[31m" in done.lines) is through
    assert ('{"no": "event"}' in done.lines) is through
    assert "\x1b" not in done.out


@pytest.mark.parametrize(
    ("options", "complaint"), [(("--level", "loud"), "'loud' is none of"), (("--json", "--text"), "exclude each other")]
)
def test_wrong_options(shell, options: tuple[str, ...], complaint: str) -> None:
    done = shell("logs", *options)
    assert (done.code, done.out) == (2, "")
    assert complaint in done.err


def test_a_file_that_is_not_there(shell) -> None:
    for options in ((), ("--follow",)):
        done = shell("logs", "/nonexistent.log", *options)
        assert (done.code, done.out) == (1, "")
        assert done.err == "ofd-gateway: /nonexistent.log: No such file or directory\n"


class TestFollowing:
    """Each pause makes the next thing happen to the file."""

    def follow(self, file: Path, *happenings) -> list[str]:
        coming = iter(happenings)

        def pause() -> None:
            happening = next(coming, None)
            if happening is None:
                raise EOFError
            happening()

        lines: list[str] = []
        with pytest.raises(EOFError):
            lines.extend(follow_lines(file, pause=pause))
        return lines

    def append(self, file: Path, text: str):
        def happen() -> None:
            with file.open("a") as opened:
                opened.write(text)

        return happen

    def test_lines_come_whole(self, tmp_path: Path) -> None:
        file = tmp_path / "log"
        file.write_text("one\ntw")
        assert self.follow(file, self.append(file, "o"), self.append(file, "\nthree\n")) == [
            "one\n",
            "two\n",
            "three\n",
        ]

    def test_a_rotated_file_is_taken_up_anew(self, tmp_path: Path) -> None:
        file = tmp_path / "log"
        file.write_text("old\n")
        happenings = (
            lambda: file.rename(tmp_path / "log.1"),
            lambda: file.write_text("new\n"),
        )
        assert self.follow(file, *happenings) == ["old\n", "new\n"]

    def test_a_file_that_was_cut_short_is_read_anew(self, tmp_path: Path) -> None:
        file = tmp_path / "log"
        file.write_text("old and long\n")
        assert self.follow(file, lambda: file.write_text("new\n")) == ["old and long\n", "new\n"]


def test_following_ends_with_ctrl_c(tmp_path: Path) -> None:
    file = tmp_path / "gateway.log"
    file.write_bytes(LOG)
    with subprocess.Popen(
        [COMMAND, "logs", str(file), "--follow", "--json", "--event", "document"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=PLAIN_ENVIRONMENT,
        # A shell starts background jobs with SIGINT ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  one system call
    ) as following:
        watchdog = threading.Timer(30, following.kill)
        watchdog.start()
        try:
            assert following.stdout is not None
            assert json.loads(following.stdout.readline()) == RECORDS[2]
            with file.open("ab") as opened:
                opened.write(LOG)
            assert json.loads(following.stdout.readline()) == RECORDS[2]
            os.kill(following.pid, signal.SIGINT)
            out, err = following.communicate(timeout=20)
        finally:
            watchdog.cancel()
            following.kill()
        assert (following.returncode, out, err) == (0, b"", b"")
