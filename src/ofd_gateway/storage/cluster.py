"""The files and the server of one embedded cluster, without supervision.

::

    <state dir>/postgres/          owned by the server's user, 0700
        data/                      the cluster
        server.log                 what the server says
    <state dir>/postgres.lock      held by whoever runs the server
    /tmp/ofd-gateway-<uid>-<hash>/ the server's socket; short, because a socket path holds 107 bytes

As root the server runs as another user, which cannot pass through private directories above the state directory. It
gets an open descriptor of `postgres/` instead and finds its files below `/proc/self/fd/N`: such a link leads straight
to the directory, and no mode of any directory that is not ours is changed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ofd_gateway.storage.binaries import copy_for_others, find_binaries, reachable_for_others
from ofd_gateway.storage.errors import DatabaseUnavailable
from ofd_gateway.storage.identity import server_identity

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["DATABASE_NAME", "Cluster", "Postmaster"]

DATABASE_NAME: Final = "ofd_gateway"
SUPERUSER: Final = "postgres"
PORT: Final = 5432
_LOG_LIMIT_BYTES: Final = 16 * 1024 * 1024
_SOCKET_PATH_LIMIT: Final = 107
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


class Postmaster:
    """What `postmaster.pid` says of a server that may or may not live."""

    def __init__(self, data_dir: Path) -> None:
        self._file = data_dir / "postmaster.pid"
        self._data_dir = data_dir
        try:
            self._lines = self._file.read_text(errors="replace").splitlines()
        except OSError:
            self._lines = []

    @property
    def exists(self) -> bool:
        """There is such a file with anything in it."""
        return bool(self._lines)

    @property
    def pid(self) -> int | None:
        """The pid that the file names."""
        first = self._lines[0].strip() if self._lines else ""
        return int(first) if first.isdecimal() else None

    @property
    def socket_dir(self) -> str | None:
        """The directory of the server's socket."""
        return self._lines[4].strip() if len(self._lines) > 4 else None  # noqa: PLR2004  fifth line

    @property
    def is_ready(self) -> bool:
        """The server takes connections."""
        return len(self._lines) > 7 and self._lines[7].strip() == "ready"  # noqa: PLR2004  eighth line

    @property
    def is_ours(self) -> bool:
        """The pid lives and is a server on this very data directory, not a stranger that was given its number.

        A server's working directory is its data directory, which is compared as a file, not as a name.
        """
        if self.pid is None:
            return False
        try:
            working_dir = Path(f"/proc/{self.pid}/cwd").stat()
            own = self._data_dir.stat()
        except OSError:
            return _command_names(self.pid, self._data_dir)
        if _is_zombie(self.pid):
            return False
        return (working_dir.st_dev, working_dir.st_ino) == (own.st_dev, own.st_ino)

    def remove(self) -> None:
        """Removes a file that names no server of ours."""
        self._file.unlink(missing_ok=True)


class Cluster:
    """One data directory and the server on it."""

    def __init__(self, state_dir: Path) -> None:
        self.home = state_dir / "postgres"
        self.data_dir = self.home / "data"
        self.log_file = self.home / "server.log"
        self._identity = server_identity()
        self._home_fd: int | None = None
        self.socket_dir = _socket_dir(state_dir, self._identity.uid)

    @property
    def dsn(self) -> str:
        """A libpq URI that any process of this machine with our rights can use."""
        return f"postgresql://{SUPERUSER}@/{DATABASE_NAME}?host={self.socket_dir}"

    @property
    def maintenance_dsn(self) -> str:
        """The same server, the database that always exists."""
        return f"postgresql://{SUPERUSER}@/postgres?host={self.socket_dir}"

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
        self._prepare_socket_dir()
        version_file = self.data_dir / "PG_VERSION"
        major = int(version_file.read_text().split(".")[0]) if version_file.is_file() else None
        self._programs = find_binaries(major=major)
        if self._identity.drops_root and not reachable_for_others(self._programs.directory):
            self._programs = copy_for_others(self._programs)
        if major is None:
            self._initialise()

    def start(self) -> subprocess.Popen[bytes]:
        """Starts the server as our child, which dies with us; it is not ready yet."""
        if self.log_file.exists() and self.log_file.stat().st_size > _LOG_LIMIT_BYTES:
            self.log_file.unlink()
        settings = {**_SERVER_SETTINGS, "unix_socket_directories": str(self.socket_dir), "port": str(PORT)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with self.log_file.open("ab") as log:
            return self._popen(["postgres", "-D", self._inside("data"), *options], log.fileno())

    def log_tail(self, since: int = 0) -> str:
        """What the server has said from byte `since` on, the last 4 KB of it."""
        try:
            with self.log_file.open("rb") as log:
                log.seek(max(since, self.log_file.stat().st_size - 4096))
                return log.read().decode(errors="replace").strip()
        except OSError:
            return ""

    def log_size(self) -> int:
        """Bytes in the server's log now."""
        return self.log_file.stat().st_size if self.log_file.exists() else 0

    def end_orphan(self, *, timeout_s: float) -> None:
        """Ends a server that a killed supervisor left behind, and removes the pid file of a stranger."""
        postmaster = self.postmaster()
        if not postmaster.exists:
            return
        deadline = time.monotonic() + timeout_s
        steps = [(0.0, signal.SIGINT), (timeout_s / 2, signal.SIGQUIT), (timeout_s * 0.8, signal.SIGKILL)]
        started = time.monotonic()
        while postmaster.is_ours and postmaster.pid is not None and time.monotonic() < deadline:
            while steps and time.monotonic() - started >= steps[0][0]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(postmaster.pid, steps.pop(0)[1])
            time.sleep(0.02)
        if postmaster.is_ours:
            raise DatabaseUnavailable(f"a server on {self.data_dir} does not end (pid {postmaster.pid})")
        self.postmaster().remove()

    def close(self) -> None:
        """Removes the socket directory and lets go of the descriptor."""
        shutil.rmtree(self.socket_dir, ignore_errors=True)
        if self._home_fd is not None:
            os.close(self._home_fd)
            self._home_fd = None

    def program(self, name: str) -> str:
        """The path of one of PostgreSQL's programs, of this cluster's version."""
        return self._programs.path(name)

    def _initialise(self) -> None:
        draft = self.home / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        options = ["-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-instructions"]
        if self._programs.major >= 17:  # noqa: PLR2004  the builtin provider came with 17
            options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        with tempfile.TemporaryFile() as output:
            code = self._popen(["initdb", "-D", self._inside("data.new"), *options], output.fileno()).wait()
            output.seek(0)
            said = output.read().decode(errors="replace")
        if code != 0:
            raise DatabaseUnavailable(f"initdb failed with {code}: {said.strip()[-1000:]}")
        draft.rename(self.data_dir)

    def _popen(self, command: Sequence[str], output_fd: int) -> subprocess.Popen[bytes]:
        program, *arguments = command
        kept = () if self._home_fd is None else (self._home_fd,)
        return subprocess.Popen(
            [self._programs.path(program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output_fd,
            stderr=output_fd,
            cwd="/",
            env=_ENVIRONMENT,
            pass_fds=kept,
            preexec_fn=self._identity.preparation(),  # noqa: PLW1509  only system calls, all looked up before the fork
            start_new_session=True,
            umask=0o077,
        )

    def _inside(self, name: str) -> str:
        """The path by which the server's user reaches a directory below `postgres/`."""
        if not self._identity.drops_root or reachable_for_others(self.home.parent):
            return str(self.home / name)
        if self._home_fd is None:
            self._home_fd = os.open(self.home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        return f"/proc/self/fd/{self._home_fd}/{name}"

    def _own(self, directory: Path) -> None:
        if self._identity.drops_root and directory.stat().st_uid != self._identity.uid:
            os.chown(directory, self._identity.uid, self._identity.gid)

    def _prepare_socket_dir(self) -> None:
        path = f"{self.socket_dir}/.s.PGSQL.{PORT}"
        if len(path.encode()) > _SOCKET_PATH_LIMIT:
            raise DatabaseUnavailable(f"{path} is too long for a socket; set TMPDIR to a shorter directory")
        try:
            self.socket_dir.mkdir(mode=0o700)
            self._own(self.socket_dir)
        except FileExistsError:
            status = self.socket_dir.lstat()
            if not stat.S_ISDIR(status.st_mode) or status.st_uid != self._identity.uid or status.st_mode & 0o077:
                self.socket_dir = Path(tempfile.mkdtemp(prefix="ofd-gateway-"))
                self._own(self.socket_dir)


def _socket_dir(state_dir: Path, uid: int) -> Path:
    name = hashlib.sha256(os.fsencode(state_dir.absolute())).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"ofd-gateway-{uid}-{name}"


def _is_zombie(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True
    return status.rpartition(")")[2].split()[0] == "Z"


def _command_names(pid: int, data_dir: Path) -> bool:
    """The same question where there is no /proc."""
    if Path("/proc/self").exists():
        return False
    answer = subprocess.run(
        ["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False, timeout=5
    )
    return "postgres" in answer.stdout and str(data_dir) in answer.stdout
