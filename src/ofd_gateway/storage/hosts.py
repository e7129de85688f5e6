"""Which server: the first of the hosts in a URI that answers and is what the URI asks for."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import asyncpg

if TYPE_CHECKING:
    _Connection = asyncpg.Connection[asyncpg.Record]

__all__ = ["CONNECTION_ERRORS", "connect", "one_by_one"]

CONNECTION_ERRORS: Final = (
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    TimeoutError,
)
"""Everything that a statement on a live or dying connection raises.

The driver calls it an internal error when the server has just said that it closes the connection.
"""

_HEAD_START_S: Final = 0.3
"""How long a host may be silent before the next one is asked as well."""
_WRITER: Final = "read-write"
_ATTRIBUTES: Final = "target_session_attrs"


async def connect(dsn: str, *, timeout: float, **options: Any) -> _Connection:  # noqa: ASYNC109  the driver's own name, because a pool calls this in its place
    """A connection within `timeout` seconds; `options` are those of the driver.

    Of several hosts the first one that takes writes is used, unless the URI has a `target_session_attrs` of its own.
    The driver asks them one after another, so that a machine without power would use up the time of all; here the next
    one is asked as soon as the one before has failed or has been silent for a moment.

    Raises:
        OSError: none of several hosts will do; says of each one why.
        ValueError: the URI cannot be read.
        Exception: with one host whatever the driver raises, see `CONNECTION_ERRORS`.
    """
    candidates = one_by_one(dsn)
    if len(candidates) == 1:
        return await _connect_one(dsn, timeout, options)
    async with asyncio.timeout(timeout):
        return await _first(candidates, timeout, options)


def one_by_one(dsn: str) -> dict[str, str]:
    """The URI of each host by its name and port, in the order in which they are named; the URI itself if there is one.

    Hosts stand where libpq wants them: `postgresql://user@a:5432,b:5433/name` or `postgresql:///name?host=a,b&port=5432`.

    Raises:
        ValueError: there are more ports than one and not as many as hosts.
    """
    parts = urlsplit(dsn)
    user, at, network = parts.netloc.rpartition("@")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    hosts, ports = _places(network)
    if "host" in query:
        hosts, ports = query["host"].split(","), []
    if query.get("port"):
        ports = query["port"].split(",")
    if len(hosts) < 2:
        return {"": dsn}
    if len(ports) == 1:
        ports *= len(hosts)
    if ports and len(ports) != len(hosts):
        raise ValueError(f"{len(hosts)} hosts and {len(ports)} ports")
    query.setdefault(_ATTRIBUTES, _WRITER)
    found = {}
    for host, port in zip(hosts, ports or [""] * len(hosts), strict=True):
        place = {"host": host, **({"port": port} if port else {})}
        rest = urlencode({**query, **place}, quote_via=quote)
        found[f"{host}:{port}" if port else host] = f"{parts.scheme}://{user}{at}{parts.path}?{rest}"
    return found


def _places(network: str) -> tuple[list[str], list[str]]:
    hosts, ports = [], []
    for place in network.split(",") if network else []:
        host, _, port = place.rpartition(":") if not place.endswith("]") and ":" in place else (place, "", "")
        hosts.append(unquote(host.removeprefix("[").removesuffix("]")))
        ports.append(port)
    return hosts, [port or "5432" for port in ports] if any(ports) else []


async def _first(candidates: dict[str, str], timeout_s: float, options: dict[str, Any]) -> _Connection:
    waiting = list(candidates.items())
    names: dict[asyncio.Task[_Connection], str] = {}
    failures: dict[str, BaseException] = {}
    try:
        while len(failures) < len(candidates):
            if waiting:
                name, dsn = waiting.pop(0)
                names[asyncio.create_task(_connect_one(dsn, timeout_s, options))] = name
            done, _ = await asyncio.wait(
                names, timeout=_HEAD_START_S if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            for task in sorted(done, key=list(names).index):
                name = names.pop(task)
                try:
                    return task.result()
                except CONNECTION_ERRORS as error:
                    failures[name] = error
    finally:
        await _let_go(list(names))
    raise ConnectionError("; ".join(f"{name}: {_reason(failures[name])}" for name in candidates))


async def _connect_one(dsn: str, timeout_s: float, options: dict[str, Any]) -> _Connection:
    connection: _Connection = await asyncpg.connect(dsn, timeout=timeout_s, **options)
    return connection


async def _let_go(tasks: list[asyncio.Task[_Connection]]) -> None:
    """Whoever is still on the way is called back, and whoever has arrived as well is closed."""
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if not isinstance(outcome, BaseException):
            with contextlib.suppress(*CONNECTION_ERRORS):
                outcome.terminate()


def _reason(error: BaseException) -> str:
    if isinstance(error, asyncpg.TargetServerAttributeNotMatched):
        return "takes no writes"
    return str(error) or type(error).__name__
