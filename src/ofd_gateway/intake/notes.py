"""What is counted, logged and kept of a message that has its outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ofd_gateway.ledger import QuarantineRow, Verdict

if TYPE_CHECKING:
    from datetime import datetime

    from ofd_gateway.intake.reading import Unreadable
    from ofd_gateway.ledger import Decision
    from ofd_gateway.metrics import Metrics
    from ofd_gateway.protocol import MessageReceived, ProtocolError

__all__ = ["note_decision", "rejected_row", "unreadable_row"]


def note_decision(
    decision: Decision, metrics: Metrics, log: Any, *, sent: bool, commit_s: float, total_s: float, fault: int | None
) -> None:
    """Counts and logs a document that is stored, repeated or in conflict; `fault`: the rule that spoils its answer."""
    arrival = decision.arrival
    document = arrival.document
    metrics.messages.labels(decision.verdict.value).inc()
    fields: dict[str, object] = {
        "fn": arrival.container.fn,
        "generation": decision.generation,
        "fd": arrival.container.fd,
        "kind": document.kind,
        "ffd": document.ffd,
        "shift": document.shift_number,
        "total_kopecks": document.total_kopecks,
        "code": decision.response_code,
        "sent": sent,
        "commit_ms": round(commit_s * 1000, 2),
        "total_ms": round(total_s * 1000, 2),
    }
    if fault is not None:
        fields["fault"] = fault
    if decision.verdict is Verdict.ACCEPTED:
        metrics.documents.labels(document.kind, document.ffd).inc()
        if decision.violations:
            fields["violations"] = [violation.rule for violation in decision.violations]
            for violation in decision.violations:
                metrics.violations.labels(violation.rule, violation.severity.value).inc()
        log.info("document.accepted", **fields)
    elif decision.verdict is Verdict.REPEATED:
        log.info("document.repeated", **fields)
    else:
        metrics.quarantined.labels("fd_conflict").inc()
        log.warning("document.conflict", **fields)


def unreadable_row(
    message: MessageReceived, unreadable: Unreadable, *, received_at: datetime, peer: str, connection_id: str
) -> QuarantineRow:
    """A message with a sound frame whose body was not accepted."""
    return QuarantineRow(
        fn=message.container.fn,
        fd=message.container.fd,
        reason=unreadable.reason,
        detail=unreadable.detail,
        received_at=received_at,
        peer=peer,
        connection_id=connection_id,
        raw=message.raw,
    )


def rejected_row(
    error: ProtocolError, fn: str, *, received_at: datetime, peer: str, connection_id: str
) -> QuarantineRow:
    """Bytes that were not understood, of a session that had named its FN."""
    return QuarantineRow(
        fn=fn,
        fd=error.fd,
        reason=error.reason,
        detail=str(error),
        received_at=received_at,
        peer=peer,
        connection_id=connection_id,
        raw=error.raw,
    )
