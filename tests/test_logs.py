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
