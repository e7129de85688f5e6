"""The listening socket, the limits over all connections, and the graceful stop."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import secrets
from collections import defaultdict
from typing import TYPE_CHECKING, Protocol

import structlog

from ofd_gateway.intake.connection import RegisterConnection
from ofd_gateway.intake.refusals import Refusals
from ofd_gateway.intake.turns import Turns

if TYPE_CHECKING:
    import socket

    from ofd_gateway.clock import Clock
    from ofd_gateway.crypto import CryptoModule
    from ofd_gateway.intake.batcher import Batcher
    from ofd_gateway.intake.faults import Faults
    from ofd_gateway.intake.limits import Limits
    from ofd_gateway.intake.proxies import TrustedBalancers
    from ofd_gateway.intake.quarantine import QuarantineWriter
    from ofd_gateway.intake.reading import Reader
    from ofd_gateway.ledger import Arrival
    from ofd_gateway.metrics import Metrics

__all__ = ["IntakeServer", "Inventory"]

_KNOWN_FNS_KEPT = 100_000


class Inventory(Protocol):
    """Who may send, when only known FNs are accepted."""

    async def is_known(self, fn: str, registration_number: str | None) -> bool:
        """Whether this FN, or the register that its document names, is in the inventory."""
        ...


class IntakeServer:
    """Takes registers' connections and holds what they share."""

    def __init__(
        self,
        *,
        batcher: Batcher,
        quarantine: QuarantineWriter,
        reader: Reader,
        crypto: CryptoModule,
        clock: Clock,
        metrics: Metrics,
        limits: Limits,
        operator_inn: str,
        answer_unreadable: bool = False,
        inventory: Inventory | None = None,
        balancers: TrustedBalancers | None = None,
        faults: Faults | None = None,
    ) -> None:
        self.batcher = batcher
        self.quarantine = quarantine
        self.reader = reader
        self.crypto = crypto
        self.clock = clock
        self.metrics = metrics
        self.limits = limits
        self.operator_inn = operator_inn
        self.answer_unreadable = answer_unreadable
        self.balancers = balancers
        self.faults = faults
        self.loop = asyncio.get_running_loop()
        self.turns = Turns()
        self._inventory = inventory
        self._known: dict[str, None] = {}
        self._questions: set[asyncio.Task[None]] = set()
        self._connections: set[RegisterConnection] = set()
        self._by_fn: defaultdict[str, list[RegisterConnection]] = defaultdict(list)
        self._ids = itertools.count(1)
        self._id_prefix = secrets.token_hex(3)
        self._server: asyncio.Server | None = None
        self._stopping = False
        self._emptied = asyncio.Event()
        self._refusals = Refusals(metrics)
        self._first_spare_file = limits.first_spare_file
        self._log = structlog.get_logger()

    async def start(self, sock: socket.socket) -> None:
        """Listens on a bound socket, which the server owns from now on."""
        self._server = await self.loop.create_server(self._new_connection, sock=sock, backlog=4096)

    async def drain(self, timeout_s: float) -> None:
        """Takes no more connections and serves those there are until they have ended, for `timeout_s` at most."""
        if self._server is not None:
            self._server.close()
        self._emptied.clear()
        if self._connections:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self._emptied.wait()

    async def stop(self) -> None:
        """Takes no more connections, lets answers in flight go out, and closes the rest; bounded in time."""
        self._stopping = True
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.stop()
        deadline = self.loop.time() + self.limits.stop_timeout_s
        while self._connections and self.loop.time() < deadline:  # noqa: ASYNC110  bounded, and only at the end
            await asyncio.sleep(0.01)
        for connection in list(self._connections):
            connection.abort()
        if self.faults is not None:
            await self.faults.stop()
        for question in list(self._questions):
            question.cancel()
        self._refusals.close()

    async def clear(self) -> None:
        """Drops every connection, lets what was in hand end, and knows no FN any more; goes on listening."""
        for connection in list(self._connections):
            connection.abort()
        if self.faults is not None:
            await self.faults.stop()
        for question in list(self._questions):
            question.cancel()
        await self.batcher.wait_idle()
        await self.quarantine.wait_idle()
        self._known.clear()

    @property
    def connection_count(self) -> int:
        """Connections open now."""
        return len(self._connections)

    def admit(self, connection: RegisterConnection) -> bool:
        """Counts a new connection in, unless the gateway is full or stopping.

        A connection gets the lowest free descriptor: one of those to spare says that all below are taken.
        """
        if self._stopping or len(self._connections) >= self.limits.max_connections:
            self._refusals.note("max_connections", connection.peer)
            return False
        if self._first_spare_file is not None and connection.descriptor >= self._first_spare_file:
            self._refusals.note("open_files", connection.peer)
            return False
        self._connections.add(connection)
        self.metrics.connections_opened.inc()
        self.metrics.connections.set(len(self._connections))
        return True

    def identify(self, connection: RegisterConnection, fn: str) -> bool:
        """Counts the connection under its FN; the oldest idle one of that FN gives way when there are too many.

        A register whose link broke leaves connections behind that look alive, so the newest one wins. Only when all
        the others have a message in hand is the new one refused.
        """
        if connection.fn == fn:
            return True
        if connection.fn is not None:
            self._leave_fn(connection)
        others = self._by_fn[fn]
        if len(others) >= self.limits.max_connections_per_fn:
            idle = next((other for other in others if not other.is_busy), None)
            self.metrics.connections_refused.labels("max_connections_per_fn").inc()
            self._log.warning(
                "connection.refused",
                limit="max_connections_per_fn",
                fn=fn,
                peer=connection.peer if idle is None else idle.peer,
            )
            if idle is None:
                return False
            idle.abort()
            self._leave_fn(idle)
            others = self._by_fn[fn]
        others.append(connection)
        connection.fn = fn
        return True

    def forget(self, connection: RegisterConnection) -> None:
        """Counts a closed connection out."""
        self._leave_fn(connection)
        if connection in self._connections:
            self._connections.discard(connection)
            self.metrics.connections.set(len(self._connections))
            if not self._connections:
                self._emptied.set()

    def is_known(self, fn: str) -> bool:
        """Whether the FN may send, as far as that can be said without asking the inventory."""
        return self._inventory is None or fn in self._known

    def ask_whether_known(self, connection: RegisterConnection, arrival: Arrival) -> None:
        """Asks the inventory and lets the connection go on with the answer."""
        question = self.loop.create_task(self._ask(connection, arrival))
        self._questions.add(question)
        question.add_done_callback(self._questions.discard)

    async def _ask(self, connection: RegisterConnection, arrival: Arrival) -> None:
        assert self._inventory is not None  # noqa: S101  asked only when there is one
        fn = arrival.container.fn
        try:
            known = await self._inventory.is_known(fn, arrival.document.registration_number)
        except Exception as error:  # noqa: BLE001  whatever the database did, the register is not confirmed and sends again
            self._log.error("inventory.failed", fn=fn, reason=str(error))
            connection.unstored("not_committed")
            return
        if known:
            if len(self._known) >= _KNOWN_FNS_KEPT:
                self._known.pop(next(iter(self._known)))
            self._known[fn] = None
        connection.admitted(arrival, known=known)

    def _leave_fn(self, connection: RegisterConnection) -> None:
        fn, connection.fn = connection.fn, None
        if fn is None:
            return
        others = self._by_fn[fn]
        others.remove(connection)
        if not others:
            del self._by_fn[fn]

    def _new_connection(self) -> RegisterConnection:
        return RegisterConnection(self, f"{self._id_prefix}-{next(self._ids)}")
