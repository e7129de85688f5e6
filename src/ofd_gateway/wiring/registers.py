"""The registers' side: sockets, group commit, quarantine."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

import structlog

from ofd_gateway.crypto import EmulatorCrypto
from ofd_gateway.disposal import Disposal
from ofd_gateway.intake import (
    SPARE_FILES,
    Batcher,
    Faults,
    IntakeServer,
    Limits,
    QuarantineWriter,
    Reader,
    TrustedBalancers,
)
from ofd_gateway.keys import load_or_create_key
from ofd_gateway.ledger import Ledger
from ofd_gateway.open_files import raise_limit
from ofd_gateway.storage import (
    Database,
    DocumentStore,
    Outboxes,
    Watching,
)

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Coroutine

    from ofd_gateway.clock import Clock
    from ofd_gateway.metrics import Metrics
    from ofd_gateway.settings import Settings

__all__ = ["RegistersSide", "serve_registers"]


class RegistersSide(NamedTuple):
    """The registers' side, once it serves: how it is drained and how it is ended."""

    drain: Callable[[float], Coroutine[None, None, None]]
    end: Callable[[], Coroutine[None, None, None]]


async def serve_registers(
    settings: Settings,
    database: Database,
    sock: socket.socket,
    watching: Watching,
    *,
    faults: Faults | None,
    metrics: Metrics,
    clock: Clock,
    tasks: asyncio.TaskGroup,
    on_committed: Callable[[], None] | None = None,
    disposal: Disposal | None = None,
) -> RegistersSide:
    """Starts the registers' side; it is ended with the answers in hand still going out."""
    limits = _limits(settings)
    crypto = EmulatorCrypto(load_or_create_key(settings.state_dir))
    if faults is not None:
        await faults.refresh()
    policy = settings.ffd.policy()
    outboxes = Outboxes(fns=bool(settings.fns.url), buyers=settings.buyers_on)
    store_timeout_s = settings.intake.store_timeout.total_seconds()
    store = DocumentStore(database, statement_timeout_s=store_timeout_s, watching=watching, outboxes=outboxes)
    batcher = Batcher(
        store,
        Ledger(crypto, policy),
        clock,
        metrics,
        store_timeout_s=store_timeout_s,
        on_committed=on_committed,
    )
    quarantine = QuarantineWriter(store, metrics)
    intake = IntakeServer(
        batcher=batcher,
        quarantine=quarantine,
        reader=Reader(crypto, policy),
        crypto=crypto,
        clock=clock,
        metrics=metrics,
        limits=limits,
        operator_inn=settings.ofd.inn,
        answer_unreadable=settings.intake.undecodable == "code11",
        inventory=store if settings.intake.accept == "known" else None,
        balancers=TrustedBalancers(settings.intake.proxy_trusted) if settings.intake.proxy_protocol == "v2" else None,
        faults=faults,
    )
    writers = [tasks.create_task(batcher.run()), tasks.create_task(quarantine.run())]
    freshness = tasks.create_task(faults.keep_fresh()) if faults is not None else None
    await intake.start(sock)
    if disposal is not None:
        disposal.registers = intake

    async def end() -> None:
        await intake.stop()
        if freshness is not None:
            freshness.cancel()
        batcher.stop()
        quarantine.stop()
        await asyncio.wait(writers)
        await store.close()

    return RegistersSide(intake.drain, end)


def _limits(settings: Settings) -> Limits:
    intake = settings.intake
    needed = intake.max_connections + SPARE_FILES
    open_files = raise_limit(needed)
    if open_files is not None and open_files < needed:
        structlog.get_logger().warning(
            "open_files.few", open_files=open_files, max_connections=intake.max_connections, needed=needed
        )
    return Limits(
        max_connections=intake.max_connections,
        open_files=open_files,
        max_connections_per_fn=intake.max_connections_per_fn,
        max_message_bytes=intake.max_message_bytes,
        message_timeout_s=intake.message_timeout.total_seconds(),
        idle_timeout_s=intake.idle_timeout.total_seconds(),
        write_timeout_s=intake.write_timeout.total_seconds(),
        store_timeout_s=intake.store_timeout.total_seconds(),
    )
