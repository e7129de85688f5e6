"""Room for one connection of each register: the limit of open files (`ulimit -n`)."""

from __future__ import annotations

from ofd_gateway.errors import OfdGatewayError

SPARE_FILES = 64
"""What the process needs beside its connections."""


class TooFewFiles(OfdGatewayError):
    """The machine does not let this process open so many connections; the message says what to do."""


def make_room(connections: int) -> None:
    """Raises the soft limit as far as needed. Raises TooFewFiles where the hard limit is too low."""
    try:
        import resource
    except ImportError:  # pragma: no cover - a platform without such limits
        return
    needed = connections + SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise TooFewFiles(
            f"{connections} касс держат {connections} соединений, а открытых файлов можно {hard}: "
            f"ulimit -n {needed} (или --habit per-document и меньше касс) / "
            f"{connections} registers keep {connections} connections and the limit of open files is {hard}: "
            f"ulimit -n {needed}, or fewer registers"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
