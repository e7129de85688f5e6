"""The log for people: what a register sends does not steer a terminal."""

from __future__ import annotations

import os
import re

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


def test_a_full_disk_keeps_lines_until_there_is_space() -> None:
    read_end, write_end = os.pipe()
    fd = os.open("/dev/full", os.O_WRONLY)
    stream = configure_logs(log_format="json", fd=fd)
    structlog.get_logger().info("gateway.ready")
    structlog.get_logger().info("gateway.stopping")
    os.dup2(write_end, fd)
    with os.fdopen(read_end) as lines:
        assert "gateway.ready" in lines.readline()
        assert "gateway.stopping" in lines.readline()
        stream.close()
        os.close(write_end)
        os.close(fd)


def test_a_disk_that_stays_full_does_not_hold_up_the_end() -> None:
    fd = os.open("/dev/full", os.O_WRONLY)
    stream = configure_logs(log_format="json", fd=fd)
    structlog.get_logger().info("gateway.ready")
    stream.close(timeout_s=10)
    assert not stream.is_writing
    os.close(fd)
