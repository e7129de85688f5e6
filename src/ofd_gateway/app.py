"""The only wiring: one straight function in which every resource registers its teardown when it is born."""

from __future__ import annotations

import asyncio
import functools
import gc
import os
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import structlog

from ofd_gateway.alerts.deadlines import Deadlines
from ofd_gateway.alerts.letters import Composer
from ofd_gateway.alerts.mailer import Mailer
from ofd_gateway.alerts.reporting import AlertReporter
from ofd_gateway.clock import SystemClock, VirtualClock, forget_clock, leave_clock
from ofd_gateway.crypto import EmulatorCrypto
from ofd_gateway.disposal import Disposal
from ofd_gateway.errors import OfdGatewayError
from ofd_gateway.intake import Batcher, Faults, IntakeServer, Limits, QuarantineWriter, Reader, TrustedBalancers
from ofd_gateway.keys import load_or_create_key
from ofd_gateway.ledger import Ledger
from ofd_gateway.logs import configure_logs
from ofd_gateway.mail import Maildir, SmtpServer
from ofd_gateway.signals import ServiceSignals, WorkerSignals, wait_for_either
from ofd_gateway.sockets import address_text, bind_socket
from ofd_gateway.storage import (
    CONNECTION_ERRORS,
    BuyerArchive,
    BuyerErasure,
    BuyerMailStore,
    BuyerQueue,
    Database,
    DatabaseError,
    DeadlineStore,
    Directory,
    DocumentStore,
    EmbeddedPostgres,
    FaultBook,
    Feed,
    FnsEndpoint,
    FnsOutbox,
    LetterPlanner,
    LetterStore,
    OperatorRecipient,
    Outboxes,
    ReceiptStore,
    RegisterBook,
    ServiceRuns,
    SmsStore,
    Watching,
    masked_dsn,
    migrate,
)
from ofd_gateway.storage.alerts import AlertBook
from ofd_gateway.systemd import ServiceManager
from ofd_gateway.web import (
    Arrivals,
    DataRoutes,
    DocumentRoutes,
    FaultRoutes,
    HttpServer,
    RateLimiter,
    ReceiptPages,
    RegisterRoutes,
    StreamRoutes,
    TrustedProxies,
    api_routes,
    health_app,
    is_loopback,
)
from ofd_gateway.workers import WorkerCrashLoop, WorkerPool

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable, Coroutine

    from starlette.routing import Mount

    from ofd_gateway.alerts.fns_delay import DelayParameters
    from ofd_gateway.alerts.mailer import Transport
    from ofd_gateway.buyers.service import BuyerService
    from ofd_gateway.buyers.smpp.session import OnMessage, SmppSession
    from ofd_gateway.clock import Clock
    from ofd_gateway.fns.exporter import Exporter
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

_READY_TIMEOUT_S = 2.0
_PRIVATE = 0o077
_PROMPT_S = 5.0
"""Real seconds within which a document has gone on, if nothing is wrong."""
_BUYER_CONNECTIONS = 6
"""For planning, the lock of the sender of messages, and what is noted beside them."""
_GC_THRESHOLDS = (50_000, 20, 20)


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
    _spare_the_collector()
    stream = configure_logs(
        level=settings.logs.level, log_format=settings.logs.format, on_drop=metrics.log_lines_dropped.inc
    )
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(work(metrics))
    except Exception as error:  # noqa: BLE001  the last resort of the service: what ended it is logged, and the exit code tells
        return _report(error)
    finally:
        stream.close()
    return EXIT_STOPPED


def _spare_the_collector() -> None:
    """Cycles are looked for less often: a document is a hundred objects that all go at once, and what is here stays."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)


def serve_worker(settings: Settings, *, dsn: str, sock: socket.socket, on_ready: Callable[[], object]) -> int:
    """Serves as one of several workers until SIGTERM and returns the exit code."""

    async def work(metrics: Metrics) -> None:
        await run_worker(
            settings,
            dsn=dsn,
            sock=sock,
            metrics=metrics,
            clock=_clock(settings),
            signals=WorkerSignals(),
            on_ready=on_ready,
        )

    return _run(settings, work)


async def _serve_here(settings: Settings, metrics: Metrics) -> None:
    signals = ServiceSignals()
    await run_gateway(settings, metrics=metrics, clock=_clock(settings), stop=signals.stop, replace=signals.replace)


def _clock(settings: Settings) -> Clock:
    setting = settings.clock.setting()
    return SystemClock() if setting is None else VirtualClock(setting)


def _share_clock(settings: Settings) -> None:
    """Says that time is not real, and leaves the clock to the commands that use the same state directory."""
    setting = settings.clock.setting()
    if setting is None:
        forget_clock(settings.state_dir)
        return
    leave_clock(settings.state_dir, setting)
    structlog.get_logger().warning(
        "clock.virtual", start=setting.start.isoformat(), rate=setting.rate, anchor=setting.anchor.isoformat()
    )


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
        _share_clock(settings)

        embedded: EmbeddedPostgres | None = None
        dsn = settings.database
        if dsn == "embedded":
            embedded = EmbeddedPostgres(settings.state_dir, on_restart=metrics.database_restarts.inc)
            dsn = await embedded.start()
            stack.push_async_callback(embedded.stop)
        for name in await migrate(dsn):
            log.info("database.migrated", migration=name)
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
        mailer = _mailer(settings, outbox, directory, metrics=metrics, clock=clock)
        reporter = AlertReporter(metrics, on_news=mailer.wake)
        deadlines = Deadlines(
            DeadlineStore(database, directory, settings.alerts.incidents(), reporter), clock, CONNECTION_ERRORS
        )
        kept_busy = settings.smtp.parallel if settings.buyers_by_email else 0
        desk = await Database.connect(
            dsn, application_name="ofd-gateway buyers", pool_size=kept_busy + _BUYER_CONNECTIONS
        )
        stack.push_async_callback(desk.close)
        buyers = _buyers(settings, desk, directory, reporter, http_socket, metrics=metrics, clock=clock)
        exporter = await _exporter(settings, dsn, directory, reporter, metrics=metrics, clock=clock, stack=stack)
        readiness = _Readiness(database)
        stack.callback(readiness.close)
        shown = await Database.connect(dsn, application_name="ofd-gateway web")
        stack.push_async_callback(shown.close)
        crypto = EmulatorCrypto(load_or_create_key(settings.state_dir))
        faults = Faults(FaultBook(database), crypto, clock, metrics) if settings.faults.enabled else None
        disposal = Disposal(database, directory, faults, clock, configured=configured) if settings.disposable else None
        arrivals = Arrivals(Feed(shown), max_waiters=settings.web.max_waiters, max_streams=settings.web.max_streams)
        on_loopback = is_loopback(http_socket.getsockname()[0])
        routes = [
            *_receipt_pages(settings, shown, metrics).routes(),
            *_api(settings, shown, directory, arrivals, faults, disposal, clock, on_loopback=on_loopback),
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
                registers = await _serve_registers(
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
            addresses = address_text(sockets[0]), address_text(http_socket), masked_dsn(dsn)
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
        database = await Database.connect(dsn, application_name="ofd-gateway worker", pool_size=2)
        stack.push_async_callback(database.close)
        directory = await _directory(settings, database)
        watching = Watching(directory, AlertReporter(metrics))
        crypto = EmulatorCrypto(load_or_create_key(settings.state_dir))
        faults = Faults(FaultBook(database), crypto, clock, metrics) if settings.faults.enabled else None
        async with asyncio.TaskGroup() as tasks:
            freshness = tasks.create_task(directory.keep_fresh(database, clock))
            registers = await _serve_registers(
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


class _Registers(NamedTuple):
    """The registers' side, once it serves: how it is drained and how it is ended."""

    drain: Callable[[float], Coroutine[None, None, None]]
    end: Callable[[], Coroutine[None, None, None]]


def _mailer(settings: Settings, database: Database, directory: Directory, *, metrics: Metrics, clock: Clock) -> Mailer:
    smtp, alerts = settings.smtp, settings.alerts
    planner = LetterPlanner(
        database,
        Composer(operator_name=settings.ofd.name, register_timezone=alerts.timezone, remedies=settings.fns.remedies),
        sender=smtp.sender,
        operator=OperatorRecipient(
            emails=tuple(alerts.operator_emails), name=settings.ofd.name, timezone=alerts.timezone
        ),
        notices=directory.notices,
        incident=alerts.incidents(),
    )
    return Mailer(
        planner,
        LetterStore(database, directory.notices),
        _mail_transport(settings),
        clock,
        metrics,
        sender=smtp.sender,
        retry=smtp.retry(),
        parallel=smtp.parallel,
    )


async def _exporter(
    settings: Settings,
    dsn: str,
    directory: Directory,
    reporter: AlertReporter,
    *,
    metrics: Metrics,
    clock: Clock,
    stack: AsyncExitStack,
) -> Exporter | None:
    """The leg to the tax service with a pool and connections of its own, closed with `stack`; None when it is off."""
    fns = settings.fns
    if not fns.url:
        return None
    from ofd_gateway.fns.exporter import LONGEST_RETRY_AFTER, Exporter
    from ofd_gateway.fns.http import HttpTransport
    from ofd_gateway.fns.rendering import Renderer
    from ofd_gateway.fns.reporter import FnsReporter

    database = await Database.connect(dsn, application_name="ofd-gateway fns", pool_size=fns.parallel + 2)
    stack.push_async_callback(database.close)
    transport = HttpTransport(
        fns.url, clock, token=fns.token, timeout_s=fns.timeout.total_seconds(), parallel=fns.parallel
    )
    stack.push_async_callback(transport.close)
    return Exporter(
        FnsOutbox(
            database,
            directory,
            reporter,
            batch=fns.batch,
            longest_pause=max(fns.retry_max, LONGEST_RETRY_AFTER),
        ),
        FnsEndpoint(database, directory, reporter, _patient(settings.alerts.fns_delay(), clock)),
        transport,
        Renderer(EmulatorCrypto(load_or_create_key(settings.state_dir))),
        clock,
        FnsReporter(metrics),
        parameters=fns.dispatch(),
        parallel=fns.parallel,
    )


def _api(
    settings: Settings,
    database: Database,
    directory: Directory,
    arrivals: Arrivals,
    faults: Faults | None,
    disposal: Disposal | None,
    clock: Clock,
    *,
    on_loopback: bool,
) -> list[Mount]:
    """The HTTP API. Faults of other processes' registers are noticed by these processes themselves."""
    names = settings.ffd.names
    documents = DocumentRoutes(DocumentStore(database), arrivals, clock, names)
    stream = StreamRoutes(Feed(database), arrivals, names)
    registers = RegisterRoutes(RegisterBook(database), AlertBook(database), directory, clock)
    on_change = faults.refresh if faults is not None and settings.workers == 1 else None
    spoiling = FaultRoutes(FaultBook(database), clock, on_change)
    data = DataRoutes(disposal.forget if disposal is not None else None)
    routes = [*documents.routes(), *stream.routes(), *registers.routes(), *spoiling.routes(), *data.routes()]
    return api_routes(routes, token=settings.web.token, on_loopback=on_loopback)


def _receipt_pages(settings: Settings, database: Database, metrics: Metrics) -> ReceiptPages:
    return ReceiptPages(
        ReceiptStore(database),
        limiter=RateLimiter(per_s=settings.web.check_rate.per_s, burst=settings.web.check_burst),
        proxies=TrustedProxies(settings.web.trusted_proxies),
        metrics=metrics,
        monotonic_s=time.monotonic,
        operator_name=settings.ofd.name,
        names=settings.ffd.names,
    )


def _mail_transport(settings: Settings) -> Transport:
    smtp = settings.smtp
    if not smtp.host:
        return Maildir(settings.state_dir / "mail")
    return SmtpServer(
        smtp.host,
        smtp.port,
        tls=smtp.tls,
        user=smtp.user,
        password=smtp.password,
        timeout_s=smtp.timeout.total_seconds(),
    )


def _buyers(
    settings: Settings,
    database: Database,
    directory: Directory,
    reporter: AlertReporter,
    http_socket: socket.socket,
    *,
    metrics: Metrics,
    clock: Clock,
) -> BuyerService:
    from ofd_gateway.buyers.mailing import ReceiptMailer
    from ofd_gateway.buyers.plan import PlanParameters
    from ofd_gateway.buyers.planner import ReceiptPlanner
    from ofd_gateway.buyers.service import BuyerService
    from ofd_gateway.buyers.texting import Texter
    from ofd_gateway.buyers.writer import ReceiptWriter
    from ofd_gateway.pace import Pace

    smtp, sms = settings.smtp, settings.sms
    pace = Pace(clock, "buyers")
    writer = ReceiptWriter(
        sender=smtp.sender,
        sender_name=settings.ofd.name,
        base_url=settings.web.base_url(address_text(http_socket)),
    )
    planner = mailer = texter = None
    if settings.buyers_on:
        planner = ReceiptPlanner(
            BuyerQueue(database, directory, reporter),
            BuyerArchive(database),
            writer,
            PlanParameters(by_email=settings.buyers_by_email, by_sms=bool(sms.host), charge_by=sms.charge_by),
            clock,
            metrics,
        )
    if settings.buyers_by_email:
        mailer = ReceiptMailer(
            BuyerMailStore(database), _mail_transport(settings), writer, clock, metrics, retry=smtp.retry()
        )
    if sms.host:
        outbox = SmsStore(database, directory, reporter)
        texter = Texter(outbox, _connect_sms(settings), writer, pace, metrics, sms.parameters())
    return BuyerService(
        pace,
        planner,
        mailer,
        texter,
        BuyerErasure(database, directory, reporter),
        parallel=smtp.parallel,
        keep=settings.buyers.keep_contacts,
    )


def _connect_sms(settings: Settings) -> Callable[[OnMessage], Awaitable[SmppSession]]:
    import ssl

    from ofd_gateway.buyers.smpp.pdu import Bind
    from ofd_gateway.buyers.smpp.session import SmppSession

    sms = settings.sms
    bind = Bind(system_id=sms.system_id, password=sms.password)
    tls = ssl.create_default_context() if sms.tls else None

    async def connect(on_message: OnMessage) -> SmppSession:
        return await SmppSession.open(
            sms.host, sms.port, bind, on_message, timeout_s=sms.timeout.total_seconds(), tls=tls
        )

    return connect


def _patient(delay: DelayParameters, clock: Clock) -> DelayParameters:
    """Under a fast clock a document that goes on at once is minutes old when it arrives; that is no delay."""
    if not isinstance(clock, VirtualClock):
        return delay
    return msgspec.structs.replace(delay, after=max(delay.after, timedelta(seconds=_PROMPT_S * clock.rate)))


async def _directory(settings: Settings, database: Database) -> Directory:
    directory = Directory(settings.alerts.parameters(), settings.alerts.notices())
    async with database.reading() as connection:
        await directory.refresh(connection)
    return directory


async def _serve_registers(
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
) -> _Registers:
    """Starts the registers' side; it is ended with the answers in hand still going out."""
    crypto = EmulatorCrypto(load_or_create_key(settings.state_dir))
    if faults is not None:
        await faults.refresh()
    policy = settings.ffd.policy()
    outboxes = Outboxes(fns=bool(settings.fns.url), buyers=settings.buyers_on)
    store = DocumentStore(database, watching=watching, outboxes=outboxes)
    batcher = Batcher(
        store,
        Ledger(crypto, policy),
        clock,
        metrics,
        store_timeout_s=settings.intake.store_timeout.total_seconds(),
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
        limits=_limits(settings),
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

    return _Registers(intake.drain, end)


def _limits(settings: Settings) -> Limits:
    intake = settings.intake
    return Limits(
        max_connections=intake.max_connections,
        max_connections_per_fn=intake.max_connections_per_fn,
        max_message_bytes=intake.max_message_bytes,
        message_timeout_s=intake.message_timeout.total_seconds(),
        idle_timeout_s=intake.idle_timeout.total_seconds(),
        write_timeout_s=intake.write_timeout.total_seconds(),
        store_timeout_s=intake.store_timeout.total_seconds(),
    )


class _Readiness:
    """Whether documents can be stored, asked with a time limit that holds even while the server hangs.

    A question that was not answered in time stays open, and no second one is asked before it ends.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._question: asyncio.Task[None] | None = None

    async def __call__(self) -> str | None:
        if self._question is None:
            self._question = asyncio.create_task(self._database.ping())
        await asyncio.wait({self._question}, timeout=_READY_TIMEOUT_S)
        if not self._question.done():
            return "database: no answer"
        question, self._question = self._question, None
        error = question.exception()
        if error is not None and not isinstance(error, DatabaseError):
            raise error
        return None if error is None else f"database: {error}"

    def close(self) -> None:
        """Lets go of a question that is still open."""
        if self._question is not None:
            self._question.cancel()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    if sys.platform != "win32" and sys.implementation.name == "cpython":
        import uvloop

        return uvloop.new_event_loop
    return asyncio.new_event_loop


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
