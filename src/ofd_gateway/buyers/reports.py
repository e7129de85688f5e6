"""The shell that hears the centre's reports: each is stored before it is confirmed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import structlog

from ofd_gateway.buyers.model import SmsReport
from ofd_gateway.buyers.smpp.receipt import id_spellings, is_receipt, parse_receipt
from ofd_gateway.errors import OfdGatewayError

if TYPE_CHECKING:
    from datetime import datetime

    from ofd_gateway.buyers.loop import Pace
    from ofd_gateway.buyers.model import Key
    from ofd_gateway.buyers.smpp.pdu import Message
    from ofd_gateway.metrics import Metrics

__all__ = ["ReportDesk", "ReportStore"]


class ReportStore(Protocol):
    """Where reports are kept; the database."""

    async def report(self, report: SmsReport, now: datetime) -> tuple[Key, str | None] | None:
        """Notes a report."""
        ...


class ReportDesk:
    """Takes what a session brings."""

    def __init__(self, store: ReportStore, pace: Pace, metrics: Metrics) -> None:
        self._store = store
        self._pace = pace
        self._metrics = metrics
        self._log = structlog.get_logger()

    async def hear(self, message: Message) -> bool:
        """A report of the centre, or a message of somebody; True once it is stored or needs no storing."""
        report = parse_receipt(message) if is_receipt(message) else None
        if report is None:
            self._log.info("sms.message_ignored", esm_class=message.esm_class)
            return True
        if report.outcome is None:
            return True
        said = " ".join(word for word in (report.state, report.error) if word)
        address = f"+{message.source.removeprefix('+')}"
        try:
            found = await self._store.report(
                SmsReport(
                    spellings=tuple(id_spellings(report.message_id)),
                    outcome=report.outcome,
                    reply=said,
                    address=address,
                ),
                self._pace.clock.now(),
            )
        except OfdGatewayError as error:
            self._pace.stall(error)
            return False
        if found is None:
            self._log.info("sms.report_unmatched", message_id=report.message_id, outcome=report.outcome)
            return True
        key, state = found
        if state is not None:
            self._metrics.buyer_messages.labels("sms", state).inc()
            self._log.info(
                "buyer_message.reported",
                fn=key[0],
                generation=key[1],
                fd=key[2],
                channel="sms",
                state=state,
                reply=said,
            )
        return True
