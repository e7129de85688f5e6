from __future__ import annotations

import os

import pytest

from .running import Shell


@pytest.fixture(autouse=True)
def _no_width(monkeypatch) -> None:
    """Whoever runs the tests may have told programs how wide the terminal is; these tests read whole lines."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture
def shell(monkeypatch, capsys) -> Shell:
    """Commands in this process, without settings of the machine."""
    for name in os.environ:
        if name.startswith("OFD_GATEWAY_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", "/nonexistent")
    return Shell(monkeypatch, capsys)
