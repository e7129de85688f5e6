"""The pytest plugin (entry point `pytest11`): the fixture `ofd`, the mark `ofd`, the option `--ofd-keep`.

It is loaded into every suite of its environment, so it imports nothing of the gateway before a test asks for it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from ofd_gateway.testing.ofd import Ofd
    from ofd_gateway.testing.pool import Pool
    from ofd_gateway.testing.server import Server

__all__ = ["ofd", "pytest_addoption", "pytest_assertrepr_compare", "pytest_configure", "pytest_runtest_makereport"]

_CACHE = "ofd-gateway"
_MARK = (
    "ofd(mapping=None, /, **settings): settings of the gateway for this test, by dotted name in a mapping or as "
    "keyword arguments: checks='off', accept='known', intake__idle_timeout='1s'"
)
_LOG: pytest.StashKey[tuple[Server, int]] = pytest.StashKey()

pytest.register_assert_rewrite("ofd_gateway.testing.receipts")


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the plugin."""
    group = parser.getgroup("ofd", "ofd-gateway")
    group.addoption(
        "--ofd-keep",
        action="store_true",
        help="keep the state directories of the gateways and say where they are",
    )
    parser.addini("ofd_settings", "settings of the gateway for every test, `key = value` a line", "linelist", [])
    parser.addini("ofd_timeout", "how many seconds a test waits for a document", default="5")


def pytest_configure(config: pytest.Config) -> None:
    """Registers the mark."""
    config.addinivalue_line("markers", _MARK)


@pytest.fixture(scope="session")
def _ofd_pool(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    from ofd_gateway.testing.pool import Pool

    cache = getattr(request.config, "cache", None)
    pool = Pool(
        lambda: tmp_path_factory.mktemp("ofd-gateway"),
        templates=None if cache is None else Path(cache.mkdir(_CACHE)),
        keep=bool(request.config.getoption("--ofd-keep")),
    )
    yield pool
    pool.stop()


@pytest.fixture
def ofd(request: pytest.FixtureRequest, _ofd_pool: Pool) -> Iterator[Ofd]:
    """An operator's endpoint of one's own, empty at the beginning of the test; see `ofd_gateway.testing.Ofd`."""
    from ofd_gateway.testing.ofd import Ofd
    from ofd_gateway.testing.options import settings_of

    config, node = request.config, request.node
    marks = [(mark.args, mark.kwargs) for mark in reversed(list(node.iter_markers("ofd")))]
    server, used = _ofd_pool.get(settings_of(config.getini("ofd_settings"), marks))
    found = Ofd(server.ofd, server.http, timeout_s=float(config.getini("ofd_timeout")))
    if used:
        found.clear()
    node.stash[_LOG] = (server, server.log_size())
    yield found
    found.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """Shows what was compared in vain, and what the gateway logged, during a test that failed."""
    outcome = yield
    report: pytest.TestReport = outcome.get_result()
    comparison = sys.modules.get("ofd_gateway.testing.comparison")
    if comparison is not None and report.when != "teardown":
        if report.failed:
            report.sections += [("ofd-gateway comparison", str(one)) for one in comparison.unequal]
        comparison.unequal.clear()
    if not report.failed or _LOG not in item.stash:
        return
    from ofd_gateway.testing.log_lines import readable

    server, position = item.stash[_LOG]
    if log := server.log_since(position):
        report.sections.append(("ofd-gateway log", readable(log)))
    if item.config.getoption("--ofd-keep"):
        report.sections.append(("ofd-gateway state", f"kept in {server.state_dir}"))


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Explains `assert document == {…}` and `assert document["receipt"] == {…}` field by field."""
    if op != "==" or "ofd_gateway.testing.document" not in sys.modules:
        return None
    from ofd_gateway.testing.document import Document, Fields

    for found, expected in ((left, right), (right, left)):
        if isinstance(found, Document | Fields) and type(expected) is dict:
            from ofd_gateway.testing.comparison import compare

            return str(compare(expected, found, exact=True)).splitlines()
    return None
