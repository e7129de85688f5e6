"""`register_silent`: a register has sent no receipt for a day (нет чеков)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ofd_gateway.alerts.facts import RegisterFacts
from ofd_gateway.alerts.model import AlertType, Evidence, Verdict
from ofd_gateway.alerts.rules.levels import HOURS_BELOW, crossed_after, next_after
from ofd_gateway.alerts.rules.rule import Rule, about_register, iso, register_subject
from ofd_gateway.alerts.timeline import due_at, elapsed, zone

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from ofd_gateway.alerts.model import FactValue, Level
    from ofd_gateway.alerts.parameters import Parameters

__all__ = ["NO_CONTACT", "NO_CONTACT_OPEN_SHIFT", "NO_SALES", "RULE", "is_watched", "judge", "next_change"]

NO_SALES: Final = "no_sales"
"""Other documents still arrive."""
NO_CONTACT: Final = "no_contact"
"""Nothing arrives."""
NO_CONTACT_OPEN_SHIFT: Final = "no_contact_open_shift"
"""Nothing arrives and a shift is open: the worst."""


def is_watched(facts: RegisterFacts) -> bool:
    """Whether silence of this register means anything.

    Not for one that never sold (unless asked for), works autonomously (автономный режим, 1002) or has closed its FN.
    """
    fn = facts.fn
    closed = fn is not None and fn.closed_at is not None
    return facts.silence_since is not None and not facts.autonomous and not closed


def judge(facts: RegisterFacts, now: datetime, parameters: Parameters) -> tuple[Verdict, ...]:
    """One episode for each last receipt, by its arrival; after the end of the paid term nothing new is said."""
    since = facts.silence_since
    if since is None or not is_watched(facts):
        return ()
    inhibited = facts.paid_until is not None and facts.paid_until <= now
    level = None if inhibited else _level(facts, since, now, parameters)
    return (
        Verdict(
            subject=register_subject(facts),
            episode=since.isoformat(),
            level=level,
            facts=_facts(facts, since, now, parameters) if level else {},
            evidence=_evidence(facts),
        ),
    )


def next_change(facts: RegisterFacts, now: datetime, parameters: Parameters) -> datetime | None:
    """The next threshold of silence."""
    since = facts.silence_since
    if since is None or not is_watched(facts):
        return None

    def reached_at(silence: timedelta) -> datetime | None:
        return due_at(
            since, silence, parameters.down_times, facts.calendar, zone(facts.timezone or parameters.timezone)
        )

    return next_after(parameters.register_silent.after, now, reached_at)


def aftermath(facts: RegisterFacts, now: datetime, parameters: Parameters) -> dict[str, FactValue]:
    """What is heard again, and how many documents had waited."""
    return {
        **about_register(facts),
        "last_receipt_at": iso(facts.last_receipt_at),
        "late_documents": facts.late_documents if facts.came_late else 0,
    }


def _level(facts: RegisterFacts, since: datetime, now: datetime, parameters: Parameters) -> Level | None:
    silent = parameters.register_silent
    return crossed_after(
        _silence(facts, since, now, parameters), silent.after, silent.critical_from, days_from=HOURS_BELOW
    )


def _silence(facts: RegisterFacts, since: datetime, now: datetime, parameters: Parameters) -> timedelta:
    place = zone(facts.timezone or parameters.timezone)
    return elapsed(since, now, parameters.down_times, facts.calendar, place)


def _facts(facts: RegisterFacts, since: datetime, now: datetime, parameters: Parameters) -> dict[str, FactValue]:
    fn = facts.fn
    shift = fn.shift if fn is not None else None
    return {
        **about_register(facts),
        "variant": _variant(facts, since, now),
        "silent_since": iso(since),
        "last_receipt_at": iso(facts.last_receipt_at),
        "last_document_at": iso(facts.last.at) if facts.last else None,
        "silent_hours": round((now - since).total_seconds() / 3600, 4),
        "counted_hours": round(_silence(facts, since, now, parameters).total_seconds() / 3600, 4),
        "shift_open": shift is not None and shift.open,
        "shift_number": shift.number if shift is not None else None,
    }


def _variant(facts: RegisterFacts, since: datetime, now: datetime) -> str:
    """Documents in the second half of the silence are contact; those in the first end the last day's work."""
    if facts.last is not None and facts.last.at - since > now - facts.last.at:
        return NO_SALES
    fn = facts.fn
    open_shift = fn is not None and fn.shift is not None and fn.shift.open
    return NO_CONTACT_OPEN_SHIFT if open_shift else NO_CONTACT


def _evidence(facts: RegisterFacts) -> tuple[Evidence, ...]:
    last = facts.last
    if last is None:
        return ()
    return (Evidence("last_document", iso(last.at), last.fn, last.fd),)


RULE = Rule(
    name="register_silent",
    type=AlertType.SILENCE,
    watches=RegisterFacts,
    judge=judge,
    next_change=next_change,
    aftermath=aftermath,
    ended_by_receipts=True,
)
