"""Fixtures every room shares."""

from __future__ import annotations

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
