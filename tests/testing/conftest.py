"""One gateway for the tests that use it from inside, and a place for the template of all others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ofd_gateway.testing.ofd import Ofd
from ofd_gateway.testing.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("templates")


@pytest.fixture(scope="session")
def server(templates: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("gateway"), {}, templates=templates / "d" / "ofd-gateway", keep=False)
    yield running
    running.stop()


@pytest.fixture
def ofd(server: Server) -> Iterator[Ofd]:
    found = Ofd(server.ofd, server.http)
    found.clear()
    yield found
    found.close()
