"""Who runs the embedded server: ourselves or, when we are root, an unprivileged user, because PostgreSQL refuses root."""

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

        The signal of the parent's death is set last, because a change of user clears it.
        """
        libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
        uid, gid, drops_root = self.uid, self.gid, self.drops_root

        def prepare() -> None:
            if drops_root:
                os.setgroups([])
                os.setgid(gid)
                os.setuid(uid)
            if libc is not None:
                libc.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)

        return prepare


def server_identity() -> ServerIdentity:
    """Our own user or, for root, `ofd-gateway` where it exists and `nobody` elsewhere.

    Raises:
        DatabaseUnavailable: we are root and no unprivileged user exists.
    """
    if os.geteuid() != 0:
        return ServerIdentity(os.geteuid(), os.getegid(), drops_root=False)
    for name in (_DEDICATED_USER, _FALLBACK_USER):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return ServerIdentity(entry.pw_uid, entry.pw_gid, drops_root=True)
    raise DatabaseUnavailable("PostgreSQL does not run as root and there is no user `ofd-gateway` or `nobody`")
