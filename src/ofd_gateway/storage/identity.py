"""Who runs the embedded server: ourselves or, for root, an unprivileged user, because PostgreSQL refuses root."""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ofd_gateway.storage.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["ServerIdentity", "server_identity"]

_DEDICATED_USER: Final = "ofd-gateway"
_FALLBACK_USER: Final = "nobody"
_PR_SET_PDEATHSIG: Final = 1


@dataclass(frozen=True, slots=True)
class ServerIdentity:
    """The user of the server; `drops_root` says that it is another one than ours."""

    uid: int
    gid: int
    drops_root: bool

    def preparation(self) -> Callable[[], None]:
        """What a child does between fork and exec: become that user, and die with its parent (SIGINT, a fast stop).

        The signal of the parent's death is set last, because a change of user clears it. A parent that died before
        that is noticed by the child itself.
        """
        libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
        uid, gid, drops_root = self.uid, self.gid, self.drops_root
        parent = os.getpid()

        def prepare() -> None:
            if drops_root:
                os.setgroups([])
                os.setgid(gid)
                os.setuid(uid)
            if libc is not None:
                libc.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
                if os.getppid() != parent:
                    os._exit(1)

        return prepare

    def owns(self, path: Path) -> bool:
        """Whether the path, itself and not what it points to, belongs to this user."""
        return path.lstat().st_uid == self.uid


def server_identity(state_dir: Path, data_dir: Path) -> ServerIdentity:
    """Our own user; for root the owner of the cluster or of the state directory, else `ofd-gateway`, else `nobody`.

    So root can look into the database of another user without taking it away, and a cluster made before the user
    `ofd-gateway` existed stays usable.

    Raises:
        DatabaseUnavailable: we are root and there is no unprivileged user, or the cluster's owner has no name.
    """
    if os.geteuid() != 0:
        return ServerIdentity(os.geteuid(), os.getegid(), drops_root=False)
    owner = _owner_uid(data_dir)
    for entry in (_named(owner), _named(_owner_uid(state_dir)), _named(_DEDICATED_USER), _named(_FALLBACK_USER)):
        if entry is not None:
            if owner and entry.pw_uid != owner:
                break
            return ServerIdentity(entry.pw_uid, entry.pw_gid, drops_root=True)
    if owner:
        raise DatabaseUnavailable(
            f"{data_dir} belongs to user number {owner}, who has no name here, and PostgreSQL does not run without one"
        )
    raise DatabaseUnavailable("PostgreSQL does not run as root and there is no user `ofd-gateway` or `nobody`")


def _named(user: int | str | None) -> pwd.struct_passwd | None:
    """The entry of an unprivileged user, by number or by name."""
    if not user:
        return None
    try:
        return pwd.getpwuid(user) if isinstance(user, int) else pwd.getpwnam(user)
    except KeyError:
        return None


def _owner_uid(directory: Path) -> int | None:
    try:
        return directory.stat().st_uid
    except OSError:
        return None
