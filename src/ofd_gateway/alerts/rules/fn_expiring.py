"""`fn_expiring`: the keys of the FN end and it must be replaced (ФН заменить)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from ofd_gateway.alerts.facts import RegisterFacts
from ofd_gateway.alerts.fn_life import expiry
from ofd_gateway.alerts.model import AlertType, Evidence, Verdict
from ofd_gateway.alerts.rules.levels import crossed_before, next_before
from ofd_gateway.alerts.rules.rule import Rule, about_fn, about_register, fn_subject, from_tag, iso

if TYPE_CHECKING:
    from datetime import datetime

    from ofd_gateway.alerts.facts import FnFacts
    from ofd_gateway.alerts.fn_life import Expiry
    from ofd_gateway.alerts.model import FactValue
    from ofd_gateway.alerts.parameters import Parameters

__all__ = ["RULE", "judge", "next_change"]

_EXHAUSTING_LEFT: Final = timedelta(days=30)
"""What the flag 1050 says: the keys live for less than thirty days."""
_REPLACE_LEFT: Final = timedelta(days=3)
"""What the flag 1051 says: less than three."""


def judge(facts: RegisterFacts, now: datetime, parameters: Parameters) -> tuple[Verdict, ...]:
    """One episode for each FN in use. The flags only raise the level."""
    fn = facts.fn
    if fn is None or not fn.in_use:
        return ()
    end = expiry(fn, parameters)
    lefts = [] if end is None else [end.at - now]
    if fn.exhausting:
        lefts.append(_EXHAUSTING_LEFT)
    if fn.replace_urgently:
        lefts.append(_REPLACE_LEFT)
    expiring = parameters.fn_expiring
    level = crossed_before(min(lefts), expiring.before, expiring.critical_from) if lefts else None
    return (
        Verdict(
            subject=fn_subject(fn),
            episode=fn.key,
            level=level,
            facts=_facts(facts, fn, end, now) if level else {},
            evidence=_evidence(fn, end),
        ),
    )


def next_change(facts: RegisterFacts, now: datetime, parameters: Parameters) -> datetime | None:
    """The next lead time before the keys end."""
    fn = facts.fn
    if fn is None or not fn.in_use:
        return None
    end = expiry(fn, parameters)
    return None if end is None else next_before(end.at, parameters.fn_expiring.before, now)


def aftermath(facts: RegisterFacts, now: datetime, parameters: Parameters) -> dict[str, FactValue]:
    """The FN that is in the register now."""
    return about_register(facts)


def _facts(facts: RegisterFacts, fn: FnFacts, end: Expiry | None, now: datetime) -> dict[str, FactValue]:
    return {
        **about_fn(facts, fn),
        "expires_at": iso(end.at) if end else None,
        "days_left": max(0, -((now - end.at) // timedelta(days=1))) if end else None,
        "basis": end.basis if end else "flags",
        "exhausting": fn.exhausting,
        "replace_urgently": fn.replace_urgently,
    }


def _evidence(fn: FnFacts, end: Expiry | None) -> tuple[Evidence, ...]:
    evidence = [] if end is None else [end.evidence]
    if fn.exhausting:
        evidence.append(from_tag(fn.number, fn.flags_fd, 1050, 1))
    if fn.replace_urgently:
        evidence.append(from_tag(fn.number, fn.flags_fd, 1051, 1))
    return tuple(evidence)


RULE = Rule(
    name="fn_expiring",
    type=AlertType.FAULT,
    watches=RegisterFacts,
    judge=judge,
    next_change=next_change,
    aftermath=aftermath,
)
