"""A worker and the supervisor that waits for it."""

from __future__ import annotations

import os

from ofd_gateway.worker import _say_ready


def test_a_worker_tells_its_supervisor_that_it_serves() -> None:
    read_end, write_end = os.pipe()
    with os.fdopen(write_end, "wb", buffering=0) as supervisor:
        _say_ready(supervisor)
    with os.fdopen(read_end, "rb") as told:
        assert told.read() == b"ready\n"


def test_a_supervisor_that_waits_no_longer_is_no_error() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "wb", buffering=0) as supervisor:
        _say_ready(supervisor)
