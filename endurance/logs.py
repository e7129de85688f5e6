"""What the gateway said that it must not say: a traceback, a line that is no record, an error that nobody caused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["EXPECTED_ERRORS", "LogReader", "line_finding"]

EXPECTED_ERRORS: Final = frozenset(
    {
        "buyers.stalled",
        "database.died",
        "database.restart_failed",
        "deadlines.stalled",
        "fns.stalled",
        "gateway.failed",
        "letters.stalled",
        "message.unstored",
        "quarantine.failed",
        "store.failed",
        "worker.died",
        "worker.failed",
        "workers.replacement_failed",
    }
)
"""Errors that say what was done to the gateway: a process was killed, the database was away.

`gateway.failed` is a worker that started while the database was away; it is started again.
"""
_ERRORS: Final = frozenset({"error", "critical"})
_SHOWN: Final = 5


class LogReader:
    """Reads a log that grows, and the file with what went to standard error."""

    def __init__(self, log: Path, errors: Path) -> None:
        self._files = (log, errors)
        self._offsets = [0, 0]

    def read(self, *, expected: frozenset[str]) -> list[str]:
        """What is wrong with the lines since the last time; whole lines only."""
        said, errors = (self._new_lines(number) for number in (0, 1))
        wrong = [finding for line in said if (finding := line_finding(line, expected)) is not None]
        wrong += [f"standard error: {line.decode(errors='replace')[:300]}" for line in errors]
        return wrong[:_SHOWN] + ([f"{len(wrong) - _SHOWN} more lines like these"] if len(wrong) > _SHOWN else [])

    def _new_lines(self, number: int) -> list[bytes]:
        with self._files[number].open("rb") as file:
            file.seek(self._offsets[number])
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._offsets[number] += len(whole)
        return whole.splitlines()


def line_finding(line: bytes, expected: frozenset[str]) -> str | None:
    """What is wrong with a line; None when nothing is, also for an error that was to be expected."""
    if b"Traceback" in line:
        return f"a traceback: {line.decode(errors='replace')[:500]}"
    try:
        record = msgspec.json.decode(line, type=dict[str, Any])
    except msgspec.MsgspecError:
        return f"no record: {line.decode(errors='replace')[:300]}"
    if record.get("level") not in _ERRORS or record.get("event") in expected:
        return None
    return f"an error: {line.decode(errors='replace')[:500]}"
