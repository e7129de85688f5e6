"""The plugin in suites of somebody else: fixtures, marks, options, reports, and what is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.testing.suites import command, environment, run_pytest, write

INI = "[pytest]\nasyncio_default_fixture_loop_scope = function\n"
TEA = '{"name": "Чай", "price": 5000, "quantity": 2}'


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    write(tmp_path, {"pytest.ini": INI})
    return tmp_path


def test_each_test_begins_with_an_empty_gateway(suite: Path, templates: Path) -> None:
    body = (
        "    assert (ofd.documents(), ofd.alerts(), ofd.quarantine(), ofd.faults.list()) == ([], [], [], [])\n"
        "    register = ofd.registers.new()\n"
        "    ofd.faults.reset(fd=9)\n"
        "    assert register.sell([" + TEA + "], total=99999).response_code == 14\n"
        "    assert ofd.documents()[-1].generation == 0\n"
    )
    write(suite, {"test_shop.py": f"def test_one(ofd):\n{body}\ndef test_two(ofd):\n{body}"})
    assert run_pytest(suite, templates=templates) == {"passed": 2, "failed": 0, "error": 0}


def test_connections_of_the_test_before_are_closed(suite: Path, templates: Path) -> None:
    write(
        suite,
        {
            "test_shop.py": "import socket\nlinks = []\n"
            "def test_one(ofd):\n"
            "    links.append(socket.create_connection((ofd.host, ofd.port), timeout=10))\n"
            "    ofd.wait_for(ofd.registers.new().fn, 1)\n"
            "def test_two(ofd):\n"
            "    try:\n        assert links[0].recv(1) == b''\n"
            "    except ConnectionResetError:\n        pass\n"
        },
    )
    assert run_pytest(suite, templates=templates) == {"passed": 2, "failed": 0, "error": 0}


def test_asynchronous_tests_of_both_kinds(suite: Path, templates: Path) -> None:
    write(
        suite,
        {
            "test_shop.py": "import pytest\n"
            "@pytest.fixture\ndef anyio_backend():\n    return 'asyncio'\n"
            "@pytest.mark.asyncio\nasync def test_one(ofd):\n"
            "    register = ofd.registers.new()\n"
            "    assert (await ofd.document(register.fn, 1)).kind == 'fiscalReport'\n"
            "@pytest.mark.anyio\nasync def test_two(ofd):\n"
            "    register = ofd.registers.new()\n"
            "    assert (await ofd.document(register.fn, 1)).kind == 'fiscalReport'\n"
        },
    )
    assert run_pytest(suite, templates=templates) == {"passed": 2, "failed": 0, "error": 0}


def test_each_worker_of_xdist_has_its_own_gateway(suite: Path, templates: Path) -> None:
    write(
        suite,
        {
            "test_shop.py": "import os, pathlib, pytest\n"
            "@pytest.mark.parametrize('number', range(8))\n"
            "def test_one(ofd, number):\n"
            "    assert ofd.documents() == []\n"
            "    ofd.registers.new()\n"
            "    assert len(ofd.documents()) == 1\n"
            "    pathlib.Path('seen-' + os.environ['PYTEST_XDIST_WORKER'] + '-' + str(ofd.port)).touch()\n"
        },
    )
    assert run_pytest(suite, "-n", "2", templates=templates) == {"passed": 8, "failed": 0, "error": 0}
    assert len(list(suite.glob("seen-gw*"))) == len({path.name.split("-")[1] for path in suite.glob("seen-gw*")})


def test_settings_come_from_the_configuration_and_from_marks(suite: Path, templates: Path) -> None:
    write(
        suite,
        {
            "pytest.ini": INI + "ofd_settings =\n    checks = observe\n    ofd.inn = 7707083893\nofd_timeout = 0.2\n",
            "test_shop.py": "import pytest\n"
            "def sold(ofd):\n"
            f"    return ofd.registers.new().sell([{TEA}], total=99999)\n"
            "def test_configured(ofd):\n"
            "    answer = sold(ofd)\n"
            "    assert (answer.response_code, answer.operator_inn) == (0, '7707083893')\n"
            "    assert ofd.documents()[-1].violations\n"
            "@pytest.mark.ofd(checks='enforce')\n"
            "def test_marked(ofd):\n"
            "    answer = sold(ofd)\n"
            "    assert (answer.response_code, answer.operator_inn) == (14, '7707083893')\n"
            "@pytest.mark.ofd({'ffd.checks': 'enforce'})\n"
            "class TestMarked:\n"
            "    @pytest.mark.ofd(ffd__checks='off')\n"
            "    def test_the_closest_mark_wins(self, ofd):\n"
            "        sold(ofd)\n"
            "        assert ofd.documents()[-1].violations == []\n"
            "@pytest.mark.ofd(accept='known')\n"
            "def test_known(ofd):\n"
            "    with pytest.raises(Exception, match='the link was cut'):\n"
            "        ofd.registers.new()\n"
            "    assert [one.reason for one in ofd.quarantine()] == ['unknown_fn']\n"
            "def test_timeout(ofd):\n"
            "    with pytest.raises(AssertionError, match=r'waited 0\\.2 s'):\n"
            "        ofd.wait_for('9999000000000001', 1)\n",
        },
    )
    outcome = run_pytest(suite, "--strict-markers", templates=templates)
    assert outcome == {"passed": 5, "failed": 0, "error": 0}, outcome


@pytest.mark.parametrize(
    ("mark", "complaint"),
    [
        ("checks='sometimes'", "ffd.checks"),
        ("nonsense=1", "there is no such setting"),
        ("workers=2", "the plugin needs it for itself"),
        ("'text'", "is no mapping of settings"),
    ],
)
def test_a_wrong_mark_is_named(suite: Path, templates: Path, mark: str, complaint: str) -> None:
    write(suite, {"test_shop.py": f"import pytest\n@pytest.mark.ofd({mark})\ndef test_one(ofd):\n    pass\n"})
    outcome = run_pytest(suite, templates=templates)
    assert outcome == {"error": 1, "passed": 0}, outcome
    assert complaint in outcome.text


def test_a_failure_shows_the_log_of_its_test_and_the_difference(suite: Path, templates: Path) -> None:
    write(
        suite,
        {
            "test_shop.py": "from ofd_gateway.testing import assert_receipt, compare\n"
            "def test_passes(ofd):\n"
            "    ofd.registers.new(ffd='1.2')\n"
            "def test_equality(ofd):\n"
            "    register = ofd.registers.new()\n"
            f"    register.sell([{TEA}])\n"
            "    assert ofd.wait_for(register.fn, 3)['receipt'] == {'totalSum': 1}\n"
            "def test_document(ofd):\n"
            "    ofd.registers.new()\n"
            "    assert ofd.documents()[0] == {'fiscalReport': {'code': 2}}\n"
            "def test_compare(ofd):\n"
            "    ofd.registers.new()\n"
            "    assert compare({'userInn': '1'}, ofd.documents()[0])\n"
            "def test_receipt(ofd):\n"
            "    register = ofd.registers.new()\n"
            f"    register.sell([{TEA}])\n"
            "    assert_receipt(ofd.wait_for(register.fn, 3), total=5)\n"
        },
    )
    outcome = run_pytest(suite, "-vv", templates=templates)
    assert outcome == {"passed": 1, "failed": 4, "error": 0}, outcome
    assert outcome.text.count("- ofd-gateway log -") == 4
    assert "kind=fiscalReport ffd=1.2" not in outcome.text
    assert "info    document.accepted  fn=9999000541000000" in outcome.text
    assert "ожидалось / expected 1 (0.01 ₽), получено / found 10000 (100.00 ₽)" in outcome.text
    assert "fiscalReport.userInn (тег 1018, ИНН пользователя): ожидалось / expected '1'" in outcome.text
    assert "ожидалось / expected 5 (0.05 ₽), получено / found 10000 (100.00 ₽)" in outcome.text
    assert "fiscalReport.code: ожидалось / expected 2, получено / found 1" in outcome.text


def test_a_gateway_that_dies_is_replaced(suite: Path, templates: Path) -> None:
    write(
        suite,
        {
            "test_shop.py": "import os, signal, pytest\n"
            "from ofd_gateway.testing import GatewayGone\n"
            "def test_one(ofd, _ofd_pool):\n"
            "    server, _ = _ofd_pool.get({})\n"
            "    os.kill(server.pid, signal.SIGKILL)\n"
            "    server._child.wait()\n"
            "    with pytest.raises(GatewayGone):\n"
            "        ofd.documents()\n"
            "def test_two(ofd):\n"
            "    ofd.registers.new()\n"
        },
    )
    assert run_pytest(suite, templates=templates) == {"passed": 2, "failed": 0, "error": 0}


def test_at_most_three_gateways_run(suite: Path, templates: Path) -> None:
    write(
        suite,
        {
            "test_shop.py": "import pytest\n"
            "@pytest.mark.parametrize('inn', ['7707083893', '7702070139', '7744001497', '7710140679'])\n"
            "def test_one(request, _ofd_pool, inn):\n"
            "    _, used = _ofd_pool.get({'ofd.inn': inn})\n"
            "    assert not used\n"
            "    assert sum(server.is_alive for server in _ofd_pool._servers.values()) <= 3\n"
            "def test_again(_ofd_pool):\n"
            "    assert _ofd_pool.get({'ofd.inn': '7710140679'})[1]\n"
            "    assert not _ofd_pool.get({'ofd.inn': '7707083893'})[1]\n"
        },
    )
    assert run_pytest(suite, templates=templates) == {"passed": 5, "failed": 0, "error": 0}


def test_nothing_is_left_unless_it_is_asked_for(suite: Path, templates: Path) -> None:
    write(suite, {"test_shop.py": "def test_one(ofd):\n    ofd.registers.new()\n    assert 0\n"})
    base = suite / "base"
    run_pytest(suite, "--basetemp", str(base), templates=templates)
    assert {path.name for path in (base / "ofd-gateway0").iterdir()} == {"gateway.log", "gateway.toml"}
    outcome = run_pytest(suite, "--basetemp", str(base), "--ofd-keep", templates=templates)
    state = base / "ofd-gateway0" / "state"
    assert (state / "postgres" / "data" / "PG_VERSION").is_file()
    assert f"kept in {state}" in outcome.text


def test_a_suite_without_a_cache_works_too(suite: Path) -> None:
    write(suite, {"test_shop.py": "def test_one(ofd):\n    ofd.registers.new()\n"})
    assert run_pytest(suite, "-p", "no:cacheprovider") == {"passed": 1, "failed": 0, "error": 0}


HEAVY = ("asyncio", "asyncpg", "msgspec", "pydantic", "structlog", "http.client", "typer", "starlette", "uvloop")


def test_a_suite_that_does_not_ask_for_it_pays_nothing(suite: Path) -> None:
    """Modules are counted, not seconds: what the plugin adds to a pytest without it is three small modules."""
    write(
        suite,
        {
            "test_plain.py": "import sys\n"
            "def test_modules():\n"
            "    with open('modules', 'w') as out:\n        out.write('\\n'.join(sorted(sys.modules)))\n"
        },
    )
    without = ("-p", "no:asyncio", "-p", "no:anyio", "-p", "no:hypothesispytest", "-p", "no:xdist", "-p", "no:timeout")

    def modules(*arguments: str) -> set[str]:
        outcome = run_pytest(suite, *without, *arguments, "-c", os.devnull, f"--rootdir={suite}")
        assert outcome == {"passed": 1}, outcome
        return set((suite / "modules").read_text().splitlines())

    added = modules() - modules("-p", "no:ofd_gateway")
    assert added == {"ofd_gateway", "ofd_gateway.testing", "ofd_gateway.testing.plugin"}
    assert added.isdisjoint(HEAVY)


def test_public_names_are_there_when_they_are_used() -> None:
    import ofd_gateway.testing as package

    assert {name: getattr(package, name).__name__ for name in package.__all__} == {
        name: name for name in package.__all__
    }
    with pytest.raises(AttributeError, match="nonsense"):
        package.nonsense  # noqa: B018


def children(pid: int) -> list[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(word) for word in found.stdout.split()]


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2][:3]


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_nothing_runs_on_when_pytest_is_killed(suite: Path, templates: Path) -> None:
    write(
        suite,
        {
            "test_shop.py": "import pathlib, time\n"
            "def test_one(ofd, _ofd_pool):\n"
            "    ofd.registers.new()\n"
            "    server, _ = _ofd_pool.get({})\n"
            "    pathlib.Path('running.draft').write_text(f'{server.pid} {server.state_dir}')\n"
            "    pathlib.Path('running.draft').rename('running')\n"
            "    time.sleep(100)\n"
        },
    )
    with subprocess.Popen(
        command("-o", f"cache_dir={templates}"), cwd=suite, env=environment(), stdout=subprocess.DEVNULL
    ) as child:
        try:
            deadline = time.monotonic() + 60
            while not (suite / "running").exists():
                assert child.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
            pid, state_dir = (suite / "running").read_text().split()
            family = [int(pid), *children(int(pid))]
            assert len(family) > 1
        finally:
            child.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 30
    while any(map(is_there, family)):
        assert time.monotonic() < deadline, family
        time.sleep(0.05)
    assert not Path(state_dir).exists()
