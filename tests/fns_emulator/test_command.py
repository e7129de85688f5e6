"""`ofd-gateway fns-emulator` as a user starts it."""

from __future__ import annotations

import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.cli.running import child

from .process import running
from .sending import lives


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_listens_and_ends_with_0(number: int) -> None:
    with running() as emulator:
        assert emulator.ready["listen"].startswith("127.0.0.1:")
        assert emulator.ready["url"] == f"http://{emulator.ready['listen']}"
        assert emulator.ready["pid"] == emulator.child.pid
        assert emulator.get("v1/summary")["documents"] == 0
        with socket.create_connection(emulator.ready["listen"].split(":"), timeout=5):
            assert emulator.stop(number) == 0
        emulator.wait_event("fns_emulator.stopped")


@pytest.mark.faults
def test_a_late_answer_does_not_hold_up_the_end(tmp_path: Path) -> None:
    script = tmp_path / "script.toml"
    script.write_text('[[rule]]\nfault = {delay = "1h"}')
    with running("--script", str(script)) as emulator, ThreadPoolExecutor() as threads:
        sending = threads.submit(emulator.send, lives()[0][0])
        emulator.wait_event("fns_emulator.fault_played")
        assert emulator.stop() == 0
        assert isinstance(sending.exception(), httpx.HTTPError)


def test_short_forms_come_before_the_script(tmp_path: Path) -> None:
    one, two = lives(registers=2)
    script = tmp_path / "script.toml"
    script.write_text('[[rule]]\nanswer = {status = "accepted"}')
    options = ("--refuse", f"{one[0]['fn']}:420", "--soft", f"{one[1]['fn'][:8]}*:7", "--script", str(script))
    with running(*options) as emulator:
        assert emulator.ready["rules"] == 3
        answers = emulator.send(one[0], two[0])
        emulator.wait_event("fns_emulator.document_refused")
    assert [(one["status"], one["code"]) for one in answers] == [("refused", 420), ("soft_quarantine", 7)]
    assert "мягк" not in answers[0]["text"]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--listen", "nowhere"), "HOST:PORT"),
        (("--listen", "127.0.0.1:99999"), "HOST:PORT"),
        (("--refuse", "420"), "FN:CODE"),
        (("--soft", "x:1"), "FN:CODE"),
        (("--prefix", "fns"), "/path"),
        (("--prefix", "/a?b"), "/path"),
        (("--script", "/no/such/file"), "does not exist"),
        (("--max-body", "0"), "--max-body"),
    ],
)
def test_options_that_make_no_sense_end_with_2(options: tuple[str, ...], reason: str) -> None:
    done = child("fns-emulator", *options)
    assert (done.code, done.out) == (2, "")
    assert reason in " ".join(done.err.replace("│", " ").split())


def test_a_script_that_cannot_be_played_ends_with_2(tmp_path: Path) -> None:
    script = tmp_path / "script.toml"
    script.write_text('[[rule]]\nfault = {body = "funny"}')
    done = child("fns-emulator", "--script", str(script))
    assert done.code == 2
    assert "$.rule[0].fault.body" in done.err.replace("\n", "").replace("│", "").replace(" ", "")


def test_an_address_in_use_ends_with_2() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = child("fns-emulator", "--listen", f"127.0.0.1:{taken.getsockname()[1]}")
    assert done.code == 2
    assert "cannot listen" in done.err


def test_a_file_of_another_kind_ends_with_2(tmp_path: Path) -> None:
    keep = tmp_path / "notes.txt"
    keep.write_text("not ours\n")
    done = child("fns-emulator", "--listen", "127.0.0.1:0", "--keep", str(keep))
    assert done.code == 2
    assert "line 1" in " ".join(done.err.replace("│", " ").split())
    assert keep.read_text() == "not ours\n"


def test_a_folder_that_does_not_exist_ends_with_1(tmp_path: Path) -> None:
    done = child("fns-emulator", "--listen", "127.0.0.1:0", "--keep", str(tmp_path / "none" / "fns.jsonl"))
    assert done.code == 1
    assert "No such file" in done.err
