"""Where the embedded server's socket lies: a short path that both we and the server's user can reach.

::

    <base>/ofd-gateway-<uid>-<hash of the state directory>/    0700, owned by the server's user
        .s.PGSQL.5432  .s.PGSQL.5432.lock

A socket's path holds 107 bytes, so the state directory itself will not do. The base is the directory for temporary
files or, where that is private or too deep, another one of the system's.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ofd_gateway.storage.binaries import reachable_for_others
from ofd_gateway.storage.errors import DatabaseUnavailable
from ofd_gateway.storage.postmaster import is_server_process

if TYPE_CHECKING:
    from ofd_gateway.storage.identity import ServerIdentity

__all__ = ["PORT", "clear_socket_dir", "make_socket_dir"]

PORT: Final = 5432
"""A server without TCP has a port all the same: it is in the name of its socket."""

_PATH_LIMIT_BYTES: Final = 107
_SYSTEM_BASES: Final = ("/tmp", "/run", "/var/tmp")  # noqa: S108  the directory below it is ours and private
_LONGEST_SUFFIX: Final = 8
"""Characters that `mkdtemp` adds when the usual name is taken."""


def make_socket_dir(state_dir: Path, identity: ServerIdentity) -> Path:
    """The directory, made or found again, without the remains of a killed server.

    Raises:
        DatabaseUnavailable: no place is short enough and open to both.
    """
    name = f"ofd-gateway-{identity.uid}-{hashlib.sha256(os.fsencode(state_dir.absolute())).hexdigest()[:12]}"
    for base in _bases():
        if _serves(base, name, identity):
            return _make(base, name, identity)
    raise DatabaseUnavailable(
        "no directory for the database's socket: it must be writable, open to the server's user, and its path short; "
        f"tried {', '.join(map(str, _bases()))}; set TMPDIR"
    )


def clear_socket_dir(directory: Path) -> bool:
    """Removes what a killed server left, whose pid may be a stranger's by now; False when a living server uses it."""
    lock = directory / f".s.PGSQL.{PORT}.lock"
    try:
        first = lock.read_text(errors="replace").partition("\n")[0].strip()
    except OSError:
        first = ""
    if first.isdecimal() and is_server_process(int(first)):
        return False
    for remains in (lock, directory / f".s.PGSQL.{PORT}"):
        remains.unlink(missing_ok=True)
    return True


def _bases() -> list[Path]:
    return list(dict.fromkeys(map(Path, (tempfile.gettempdir(), *_SYSTEM_BASES))))


def _serves(base: Path, name: str, identity: ServerIdentity) -> bool:
    longest = base / (name + "-" * _LONGEST_SUFFIX) / f".s.PGSQL.{PORT}"
    if len(os.fsencode(longest)) > _PATH_LIMIT_BYTES:
        return False
    return os.access(base, os.W_OK | os.X_OK) and (not identity.drops_root or reachable_for_others(base))


def _make(base: Path, name: str, identity: ServerIdentity) -> Path:
    directory = base / name
    try:
        directory.mkdir(mode=0o700)
    except FileExistsError:
        if not _is_private(directory, identity) or not clear_socket_dir(directory):
            directory = Path(tempfile.mkdtemp(prefix=name, dir=base))
    if identity.drops_root and not identity.owns(directory):
        os.chown(directory, identity.uid, identity.gid)
    return directory


def _is_private(directory: Path, identity: ServerIdentity) -> bool:
    status = directory.lstat()
    return stat.S_ISDIR(status.st_mode) and status.st_uid == identity.uid and not status.st_mode & 0o077
