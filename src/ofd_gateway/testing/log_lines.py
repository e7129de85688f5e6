"""The gateway's log of one test, readable, for the report of a test that failed."""

from __future__ import annotations

import json
from typing import Any, Final

__all__ = ["readable"]

_HEAD: Final = ("timestamp", "level", "event")
_DULL: Final = ("connection_id", "peer", "commit_ms", "total_ms")
_MOST: Final = 200


def readable(log: str) -> str:
    """A line for each record: time, level, event, fields. What is no record stays as it is; the last 200 lines."""
    lines = log.splitlines()
    left_out = [f"… {len(lines) - _MOST} lines before"] if len(lines) > _MOST else []
    return "\n".join((*left_out, *map(_readable, lines[-_MOST:])))


def _readable(line: str) -> str:
    try:
        record: dict[str, Any] = json.loads(line)
        time, level, event = (str(record[name]) for name in _HEAD)
    except (ValueError, KeyError, TypeError):
        return line
    fields = " ".join(f"{name}={value}" for name, value in record.items() if name not in _HEAD and name not in _DULL)
    return f"{time[11:23]} {level:<7} {event:<18} {fields}".rstrip()
