"""The wheel: whole, and able to serve in an environment that has nothing of the checkout."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import sysconfig
import threading
import venv
import zipfile
from pathlib import Path

import pytest

import ofd_gateway

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "ofd_gateway"
INSTALL = ("--quiet", "--no-index", "--no-deps", "--disable-pip-version-check")
FREE_PORTS = ("--listen", "127.0.0.1:0", "--http", "127.0.0.1:0")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built by the build backend itself, as `pip wheel` would, but without asking an index for it."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=100,
    )
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def contents(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory):
    """An empty environment with the wheel in it; its dependencies are those of this one, the package is not."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install", *INSTALL, str(wheel)],
        check=True,
        capture_output=True,
        timeout=100,
    )
    (site,) = folder.glob("lib/python3*/site-packages")
    # Only the folder's own content is added: the `.pth` file there that leads to the checkout is not read.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


def run(environment, *command, **options):
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("OFD_GATEWAY_", "PYTHON", "COV"))
    }
    return subprocess.run(
        command, cwd=environment, env=clean, capture_output=True, text=True, check=True, timeout=60, **options
    ).stdout


def test_it_contains_every_file_of_the_package(contents):
    files = {
        f"ofd_gateway/{path.relative_to(PACKAGE).as_posix()}"
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert "ofd_gateway/py.typed" in files
    assert files - contents == set()


def test_it_contains_every_migration(contents):
    migrations = {f"ofd_gateway/migrations/{path.name}" for path in (ROOT / "migrations").glob("*.sql")}
    assert migrations
    assert migrations - contents == set()


def test_it_contains_the_licence_and_nothing_foreign(contents):
    folder = f"ofd_gateway-{ofd_gateway.__version__}.dist-info"
    assert f"{folder}/licenses/LICENSE" in contents
    assert {name.split("/")[0] for name in contents} == {"ofd_gateway", folder}


def test_the_command_tells_its_version(environment):
    answer = run(environment, environment / "bin" / "ofd-gateway", "--version")
    assert answer.split() == ["ofd-gateway", ofd_gateway.__version__]


def test_the_package_in_use_is_that_of_the_wheel(environment):
    place = run(environment, environment / "bin" / "python", "-c", "import ofd_gateway; print(ofd_gateway.__file__)")
    assert Path(place.strip()).is_relative_to(environment)


def test_it_decodes_without_a_gateway(environment):
    answer = run(
        environment, environment / "bin" / "ofd-gateway", "decode", "--json", ROOT / "docs" / "examples" / "receipt.bin"
    )
    assert list(json.loads(answer)) == ["receipt"]


@pytest.mark.faults
def test_it_serves_and_stops(environment, tmp_path):
    """With its own migrations, on the built-in database."""
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("OFD_GATEWAY_", "PYTHON", "COV"))
    }
    child = subprocess.Popen(
        [environment / "bin" / "ofd-gateway", "serve", *FREE_PORTS, "--state-dir", str(tmp_path / "state")],
        cwd=environment,
        env=clean,
        stdout=subprocess.PIPE,
        text=True,
    )
    limit = threading.Timer(60, child.kill)
    limit.start()
    try:
        events = []
        for line in child.stdout:
            events.append(json.loads(line))
            if events[-1]["event"] == "gateway.ready":
                child.send_signal(signal.SIGTERM)
        code = child.wait(20)
    finally:
        limit.cancel()
        child.kill()
        child.stdout.close()
    names = [event["event"] for event in events]
    assert code == 0
    assert "database.migrated" in names
    assert names[-1] == "gateway.stopped"
