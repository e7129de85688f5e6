from __future__ import annotations

import os

import pytest

from .running import Shell


@pytest.fixture
def shell(monkeypatch, capsys) -> Shell:
    """Commands in this process, without settings of the machine."""
    for name in os.environ:
        if name.startswith("OFD_GATEWAY_"):
            monkeypatch.delenv(name)
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", "/nonexistent")
    return Shell(monkeypatch, capsys)
