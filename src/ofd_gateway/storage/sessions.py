"""Sessions of gateways that the server cannot reach any more: how long it keeps them, and the locks that they hold.

A process that dies closes its connections, and the server ends its sessions at once. A machine that is cut off says
nothing: without these settings the server waits for it for two hours (the system's default), and whatever it had
locked, an FN, a letter or a line to the tax service, waits as long.
"""

from __future__ import annotations

from typing import Final

__all__ = ["with_peer_timeout"]

_PROBES: Final = 4
_PROBES_AFTER: Final = 1 / 3
"""Share of the time after which a silent connection is probed; the rest is for the answers."""


def with_peer_timeout(dsn: str, timeout_s: float) -> str:
    """The same URI, with which the server gives up a client that has not answered for `timeout_s`; 0 changes nothing.

    The driver hands the parameters to the server as settings of the session; libpq does not know them, so the URI is
    for the driver alone. What the URI says itself stays. Sessions over a socket file are not concerned: the server
    ignores the settings there. The server counts whole seconds, one at least.
    """
    if not timeout_s:
        return dsn
    idle_s = max(1, int(timeout_s * _PROBES_AFTER))
    settings = {
        "tcp_keepalives_idle": idle_s,
        "tcp_keepalives_interval": max(1, round((timeout_s - idle_s) / _PROBES)),
        "tcp_keepalives_count": _PROBES,
        "tcp_user_timeout": max(1000, int(timeout_s * 1000)),
    }
    base, hash_mark, fragment = dsn.partition("#")
    address, _, query = base.partition("?")
    given = [part for part in query.split("&") if part]
    named = {part.partition("=")[0] for part in given}
    added = [f"{name}={value}" for name, value in settings.items() if name not in named]
    return f"{address}?{'&'.join([*given, *added])}{hash_mark}{fragment}"
