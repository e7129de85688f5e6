"""The outgoing legs: documents to the tax service (ФНС), receipts to buyers."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from ofd_gateway.alerts.reporting import AlertReporter
from ofd_gateway.clock import VirtualClock
from ofd_gateway.crypto import EmulatorCrypto
from ofd_gateway.keys import load_or_create_key
from ofd_gateway.sockets import address_text
from ofd_gateway.storage import (
    BuyerArchive,
    BuyerErasure,
    BuyerMailStore,
    BuyerQueue,
    Database,
    Directory,
    FnsEndpoint,
    FnsOutbox,
    SmsStore,
)
from ofd_gateway.wiring.letters import mail_transport

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable

    from ofd_gateway.alerts.fns_delay import DelayParameters
    from ofd_gateway.buyers.service import BuyerService
    from ofd_gateway.buyers.smpp.session import OnMessage, SmppSession
    from ofd_gateway.clock import Clock
    from ofd_gateway.fns.exporter import Exporter
    from ofd_gateway.metrics import Metrics
    from ofd_gateway.settings import Settings

__all__ = ["make_buyers", "make_exporter"]

_PROMPT_S = 5.0
"""Real seconds within which a document has gone on, if nothing is wrong."""


async def make_exporter(
    settings: Settings,
    common: Database,
    directory: Directory,
    reporter: AlertReporter,
    *,
    metrics: Metrics,
    clock: Clock,
    stack: AsyncExitStack,
) -> Exporter | None:
    """The leg to the tax service with a pool and connections of its own, closed with `stack`; None when it is off.

    What was open about a leg that is off by now is ended over the `common` pool.
    """
    fns = settings.fns
    delay = _patient(settings.alerts.fns_delay(), clock)
    if not fns.url:
        leg = FnsEndpoint(common, directory, reporter, delay, longest_pause=fns.retry_max)
        await leg.switched_off(clock.now())
        return None
    from ofd_gateway.fns.exporter import LONGEST_RETRY_AFTER, Exporter
    from ofd_gateway.fns.http import HttpTransport
    from ofd_gateway.fns.rendering import Renderer
    from ofd_gateway.fns.reporter import FnsReporter

    database = await Database.connect(common.dsn, application_name="ofd-gateway fns", pool_size=fns.parallel + 2)
    stack.push_async_callback(database.close)
    transport = HttpTransport(
        fns.url, clock, token=fns.token, timeout_s=fns.timeout.total_seconds(), parallel=fns.parallel
    )
    stack.push_async_callback(transport.close)
    longest_pause = max(fns.retry_max, LONGEST_RETRY_AFTER)
    return Exporter(
        FnsOutbox(database, directory, reporter, batch=fns.batch, longest_pause=longest_pause),
        FnsEndpoint(database, directory, reporter, delay, longest_pause=longest_pause),
        transport,
        Renderer(EmulatorCrypto(load_or_create_key(settings.state_dir))),
        clock,
        FnsReporter(metrics),
        parameters=fns.dispatch(),
        parallel=fns.parallel,
    )


def make_buyers(
    settings: Settings,
    database: Database,
    directory: Directory,
    reporter: AlertReporter,
    http_socket: socket.socket,
    *,
    metrics: Metrics,
    clock: Clock,
) -> BuyerService:
    """Everything that sends receipts to buyers, for the ways that are on."""
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
            BuyerMailStore(database), mail_transport(settings), writer, clock, metrics, retry=smtp.retry()
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
