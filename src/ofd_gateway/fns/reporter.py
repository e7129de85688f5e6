"""What the leg to the tax service does, in the log and in the metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from ofd_gateway.dispatch import Status

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from ofd_gateway.dispatch import QueuedDocument, Settlement, Trouble
    from ofd_gateway.fns.rendering import DocumentUnreadable
    from ofd_gateway.metrics import Metrics

__all__ = ["FnsReporter"]


class FnsReporter:
    """One line for each request, and one for each document that was not simply accepted."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._log = structlog.get_logger()

    def requested(self, outcome: str, documents: int, duration_s: float) -> None:
        """A request ended."""
        self._metrics.fns_requests.labels(outcome).inc()
        self._metrics.fns_request_seconds.observe(duration_s)
        took_ms = round(duration_s * 1000, 1)
        if outcome == "answered":
            self._log.info("fns.sent", documents=documents, total_ms=took_ms)
        else:
            self._log.warning("fns.failed", reason=outcome, documents=documents, total_ms=took_ms)

    def settled(self, settlement: Settlement) -> None:
        """What it changed is committed."""
        for decision in settlement.decisions:
            document, answer = decision.document, decision.answer
            self._metrics.fns_answers.labels(answer.status.value).inc()
            if answer.status is Status.ACCEPTED:
                continue
            fields = {
                "fn": document.fn,
                "generation": document.generation,
                "fd": document.fd,
                "status": answer.status.value,
                "code": answer.code,
                "text": answer.text,
            }
            if answer.status.is_refusal:
                self._log.warning("fns.refused", **fields)
            else:
                self._log.info("fns.quarantined", **fields)
        for pause in settlement.pauses:
            self._metrics.fns_answers.labels(Status.POSTPONED.value).inc()
            self._log.warning(
                "fns.late" if pause.is_news else "fns.paused",
                fn=pause.document.fn,
                generation=pause.document.generation,
                fd=pause.document.fd,
                reason=str(pause.trouble),
                failures=pause.failures,
                next_attempt_at=pause.next_attempt_at.isoformat(),
            )

    def unreadable(self, document: QueuedDocument, error: DocumentUnreadable) -> None:
        """A stored document cannot be made into JSON."""
        self._log.error("fns.unreadable", fn=document.fn, fd=document.fd, reason=str(error))

    def down(self, trouble: Trouble, *, is_news: bool) -> None:
        """The endpoint takes nothing."""
        self._metrics.fns_endpoint_up.set(0)
        if is_news:
            self._log.warning("fns.endpoint_down", reason=str(trouble))

    def up(self, after: timedelta) -> None:
        """The endpoint answers again."""
        self._metrics.fns_endpoint_up.set(1)
        self._log.info("fns.endpoint_up", down_s=round(after.total_seconds(), 1))

    def queue(self, queued: int | None, oldest_queued_at: datetime | None, *, is_up: bool, now: datetime) -> None:
        """How the queue stands."""
        if queued is not None:
            self._metrics.fns_queue.set(queued)
        waited_s = 0.0 if oldest_queued_at is None else max((now - oldest_queued_at).total_seconds(), 0.0)
        self._metrics.fns_oldest_seconds.set(waited_s)
        self._metrics.fns_endpoint_up.set(is_up)
