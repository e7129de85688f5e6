"""Whatever the gateway creates is its owner's alone, however careless the umask it was started with."""

from __future__ import annotations

import os
import signal
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.e2e.running import RunningGateway, exchange, wait_until
from tests.messages import container, message

if TYPE_CHECKING:
    from collections.abc import Iterator

OTHERS = 0o077
CUSTOMER_IN_ARREARS = [
    [
        "customers",
        "add",
        "--inn",
        "7802781104",
        "--name",
        "Чай",
        "--email",
        "owner@shop.example",
        "--notify",
        "service",
    ],
    ["registers", "add", "--rnm", "0000000000024136", "--customer", "7802781104", "--service-until", "2020-01-01"],
]
"""Commands after which a letter has to be written at once."""


def started_carelessly(state_dir: Path, *options: str, environment: dict[str, str] | None = None) -> RunningGateway:
    former = os.umask(0)
    try:
        return RunningGateway(state_dir, *options, environment=environment, fresh=True)
    finally:
        os.umask(former)


def everything_in(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for path in [folder, *folder.rglob("*")]:
        try:
            yield path, path.lstat()
        except FileNotFoundError:
            continue


def open_to_others(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): stat.filemode(status.st_mode)
        for path, status in everything_in(folder)
        if status.st_mode & OTHERS and not stat.S_ISLNK(status.st_mode)
    }


def with_a_letter(gateway: RunningGateway) -> None:
    """Makes the gateway write a letter into the Maildir of its state directory."""
    for command in CUSTOMER_IN_ARREARS:
        done = gateway.command(*command)
        assert done.returncode == 0, done.stderr
    wait_until(lambda: any((gateway.state_dir / "mail" / "new").glob("*")), what="a letter")


def test_the_state_directory_is_private() -> None:
    environment = {"OFD_GATEWAY_ALERTS__GROUP_WAIT": "0s"}
    with tempfile.TemporaryDirectory() as folder:
        state_dir = Path(folder) / "above" / "state"
        gateway = started_carelessly(state_dir, environment=environment)
        try:
            assert exchange(gateway, message(container()))
            with_a_letter(gateway)
            assert gateway.command("backup", str(Path(folder) / "ofd.dump")).returncode == 0
            names = {path.name for path, _ in everything_in(state_dir)}
            assert {"operator.key", "mail", "postgres", "postmaster.pid"} <= names
            assert open_to_others(Path(folder) / "above") == {}
            assert stat.S_IMODE((Path(folder) / "ofd.dump").stat().st_mode) == 0o600
        finally:
            gateway.close()
        assert open_to_others(Path(folder) / "above") == {}


def test_sockets_of_the_database_are_private() -> None:
    with tempfile.TemporaryDirectory() as folder:
        gateway = started_carelessly(Path(folder) / "state")
        try:
            sockets = [
                Path(line.split()[-1]) for line in Path("/proc/net/unix").read_text().splitlines() if "PGSQL" in line
            ]
            ours = [path for path in sockets if path.parent.as_posix() in gateway.database.replace("%2F", "/")]
            assert ours
            for path in ours:
                assert not path.lstat().st_mode & OTHERS
                assert not path.parent.lstat().st_mode & OTHERS
        finally:
            gateway.close()


def test_what_workers_write_is_private() -> None:
    with tempfile.TemporaryDirectory() as folder:
        environment = {"TMPDIR": folder}
        options = ("--listen", "127.0.0.1:0", "--workers", "2")
        gateway = started_carelessly(Path(folder) / "state", *options, environment=environment)
        try:
            assert exchange(gateway, message(container()))
            gateway.child.send_signal(signal.SIGHUP)
            gateway.wait_event("workers.replaced")
            assert any(path.suffix == ".db" for path, _ in everything_in(Path(folder)))
            assert {name: mode for name, mode in open_to_others(Path(folder)).items() if name != "."} == {}
        finally:
            gateway.close()
