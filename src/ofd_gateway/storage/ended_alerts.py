"""Alerts that end although no watch says so: the row as it stands, and the change that ends it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from ofd_gateway.alerts.model import AlertType, EndReason, Level, Subject, SubjectKind, Transition, TransitionKind
from ofd_gateway.storage.alert_records import Finding

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["ALERT_COLUMNS", "ending"]

ALERT_COLUMNS: Final = (
    "watch, type, rule, subject_kind, subject, episode, level, weight, critical, opened_at, facts, customer_inn"
)
"""What `ending` wants of a row of `alerts`."""


def ending(row: Any, now: datetime, reason: EndReason = EndReason.REMOVED) -> Finding:
    """The end of an open alert, with the facts that it had."""
    return Finding(
        watch=row["watch"],
        customer_inn=row["customer_inn"],
        change=Transition(
            kind=TransitionKind.RESOLVED,
            rule=row["rule"],
            type=AlertType(row["type"]),
            subject=Subject(SubjectKind(row["subject_kind"]), row["subject"]),
            episode=row["episode"],
            level=Level(row["level"], row["weight"], row["critical"]),
            at=now,
            opened_at=row["opened_at"],
            facts=msgspec.json.decode(row["facts"]),
            end_reason=reason,
        ),
    )
