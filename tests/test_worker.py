"""A worker and the supervisor that waits for it."""

from __future__ import annotations

import os
import signal

from ofd_gateway.worker import _say_ready


def test_a_worker_tells_its_supervisor_that_it_serves() -> None:
    read_end, write_end = os.pipe()
    with os.fdopen(write_end, "wb", buffering=0) as supervisor:
        _say_ready(supervisor)
    with os.fdopen(read_end, "rb") as told:
        assert told.read() == b"ready\n"


def test_a_worker_whose_supervisor_is_gone_stops() -> None:
    told: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: told.append(number))
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        with os.fdopen(write_end, "wb", buffering=0) as supervisor:
            _say_ready(supervisor)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert told == [signal.SIGTERM]
