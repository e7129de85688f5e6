"""The files and the server of one embedded cluster, without supervision.

::

    <state dir>/postgres/          owned by the server's user, 0700
        data/                      the cluster
        server.log                 what the server says
    <state dir>/postgres.lock      held by whoever runs the server

As root the server runs as another user, which cannot pass through private directories above the state directory. It
gets an open descriptor of `postgres/` instead and finds its files below `/proc/self/fd/N`: such a link leads straight
to the directory, and no mode of any directory that is not ours is changed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from typing import TYPE_CHECKING, Final

from ofd_gateway.storage.binaries import copy_for_others, find_binaries, reachable_for_others, runnable_for_others
from ofd_gateway.storage.errors import DatabaseUnavailable
from ofd_gateway.storage.identity import server_identity
from ofd_gateway.storage.postmaster import Postmaster
from ofd_gateway.storage.socket_directory import PORT, clear_socket_dir, make_socket_dir

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["DATABASE_NAME", "Cluster", "Postmaster", "socket_dsn"]

DATABASE_NAME: Final = "ofd_gateway"
SUPERUSER: Final = "postgres"
_LOG_LIMIT_BYTES: Final = 16 * 1024 * 1024
_LOG_TAIL_BYTES: Final = 4096
_LITTLE_SPACE_BYTES: Final = 48 * 1024 * 1024
"""A segment of the server's log of transactions takes 16 MB, and a recovery needs more than one."""
_ENVIRONMENT: Final = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}

_SERVER_SETTINGS: Final = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "60",
    "shared_buffers": "128MB",
    "wal_compression": "on",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",
    "log_checkpoints": "off",
    "max_logical_replication_workers": "0",
    "wal_level": "replica",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
}


def socket_dsn(socket_dir: str, database: str = DATABASE_NAME) -> str:
    """A libpq URI of an embedded server; it names the port, so that a PGPORT in the environment changes nothing."""
    return f"postgresql://{SUPERUSER}@/{database}?port={PORT}&host={socket_dir}"


class Cluster:
    """One data directory and the server on it."""

    def __init__(self, state_dir: Path) -> None:
        self.home = state_dir / "postgres"
        self.data_dir = self.home / "data"
        self.log_file = self.home / "server.log"
        self.socket_dir: Path | None = None
        self._state_dir = state_dir
        self._identity = server_identity(state_dir, self.data_dir)
        self._home_fd: int | None = None

    @property
    def dsn(self) -> str:
        """A URI that any process of this machine with our rights can use, once the cluster is prepared."""
        return socket_dsn(str(self.socket_dir))

    @property
    def maintenance_dsn(self) -> str:
        """The same server, the database that always exists."""
        return socket_dsn(str(self.socket_dir), "postgres")

    def postmaster(self) -> Postmaster:
        """A fresh reading of `postmaster.pid`."""
        return Postmaster(self.data_dir)

    def prepare(self) -> None:
        """Makes the directories and, the first time, the cluster; a half-made one is made anew.

        Raises:
            DatabaseUnavailable: with what `initdb` said.
        """
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._own(self.home)
        self.socket_dir = make_socket_dir(self._state_dir, self._identity)
        version_file = self.data_dir / "PG_VERSION"
        major = int(version_file.read_text().split(".")[0]) if version_file.is_file() else None
        self._programs = find_binaries(major=major)
        if self._identity.drops_root and not runnable_for_others(self._programs):
            self._programs = copy_for_others(self._programs)
        if major is None:
            self._initialise()

    def start(self) -> subprocess.Popen[bytes]:
        """Starts the server as our child, which dies with us; it is not ready yet."""
        assert self.socket_dir is not None  # noqa: S101  prepare() made it
        clear_socket_dir(self.socket_dir)
        settings = {**_SERVER_SETTINGS, "unix_socket_directories": str(self.socket_dir), "port": str(PORT)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        log_fd = self._open_log()
        try:
            return self._popen(["postgres", "-D", self._inside("data"), *options], log_fd)
        finally:
            os.close(log_fd)

    def log_tail(self, since: int = 0) -> str:
        """What the server has said from byte `since` on, the last 4 KB of it."""
        try:
            with self.log_file.open("rb") as log:
                log.seek(max(since, self.log_file.stat().st_size - _LOG_TAIL_BYTES))
                return log.read().decode(errors="replace").strip()
        except OSError:
            return ""

    def last_words(self, since: int = 0) -> str:
        """`log_tail`, and how much space is left on the disk if that is little: then the log could not grow either."""
        said = self.log_tail(since)
        try:
            disk = os.statvfs(self.home)
        except OSError:
            return said
        free_bytes = disk.f_bavail * disk.f_frsize
        if free_bytes >= _LITTLE_SPACE_BYTES:
            return said
        return f"{said[-_LOG_TAIL_BYTES:]} (no space: {free_bytes} bytes are free on the disk of {self.home})".strip()

    def log_size(self) -> int:
        """Bytes in the server's log now."""
        return self.log_file.stat().st_size if self.log_file.exists() else 0

    def close(self) -> None:
        """Removes the socket directory and lets go of the descriptor."""
        if self.socket_dir is not None:
            shutil.rmtree(self.socket_dir, ignore_errors=True)
        if self._home_fd is not None:
            os.close(self._home_fd)
            self._home_fd = None

    def _initialise(self) -> None:
        draft = self.home / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        options = ["-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-instructions"]
        if self._programs.major >= 17:  # the builtin provider came with 17
            options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        data_dir = self._inside(draft.name)
        self._run(["initdb", "-D", data_dir, *options])
        self._run(["postgres", "--single", "-D", data_dir, "postgres"], f"CREATE DATABASE {DATABASE_NAME}\n")
        draft.rename(self.data_dir)

    def _run(self, command: Sequence[str], given: str = "") -> None:
        with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as output:
            source.write(given.encode())
            source.seek(0)
            code = self._popen(command, output.fileno(), source.fileno()).wait()
            output.seek(0)
            said = output.read().decode(errors="replace")
        if code != 0:
            raise DatabaseUnavailable(f"{command[0]} failed with {code}: {said.strip()[-1000:]}")

    def _popen(
        self, command: Sequence[str], output_fd: int, input_fd: int = subprocess.DEVNULL
    ) -> subprocess.Popen[bytes]:
        program, *arguments = command
        kept = () if self._home_fd is None else (self._home_fd,)
        return subprocess.Popen(
            [self._programs.path(program), *arguments],
            stdin=input_fd,
            stdout=output_fd,
            stderr=output_fd,
            cwd="/",
            env=_ENVIRONMENT,
            pass_fds=kept,
            preexec_fn=self._identity.preparation(),  # noqa: PLW1509  only system calls, all looked up before the fork
            start_new_session=True,
            umask=0o077,
        )

    def _open_log(self) -> int:
        """The log, for appending; it is not followed to where the server's user might have pointed it."""
        if self.log_size() > _LOG_LIMIT_BYTES:
            self.log_file.unlink()
        fd = os.open(self.log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        if self._identity.drops_root:
            os.fchown(fd, self._identity.uid, self._identity.gid)
        return fd

    def _inside(self, name: str) -> str:
        """The path by which the server's user reaches a directory below `postgres/`."""
        if not self._identity.drops_root or reachable_for_others(self.home.parent):
            return str(self.home / name)
        if self._home_fd is None:
            self._home_fd = os.open(self.home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        return f"/proc/self/fd/{self._home_fd}/{name}"

    def _own(self, directory: Path) -> None:
        if self._identity.drops_root and not self._identity.owns(directory):
            os.chown(directory, self._identity.uid, self._identity.gid)
