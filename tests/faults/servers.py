"""PostgreSQL servers of a test's own, over TCP, to be stopped, restarted, copied and promoted."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import asyncpg

from ofd_gateway.storage import migrate
from ofd_gateway.storage.binaries import copy_for_others, find_binaries, runnable_for_others
from ofd_gateway.storage.identity import server_identity
from ofd_gateway.storage.postmaster import Postmaster

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "60",
    "shared_buffers": "32MB",
    "timezone": "UTC",
}


class OwnServer:
    """One cluster in a directory of its own, on one port for as long as it lives."""

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="ofd-own-server-"))
        self._identity = server_identity(self.home / "nobody's", self.home / "data")
        os.chown(self.home, self._identity.uid, self._identity.gid)
        self.data_dir = self.home / "data"
        programs = find_binaries()
        others = self._identity.drops_root and not runnable_for_others(programs)
        self._programs = copy_for_others(programs) if others else programs
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])
        self._server: subprocess.Popen[bytes] | None = None

    def dsn(self, name: str = "postgres", user: str = "postgres") -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/{name}?sslmode=disable"

    def create(self) -> None:
        self.run("initdb", "-D", str(self.data_dir), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")

    def copy_of(self, primary: OwnServer) -> None:
        """A streaming standby, not started yet; its name among the standbys is `standby`."""
        source = f"host=127.0.0.1 port={primary.port} user=postgres application_name=standby"
        options = ["-R", "-X", "stream", "--checkpoint=fast", "--no-sync"]
        self.run("pg_basebackup", "-D", str(self.data_dir), "-d", source, *options)

    def start(self) -> None:
        options = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        with (self.home / "server.log").open("ab") as log:
            self._server = self._popen("postgres", "-D", str(self.data_dir), "-p", str(self.port), *options, log=log)
        deadline = time.monotonic() + 40
        while not ((found := Postmaster(self.data_dir)).is_ready and found.pid == self._server.pid):
            assert self._server.poll() is None, (self.home / "server.log").read_text()[-2000:]
            assert time.monotonic() < deadline, "the server is not ready"
            time.sleep(0.02)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT stops it fast, SIGQUIT at once, as a crash does."""
        server, self._server = self._server, None
        if server is not None:
            server.send_signal(how)
            server.wait(40)

    def remove(self) -> None:
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.home)

    def run(self, program: str, *arguments: str) -> None:
        with tempfile.TemporaryFile() as log:
            code = self._popen(program, *arguments, log=log).wait(60)
            log.seek(0)
            assert code == 0, log.read().decode()

    def _popen(self, program: str, *arguments: str, log: object) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [self._programs.path(program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,  # type: ignore[call-overload]
            stderr=subprocess.STDOUT,
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
            preexec_fn=self._identity.preparation(),  # noqa: PLW1509  only system calls, all looked up before the fork
            umask=0o077,
        )


async def do(dsn: str, *statements: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def make_database(server: OwnServer, name: str) -> str:
    """The URI of a new database at the current schema, which belongs to the role of the same name, no superuser."""
    role = f'CREATE ROLE "{name}" LOGIN'
    await do(server.dsn(), role, f'CREATE DATABASE "{name}" OWNER "{name}"')
    dsn = server.dsn(name, user=name)
    await migrate(dsn)
    return dsn


async def started(server: OwnServer) -> OwnServer:
    await asyncio.to_thread(server.create)
    await asyncio.to_thread(server.start)
    return server
