"""A register on one line, for programs: what `registers list --json` and the HTTP API show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ofd_gateway.alerts.facts import RegisterFacts
from ofd_gateway.alerts.overview import overview

if TYPE_CHECKING:
    from datetime import datetime

    from ofd_gateway.storage.directory import Directory
    from ofd_gateway.storage.registers import RegisterRecord

__all__ = ["register_line"]


def register_line(record: RegisterRecord | None, directory: Directory, now: datetime) -> dict[str, Any]:
    """One line: what a person said, what the documents say, and what stops the register next."""
    if record is None:
        return {}
    settings, state = record.settings, record.state
    kind, _, number = record.watch.partition(":")
    line: dict[str, Any] = {
        "rnm": number if kind == "rnm" else None,
        "customer": record.customer_inn,
        "name": settings.name if settings else None,
        "serial": settings.serial if settings else None,
        "place": settings.place if settings else None,
        "timezone": settings.timezone if settings else None,
        "calendar": settings.calendar if settings else None,
        "service_until": settings.service_until.isoformat() if settings and settings.service_until else None,
        "state": "unknown",
    }
    if state is None or not isinstance(state.facts, RegisterFacts):
        return line
    facts = state.facts
    seen = overview(state, facts, now, directory.parameters_of(facts.customer or facts.user_inn))
    return line | {
        "serial": line["serial"] or seen.serial,
        "place": line["place"] or seen.place,
        "state": seen.condition.value,
        "user": seen.user,
        "user_inn": seen.user_inn,
        "fn": seen.fn,
        "fn_model": seen.fn_model,
        "fn_expires_at": _iso(seen.fn_expires_at),
        "fn_days_left": seen.fn_days_left,
        "fn_fill_percent": seen.fn_fill_percent,
        "fns": [fn.number for fn in facts.fns],
        "last_document": seen.last_document,
        "last_fd": seen.last_fd,
        "last_document_at": _iso(seen.last_document_at),
        "last_receipt_at": _iso(seen.last_receipt_at),
        "shift": seen.shift_number,
        "shift_open": seen.shift_open,
        "unsent": seen.unsent,
        "block": None
        if seen.next_stop is None
        else {
            "at": seen.next_stop.at.isoformat(),
            "days_left": seen.next_stop.days_left,
            "cause": seen.next_stop.cause,
        },
        "open_alerts": sorted({f"{alert.rule} {alert.level.name}" for alert in state.open}),
    }


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
