"""`fn_filling`: the memory of the FN fills up (ФН заполняется)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from ofd_gateway.alerts.facts import RegisterFacts
from ofd_gateway.alerts.model import AlertType, Level, Verdict
from ofd_gateway.alerts.rules.rule import Rule, about_register, fn_subject, from_tag, iso

if TYPE_CHECKING:
    from datetime import datetime

    from ofd_gateway.alerts.facts import FnFacts
    from ofd_gateway.alerts.model import FactValue
    from ofd_gateway.alerts.parameters import Parameters

__all__ = ["RULE", "fill_percent", "full_at", "judge", "next_change", "next_fd"]

_FULL_PERCENT: Final = 99
_WHOLE: Final = 100


def fill_percent(fn: FnFacts, parameters: Parameters) -> float:
    """How full the FN is, an estimate: documents by number of those it can hold; 99 at least with the flag 1052."""
    estimate = _WHOLE * fn.max_fd / parameters.fn_filling.capacity_of(fn.number)
    return max(estimate, _FULL_PERCENT) if fn.memory_full else estimate


def full_at(fn: FnFacts, now: datetime, parameters: Parameters) -> datetime | None:
    """When the FN is full at the rate since it was first seen; None before a day of it and beyond ten years."""
    seen_for = now - fn.seen_at
    written = fn.max_fd - fn.first_fd
    if seen_for < timedelta(days=1) or written <= 0:
        return None
    left = max(0, parameters.fn_filling.capacity_of(fn.number) - fn.max_fd)
    ahead = left * (seen_for.total_seconds() / written)
    return now + timedelta(seconds=ahead) if ahead <= timedelta(days=3650).total_seconds() else None


def judge(facts: RegisterFacts, now: datetime, parameters: Parameters) -> tuple[Verdict, ...]:
    """One episode for each FN in use."""
    fn = facts.fn
    if fn is None or not fn.in_use:
        return ()
    level = _level(fn, parameters)
    evidence = [from_tag(fn.number, fn.max_fd, 1040, fn.max_fd)]
    if fn.memory_full:
        evidence.append(from_tag(fn.number, fn.flags_fd, 1052, 1))
    return (
        Verdict(
            subject=fn_subject(fn),
            episode=fn.key,
            level=level,
            facts=_facts(facts, fn, now, parameters) if level else {},
            evidence=tuple(evidence),
        ),
    )


def next_change(facts: RegisterFacts, now: datetime, parameters: Parameters) -> datetime | None:
    """Never: an FN fills by documents."""
    return None


def next_fd(facts: RegisterFacts, parameters: Parameters) -> int | None:
    """The number with which the next threshold is reached."""
    fn = facts.fn
    if fn is None or not fn.in_use:
        return None
    thresholds = (_number_at(percent, fn, parameters) for percent in parameters.fn_filling.percent)
    return min((fd for fd in thresholds if fd > fn.max_fd), default=None)


def aftermath(facts: RegisterFacts, now: datetime, parameters: Parameters) -> dict[str, FactValue]:
    """The FN that is in the register now."""
    return about_register(facts)


def _level(fn: FnFacts, parameters: Parameters) -> Level | None:
    crossed = [p for p in parameters.fn_filling.percent if fn.max_fd >= _number_at(p, fn, parameters)]
    if fn.memory_full:
        crossed.append(_FULL_PERCENT)
    return Level(str(max(crossed)), max(crossed), max(crossed) >= _FULL_PERCENT) if crossed else None


def _number_at(percent: int, fn: FnFacts, parameters: Parameters) -> int:
    return -(-percent * parameters.fn_filling.capacity_of(fn.number) // _WHOLE)


def _facts(facts: RegisterFacts, fn: FnFacts, now: datetime, parameters: Parameters) -> dict[str, FactValue]:
    return {
        **about_register(facts),
        "fd": fn.max_fd,
        "capacity": parameters.fn_filling.capacity_of(fn.number),
        "percent": round(fill_percent(fn, parameters), 1),
        "estimated": not fn.memory_full,
        "full_at": iso(full_at(fn, now, parameters)),
    }


RULE = Rule(
    name="fn_filling",
    type=AlertType.FAULT,
    watches=RegisterFacts,
    judge=judge,
    next_change=next_change,
    aftermath=aftermath,
    next_fd=next_fd,
)
