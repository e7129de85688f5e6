"""Passwords and keys are in no line of a log, in no output of a command, in no traceback, at any level."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import structlog
from pydantic import BaseModel, ValidationError

from ofd_gateway.errors import OfdGatewayError
from ofd_gateway.keys import load_or_create_key
from ofd_gateway.logs import configure_logs
from ofd_gateway.settings import Settings
from ofd_gateway.storage import Database, masked_dsn, migrate
from tests.e2e.running import COMMAND, wait_until
from tests.letters.peer import Peer, serving
from tests.messages import container, message
from tests.security.test_permissions import CUSTOMER_IN_ARREARS

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "hunterhunter2"
SPOILT = [f"{SECRET[:6]}{sign}{SECRET[6:]}" for sign in ("/", "?", "#", "@", ":", "[", "%zz", " ", "%2F")]
DSNS = [
    *(f"postgresql://ofd:{password}@127.0.0.1:1/ofd" for password in (SECRET, *SPOILT)),
    f"postgresql://ofd@127.0.0.1:1/ofd?password={SECRET}",
    f"postgresql://ofd@127.0.0.1:1/ofd?sslmode=disable&password={SECRET}",
]


def parts_of_secret(text: str) -> list[str]:
    return [part for part in (SECRET, SECRET[:6], SECRET[6:]) if part in text]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = {name: value for name, value in os.environ.items() if not name.startswith("OFD_GATEWAY_")}
    return subprocess.run(
        [COMMAND, *arguments], env={**variables, **environment}, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("dsn", DSNS)
async def test_a_database_that_cannot_be_reached_is_told_without_its_password(dsn: str) -> None:
    assert parts_of_secret(masked_dsn(dsn)) == []
    for attempt in (migrate, Database.connect):
        with pytest.raises(OfdGatewayError) as caught:
            await attempt(dsn)
        chain: BaseException | None = caught.value
        while chain is not None:
            assert parts_of_secret(str(chain)) == []
            chain = chain.__cause__ or (None if chain.__suppress_context__ else chain.__context__)


@pytest.mark.parametrize("dsn", [DSNS[2], DSNS[-1]])
def test_commands_tell_no_password_of_the_database(dsn: str, tmp_path: Path) -> None:
    commands = (
        ("serve", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"),
        ("documents", "list"),
        ("migrate",),
        ("check-config",),
        ("check-config", "--json"),
        ("backup", str(tmp_path / "dump")),
    )
    environment = {"OFD_GATEWAY_LOGS__LEVEL": "debug", "OFD_GATEWAY_LOGS__FORMAT": "console"}
    for command in commands:
        done = run(*command, "--state-dir", str(tmp_path / "state"), OFD_GATEWAY_DATABASE=dsn, **environment)
        assert (command, parts_of_secret(done.stdout + done.stderr)) == (command, [])


def secret_settings(tree: type[BaseModel] = Settings, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Settings whose names say that their values are secret."""
    for name, field in tree.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from secret_settings(field.annotation, (*path, name))
        elif any(word in name for word in ("password", "token", "secret", "key")):
            yield (*path, name)


SECRET_SETTINGS = sorted(secret_settings())


def test_there_are_secret_settings() -> None:
    assert ("smtp", "password") in SECRET_SETTINGS


@pytest.mark.parametrize("path", SECRET_SETTINGS, ids=".".join)
def test_check_config_masks_every_secret(path: tuple[str, ...], tmp_path: Path) -> None:
    variable = "OFD_GATEWAY_" + "__".join(path).upper()
    for option in ((), ("--json",)):
        shown = run("check-config", "--state-dir", str(tmp_path), *option, **{variable: SECRET})
        assert shown.returncode == 0, shown.stderr
        assert parts_of_secret(shown.stdout + shown.stderr) == []
        assert "***" in shown.stdout


@pytest.mark.parametrize("path", SECRET_SETTINGS, ids=".".join)
def test_a_secret_of_the_wrong_kind_is_not_told(path: tuple[str, ...]) -> None:
    tree: object = [SECRET]
    for name in reversed(path):
        tree = {name: tree}
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate(tree)
    assert parts_of_secret(str(caught.value)) == []


def test_no_secret_is_in_the_representation_of_the_settings() -> None:
    settings = Settings.model_validate({"database": DSNS[0], "smtp": {"password": SECRET}})
    assert parts_of_secret(repr(settings) + str(settings)) == []


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_traceback_shows_no_variables(log_format: str) -> None:
    def fail(password: str) -> None:
        raise RuntimeError(f"a failure of {len(password)} letters")

    read_end, write_end = os.pipe()
    stream = configure_logs(level="debug", log_format=log_format, fd=write_end)  # type: ignore[arg-type]
    try:
        fail(SECRET)
    except RuntimeError as error:
        structlog.get_logger().error("gateway.crashed", exc_info=error)
    stream.close()
    os.close(write_end)
    with os.fdopen(read_end, errors="replace") as lines:
        text = lines.read()
    assert "a failure of" in text
    assert "Traceback" in text
    assert parts_of_secret(text) == []


def test_an_unforeseen_failure_of_a_command_shows_no_variables(tmp_path: Path) -> None:
    """The command's last resort is the interpreter's own traceback: lines of code, no values."""
    (tmp_path / "sitecustomize.py").write_text(
        "import ofd_gateway.settings as s\n"
        "def fail(*_, **__):\n"
        f"    password = '{SECRET[:6]}' + '{SECRET[6:]}'.replace('x', '')\n"
        "    raise RuntimeError(len(password))\n"
        "s.load_settings = fail\n"
    )
    done = run("check-config", PYTHONPATH=str(tmp_path))
    assert done.returncode != 0
    assert "RuntimeError" in done.stderr
    assert SECRET not in done.stdout + done.stderr


def work(state_dir: Path, environment: dict[str, str], log_format: str) -> str:
    """Everything that a gateway writes while it takes documents, refuses some, and fails to send a letter."""
    output = state_dir.parent / "output"
    variables = {**os.environ, **environment, "OFD_GATEWAY_LOGS__FORMAT": log_format}
    variables["OFD_GATEWAY_STATE_DIR"] = str(state_dir)

    def written() -> str:
        return re.sub(r"\x1b\[[0-9;]*m", "", output.read_text(errors="replace"))

    command = [COMMAND, "serve", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"]
    with output.open("wb") as stream, subprocess.Popen(command, stdout=stream, stderr=stream, env=variables) as child:
        try:
            wait_until(lambda: "gateway.ready" in written() and child.poll() is None, what="gateway.ready")
            found = re.search(r"ofd\W+127\.0\.0\.1:(\d+)", written())
            assert found is not None
            for data in (message(container()), message(container())[:90] + bytes(60), b"GET / HTTP/1.1\r\n\r\n"):
                with socket.create_connection(("127.0.0.1", int(found[1])), timeout=15) as link:
                    link.sendall(data)
                    link.shutdown(socket.SHUT_WR)
                    while link.recv(4096):
                        pass
            for line in CUSTOMER_IN_ARREARS:
                assert run(*line, OFD_GATEWAY_STATE_DIR=str(state_dir)).returncode == 0
            wait_until(lambda: "letter.deferred" in written(), what="letter.deferred")
        finally:
            child.terminate()
            child.wait(20)
    return written()


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")
@pytest.mark.parametrize("log_format", ["json", "console"])
async def test_a_gateway_at_work_tells_no_secret(log_format: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with serving(Peer(), auth=True) as peer:
            environment = {
                "OFD_GATEWAY_LOGS__LEVEL": "debug",
                "OFD_GATEWAY_ALERTS__GROUP_WAIT": "0s",
                "OFD_GATEWAY_SMTP__HOST": "127.0.0.1",
                "OFD_GATEWAY_SMTP__PORT": str(peer.port),
                "OFD_GATEWAY_SMTP__USER": "ofd",
                "OFD_GATEWAY_SMTP__PASSWORD": SECRET,
            }
            text = await asyncio.to_thread(work, Path(folder) / "state", environment, log_format)
        key = load_or_create_key(Path(folder) / "state")
    assert "535" in text, "the mail server has refused the password"
    assert parts_of_secret(text) == []
    assert key.hex() not in text
    assert repr(key)[2:-1] not in text
