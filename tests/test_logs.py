"""The log: whole lines in order whatever the reader does, and nothing that steers a terminal."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import threading
import time
from typing import TYPE_CHECKING, Any

import msgspec
import structlog
from structlog.testing import capture_logs

from ofd_gateway.logs import LogStream, configure_logs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_control_characters_are_escaped() -> None:
    read_end, write_end = os.pipe()
    stream = configure_logs(log_format="console", fd=write_end)
    structlog.get_logger().warning("alert.opened", subject="0000\x1b]0;owned\x07\r\n\x9b2J", name="чай «Лето»")
    stream.close()
    os.close(write_end)
    with os.fdopen(read_end, encoding="utf-8") as lines:
        text = lines.read()
    assert re.sub(r"\x1b\[[0-9;]*m", "", text).rstrip("\n").isprintable()
    assert r"0000\x1b]0;owned\x07\r\n\x9b2J" in text
    assert "чай «Лето»" in text


def test_a_json_line_has_time_level_event_then_context_then_fields() -> None:
    (line,) = _logged(lambda log: log.bind(peer="127.0.0.1:1").info("document.accepted", fd=7, name="чай"))
    assert list(line) == ["timestamp", "level", "event", "peer", "fd", "name"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line.pop("timestamp"))
    assert line == {"level": "info", "event": "document.accepted", "peer": "127.0.0.1:1", "fd": 7, "name": "чай"}


def test_an_exception_is_told_with_its_traceback() -> None:
    def fail(log: Any) -> None:
        try:
            int("no such tag")
        except ValueError:
            log.exception("rule.failed", rule="R-1")

    (line,) = _logged(fail)
    assert line["level"] == "error"
    assert line["exception"].endswith("'no such tag'")


def test_lines_below_the_level_are_not_written() -> None:
    assert _logged(lambda log: log.debug("connection.lost")) == []


def test_captured_lines_do_not_reach_the_stream() -> None:
    def capture(log: Any) -> None:
        with capture_logs() as lines:
            log.info("document.accepted", fd=1)
        assert [line["event"] for line in lines] == ["document.accepted"]

    assert _logged(capture) == []


def test_lines_of_one_turn_of_a_loop_and_of_other_threads_all_arrive(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("wb") as file:
        stream = LogStream(file.fileno())

        async def write() -> None:
            for number in range(3000):
                stream.write_line(b"loop %d " % number + b"x" * 100)
            await asyncio.sleep(0)

        def write_aside() -> None:
            for number in range(500):
                stream.write_line(b"aside %d" % number)

        aside = threading.Thread(target=write_aside)
        aside.start()
        asyncio.run(write())
        aside.join()
        stream.close()
    lines = path.read_bytes().splitlines()
    assert [line.split()[1] for line in lines if line.startswith(b"loop")] == [b"%d" % n for n in range(3000)]
    assert [line for line in lines if line.startswith(b"aside")] == [b"aside %d" % n for n in range(500)]


def test_a_reader_that_stops_costs_lines_and_is_told_how_many() -> None:
    read_end, write_end = os.pipe()
    lost: list[int] = []
    stream = LogStream(write_end, capacity_bytes=200_000, on_drop=lost.append)
    for number in range(5000):
        stream.write_line(b'{"n":%d,"pad":"%s"}' % (number, b"x" * 100))
    assert sum(lost) > 0
    text: list[bytes] = []
    reader = threading.Thread(target=lambda: text.append(_read_to_end(read_end)))
    reader.start()
    attempts, known = 0, -1
    while len(lost) != known:
        attempts, known = attempts + 1, len(lost)
        stream.write_line(b'{"last":true}')
    stream.close(10.0)
    os.close(write_end)
    reader.join()
    lines = [json.loads(line) for line in text[0].splitlines()]
    told = [line["lines"] for line in lines if line.get("event") == "logs.dropped"]
    assert sum(told) == sum(lost)
    numbers = [line["n"] for line in lines if "n" in line]
    assert numbers == sorted(set(numbers))
    assert len(numbers) + sum(lost) == 5000 + attempts - 1


def test_a_full_disk_costs_lines_until_it_has_room(tmp_path: Path) -> None:
    path = tmp_path / "log"
    lost: list[int] = []
    with open("/dev/full", "wb", buffering=0) as full, path.open("wb") as file:  # noqa: PTH123
        stream = LogStream(full.fileno(), on_drop=lost.append)
        stream.write_line(b'{"n":1}')
        _await(lambda: lost == [1])
        os.dup2(file.fileno(), full.fileno())
        stream.write_line(b'{"n":2}')
        stream.close()
    dropped, line = path.read_text().splitlines()
    assert json.loads(dropped)["lines"] == 1
    assert json.loads(line) == {"n": 2}


def test_a_pipe_that_does_not_block_loses_nothing() -> None:
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    stream = LogStream(write_end)
    for number in range(3000):
        stream.write_line(b"%d " % number + b"x" * 100)
    text: list[bytes] = []
    reader = threading.Thread(target=lambda: text.append(_read_to_end(read_end)))
    reader.start()
    stream.close(10.0)
    os.close(write_end)
    reader.join()
    assert [int(line.split()[0]) for line in text[0].splitlines()] == list(range(3000))


def _logged(work: Callable[[Any], None]) -> list[dict[str, Any]]:
    read_end, write_end = os.pipe()
    stream = configure_logs(log_format="json", fd=write_end)
    work(structlog.get_logger())
    stream.close()
    os.close(write_end)
    return [json.loads(line) for line in _read_to_end(read_end).splitlines()]


def _read_to_end(fd: int) -> bytes:
    with os.fdopen(fd, "rb") as file:
        return file.read()


def _await(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come"
        time.sleep(0.002)


def test_a_librarys_warning_brings_its_reason_in_one_line() -> None:
    (record,) = lines_of_a_library(logging.WARNING)
    assert record.pop("timestamp")
    assert record == {
        "level": "warning",
        "event": "library.logged",
        "logger": "some.library",
        "message": "trying again",
        "reason": "OSError: no route",
    }


def test_a_librarys_error_brings_the_exception_as_it_is() -> None:
    (record,) = lines_of_a_library(logging.ERROR)
    assert "reason" not in record
    assert "OSError: no route" in record["exception"]


def lines_of_a_library(level: int) -> list[dict[str, str]]:
    """What the service logs when a library reports an exception that it has dealt with."""
    read_end, write_end = os.pipe()
    stream = configure_logs(log_format="json", fd=write_end)
    logging.getLogger("some.library").log(level, "trying again", exc_info=OSError("no route"))
    stream.close()
    os.close(write_end)
    with os.fdopen(read_end, "rb") as lines:
        return [msgspec.json.decode(line) for line in lines]
