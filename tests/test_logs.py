"""The log for people: what a register sends does not steer a terminal."""

from __future__ import annotations

import logging
import os
import re

import msgspec
import structlog

from ofd_gateway.logs import configure_logs


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
