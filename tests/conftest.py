"""Fixtures every room shares."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import structlog
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

# A slow machine is no bug: what a call costs is measured in benchmarks, never judged in a test.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")

_MEMORY_DISK = Path("/dev/shm")
_MEMORY_BYTES = 4 << 30


def _enough_memory() -> bool:
    """Whether a disk in memory is there, runs programs, and neither the machine nor the container is short of it."""
    try:
        disk = os.statvfs(_MEMORY_DISK)
        known = Path("/proc/meminfo").read_text(encoding="ascii")
        limit = Path("/sys/fs/cgroup/memory.max")
        allowed = limit.read_text(encoding="ascii").strip() if limit.is_file() else "max"
    except OSError:
        return False
    available = next(int(line.split()[1]) << 10 for line in known.splitlines() if line.startswith("MemAvailable:"))
    is_ours = stat.S_IMODE(_MEMORY_DISK.stat().st_mode) == 0o1777 and not disk.f_flag & os.ST_NOEXEC
    sizes = (disk.f_bavail * disk.f_frsize, available, *([] if allowed == "max" else [int(allowed)]))
    return is_ours and min(sizes) >= _MEMORY_BYTES


# Hundreds of small databases wait for the disk longer than for anything else. Workers inherit the variable.
if "TMPDIR" not in os.environ and _enough_memory():
    os.environ["TMPDIR"] = str(_MEMORY_DISK)
    tempfile.tempdir = None

REFERENCE = Path(__file__).resolve().parents[2] / "shared" / "reference"


@pytest.fixture(autouse=True)
def _own_logs() -> Iterator[None]:
    """A command that ran inside a test has pointed the logs at that test's streams; the next test starts anew."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def reference() -> Path:
    """The folder of captured messages and documents, which lies beside the checkout where it is present."""
    if not REFERENCE.is_dir():
        pytest.skip("the captures in ../shared/reference are not on this machine")
    return REFERENCE


pytest_plugins = ["tests.postgres"]
