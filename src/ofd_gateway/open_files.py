"""The limit of open files of this process (`ulimit -n`): each connection takes one."""

from __future__ import annotations

import contextlib

__all__ = ["raise_limit"]


def raise_limit(needed: int) -> int | None:
    """Raises the soft limit to `needed`, or as far as the hard one lets it; gives what may be open from here on.

    None where nothing bounds it, or where nobody can say.
    """
    try:
        import resource
    except ImportError:  # pragma: no cover - a platform without such limits
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return None
    if soft >= needed:
        return soft
    wanted = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    with contextlib.suppress(ValueError, OSError):  # some systems have a ceiling below the hard limit
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return soft
