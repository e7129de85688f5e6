"""The only wiring: one straight function in which every resource registers its teardown when it is born."""

from __future__ import annotations

import asyncio
import functools
import os
import tempfile
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import structlog

from ofd_gateway.alerts.deadlines import Deadlines
from ofd_gateway.alerts.reporting import AlertReporter
from ofd_gateway.clock import SystemClock
from ofd_gateway.crypto import EmulatorCrypto
from ofd_gateway.disposal import Disposal
from ofd_gateway.errors import OfdGatewayError
from ofd_gateway.intake import Faults
from ofd_gateway.keys import load_or_create_key
from ofd_gateway.logs import configure_logs
from ofd_gateway.loops import loop_factory
from ofd_gateway.signals import ServiceSignals, WorkerSignals, wait_for_either
from ofd_gateway.sockets import address_text, bind_socket
from ofd_gateway.storage import (
    CONNECTION_ERRORS,
    Database,
    DatabaseError,
    DeadlineStore,
    Directory,
    EmbeddedPostgres,
    FaultBook,
    Feed,
    ServiceRuns,
    Watching,
    masked_dsn,
    migrate,
    with_peer_timeout,
)
from ofd_gateway.systemd import ServiceManager
from ofd_gateway.web import (
    Arrivals,
    HttpServer,
    health_app,
    is_loopback,
)
from ofd_gateway.wiring.awaited import awaited_database
from ofd_gateway.wiring.legs import make_buyers, make_exporter
from ofd_gateway.wiring.letters import make_mailer
from ofd_gateway.wiring.pages import api, receipt_pages
from ofd_gateway.wiring.process import make_clock, share_clock, spare_the_collector
from ofd_gateway.wiring.readiness import Readiness
from ofd_gateway.wiring.registers import serve_registers
from ofd_gateway.workers import WorkerCrashLoop, WorkerPool

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Coroutine

    from ofd_gateway.clock import Clock
    from ofd_gateway.metrics import Metrics
    from ofd_gateway.settings import Settings

__all__ = [
    "EXIT_CONFIGURATION",
    "EXIT_CRASHED",
    "EXIT_DATABASE",
    "EXIT_STOPPED",
    "run_gateway",
    "run_worker",
    "serve",
    "serve_worker",
]

EXIT_STOPPED = 0
EXIT_CRASHED = 1
EXIT_CONFIGURATION = 2
EXIT_DATABASE = 3

_PRIVATE = 0o077
_BUYER_CONNECTIONS = 6
"""For planning, the lock of the sender of messages, and what is noted beside them."""


def serve(settings: Settings) -> int:
    """Serves until SIGTERM or SIGINT and returns the exit code: 0 stopped, 1 crashed, 2 configuration, 3 database.

    Whatever it writes is for its own user alone (umask 077), its workers and the built-in database included.
    """
    os.umask(_PRIVATE)
    settings = settings.anchored(SystemClock().now())
    if settings.workers == 1:
        return _run(settings, functools.partial(_serve_here, settings))
    with tempfile.TemporaryDirectory(prefix="ofd-gateway-metrics-") as directory:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = directory
        return _run(settings, functools.partial(_serve_here, settings))


def _run(settings: Settings, work: Callable[[Metrics], Coroutine[None, None, None]]) -> int:
    from ofd_gateway.metrics import Metrics

    metrics = Metrics()
    spare_the_collector()
    stream = configure_logs(
        level=settings.logs.level, log_format=settings.logs.format, on_drop=metrics.log_lines_dropped.inc
    )
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(work(metrics))
    except Exception as error:  # noqa: BLE001  the last resort of the service: what ended it is logged, and the exit code tells
        return _report(error)
    finally:
        stream.close()
    return EXIT_STOPPED


def serve_worker(settings: Settings, *, dsn: str, sock: socket.socket, on_ready: Callable[[], object]) -> int:
    """Serves as one of several workers until SIGTERM and returns the exit code."""

    async def work(metrics: Metrics) -> None:
        await run_worker(
            settings,
            dsn=dsn,
            sock=sock,
            metrics=metrics,
            clock=make_clock(settings),
            signals=WorkerSignals(),
            on_ready=on_ready,
        )

    return _run(settings, work)


async def _serve_here(settings: Settings, metrics: Metrics) -> None:
    signals = ServiceSignals()
    await run_gateway(settings, metrics=metrics, clock=make_clock(settings), stop=signals.stop, replace=signals.replace)


async def run_gateway(
    settings: Settings,
    *,
    metrics: Metrics,
    clock: Clock,
    stop: asyncio.Event,
    replace: asyncio.Event | None = None,
    on_ready: Callable[[str, str, str], None] | None = None,
) -> None:
    """Runs one gateway until `stop` is set; then finishes what is in hand and returns.

    Each time `replace` is set, the workers are replaced. `on_ready` hears the addresses of the registers' side and of
    HTTP, and the database's URI. With several workers the registers are served by children, and this process keeps
    the database, HTTP and the children.
    """
    log = structlog.get_logger()
    manager = ServiceManager.from_environment()
    replace = replace or asyncio.Event()
    settings.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        sockets = [bind_socket(settings.listen.host, settings.listen.port, reuse_port=settings.workers > 1)]
        stack.callback(sockets[0].close)
        for _ in range(settings.workers - 1):
            sockets.append(bind_socket(settings.listen.host, sockets[0].getsockname()[1], reuse_port=True))
            stack.callback(sockets[-1].close)
        http_socket = bind_socket(settings.http.host, settings.http.port)
        stack.callback(http_socket.close)
        load_or_create_key(settings.state_dir)
        share_clock(settings)

        embedded: EmbeddedPostgres | None = None
        shown_dsn = settings.database
        if shown_dsn == "embedded":
            embedded = EmbeddedPostgres(settings.state_dir, on_restart=metrics.database_restarts.inc)
            shown_dsn = await embedded.start()
            stack.push_async_callback(embedded.stop)
        for name in await migrate(shown_dsn):
            log.info("database.migrated", migration=name)
        dsn = shown_dsn
        if embedded is None:
            dsn = with_peer_timeout(dsn, settings.database_peer_timeout.total_seconds())
        database = await Database.connect(dsn)
        stack.push_async_callback(database.close)
        if await Feed(database).begin():
            log.info("stream.era_began")
        configured = settings.faults.parsed() if settings.faults.enabled else None
        await FaultBook(database).switch(configured, clock.now())
        runs = ServiceRuns(database)
        await runs.start(clock.now())
        metrics.database_up.set(1)
        directory = await _directory(settings, database)
        async with database.reading() as connection:
            await directory.take_over(connection, clock.now())
        outbox = await Database.connect(
            dsn, application_name="ofd-gateway letters", pool_size=settings.smtp.parallel + 1
        )
        stack.push_async_callback(outbox.close)
        mailer = make_mailer(settings, outbox, directory, metrics=metrics, clock=clock)
        reporter = AlertReporter(metrics, on_news=mailer.wake)
        deadlines = Deadlines(
            DeadlineStore(database, directory, settings.alerts.incidents(), reporter), clock, CONNECTION_ERRORS
        )
        kept_busy = settings.smtp.parallel if settings.buyers_by_email else 0
        desk = await Database.connect(
            dsn, application_name="ofd-gateway buyers", pool_size=kept_busy + _BUYER_CONNECTIONS
        )
        stack.push_async_callback(desk.close)
        buyers = make_buyers(settings, desk, directory, reporter, http_socket, metrics=metrics, clock=clock)
        exporter = await make_exporter(
            settings, database, directory, reporter, metrics=metrics, clock=clock, stack=stack
        )
        readiness = Readiness(database, metrics.database_is_up)
        stack.callback(readiness.close)
        shown = await Database.connect(dsn, application_name="ofd-gateway web")
        stack.push_async_callback(shown.close)
        crypto = EmulatorCrypto(load_or_create_key(settings.state_dir))
        faults = Faults(FaultBook(database), crypto, clock, metrics) if settings.faults.enabled else None
        disposal = Disposal(database, directory, faults, clock, configured=configured) if settings.disposable else None
        arrivals = Arrivals(Feed(shown), max_waiters=settings.web.max_waiters, max_streams=settings.web.max_streams)
        on_loopback = is_loopback(http_socket.getsockname()[0])
        routes = [
            *receipt_pages(settings, shown, metrics).routes(),
            *api(settings, shown, directory, arrivals, faults, disposal, clock, on_loopback=on_loopback),
        ]
        http = HttpServer(health_app(metrics=metrics, check_ready=readiness, routes=routes), http_socket)

        async with asyncio.TaskGroup() as tasks:
            endless = [
                tasks.create_task(runs.beat(clock)),
                tasks.create_task(directory.keep_fresh(database, clock)),
                tasks.create_task(deadlines.run()),
                tasks.create_task(mailer.run()),
                tasks.create_task(arrivals.run()),
                tasks.create_task(buyers.run()),
            ]
            if exporter is not None:
                endless.append(tasks.create_task(exporter.run()))
            if embedded is not None:
                endless.append(tasks.create_task(embedded.watch()))
            tasks.create_task(http.run())
            await http.wait_started()
            if settings.workers > 1:
                pool = WorkerPool(
                    sockets,
                    settings=settings.model_dump_json().encode(),
                    dsn=dsn,
                    metrics=metrics,
                    drain_timeout_s=settings.intake.drain_timeout.total_seconds(),
                )
                stack.push_async_callback(pool.stop)
                await pool.start()
                endless.append(tasks.create_task(pool.watch()))
                endless.append(tasks.create_task(pool.replace_whenever(replace)))
                end_registers = pool.stop
            else:
                watching = Watching(directory, reporter)
                registers = await serve_registers(
                    settings,
                    database,
                    sockets[0],
                    watching,
                    faults=faults,
                    metrics=metrics,
                    clock=clock,
                    tasks=tasks,
                    on_committed=arrivals.hint,
                    disposal=disposal,
                )
                endless.append(tasks.create_task(_decline_whenever(replace)))
                end_registers = registers.end
            addresses = address_text(sockets[0]), address_text(http_socket), masked_dsn(shown_dsn)
            log.info("gateway.ready", ofd=addresses[0], http=addresses[1], database=addresses[2], pid=os.getpid())
            manager.ready(f"приём / serving {addresses[0]}")
            endless.append(tasks.create_task(manager.keep_alive()))
            if on_ready is not None:
                on_ready(*addresses)
            await stop.wait()

            log.info("gateway.stopping")
            manager.stopping()
            await end_registers()
            arrivals.close()
            http.stop()
            for task in endless:
                task.cancel()
        await runs.stop(clock.now())
    log.info("gateway.stopped")


async def run_worker(
    settings: Settings,
    *,
    dsn: str,
    sock: socket.socket,
    metrics: Metrics,
    clock: Clock,
    signals: WorkerSignals,
    on_ready: Callable[[], object],
) -> None:
    """Serves registers on a socket that the supervisor has bound, until it is to stop or to drain."""
    async with AsyncExitStack() as stack:
        database = await awaited_database(dsn, signals.stop)
        stack.push_async_callback(database.close)
        directory = await _directory(settings, database)
        watching = Watching(directory, AlertReporter(metrics))
        crypto = EmulatorCrypto(load_or_create_key(settings.state_dir))
        faults = Faults(FaultBook(database), crypto, clock, metrics) if settings.faults.enabled else None
        async with asyncio.TaskGroup() as tasks:
            freshness = tasks.create_task(directory.keep_fresh(database, clock))
            registers = await serve_registers(
                settings, database, sock, watching, faults=faults, metrics=metrics, clock=clock, tasks=tasks
            )
            on_ready()
            await wait_for_either(signals.stop.wait(), signals.drain.wait())
            if not signals.stop.is_set():
                drained = registers.drain(settings.intake.drain_timeout.total_seconds())
                await wait_for_either(signals.stop.wait(), drained)
            await registers.end()
            freshness.cancel()


async def _decline_whenever(asked: asyncio.Event) -> None:
    """One process cannot be replaced without a break in service, so it is not."""
    while True:
        await asked.wait()
        asked.clear()
        structlog.get_logger().warning("gateway.replacement_declined", reason="workers is 1")


async def _directory(settings: Settings, database: Database) -> Directory:
    directory = Directory(settings.alerts.parameters(), settings.alerts.notices())
    async with database.reading() as connection:
        await directory.refresh(connection)
    return directory


def _report(error: BaseException) -> int:
    log = structlog.get_logger()
    first = error
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    match first:
        case WorkerCrashLoop():
            log.error("gateway.crashed", reason=str(first))
            return EXIT_CRASHED
        case DatabaseError():
            log.error("gateway.failed", reason=str(first))
            return EXIT_DATABASE
        case OfdGatewayError():
            log.error("gateway.failed", reason=str(first))
            return EXIT_CONFIGURATION
        case _:
            log.error("gateway.crashed", exc_info=error)
            return EXIT_CRASHED
