"""`shift_too_long`: a shift is open for more than a day (смена открыта более 24 ч)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from ofd_gateway.alerts.facts import RegisterFacts
from ofd_gateway.alerts.model import AlertType, Verdict
from ofd_gateway.alerts.rules.levels import HOURS_BELOW, crossed_after, next_after
from ofd_gateway.alerts.rules.rule import Rule, about_fn, about_register, from_tag, iso, register_subject

if TYPE_CHECKING:
    from datetime import datetime

    from ofd_gateway.alerts.facts import FnFacts, Shift
    from ofd_gateway.alerts.model import FactValue
    from ofd_gateway.alerts.parameters import Parameters

__all__ = ["CATCHING_UP", "RULE", "judge", "next_change"]

CATCHING_UP: Final = timedelta(seconds=5)
"""After a document that came late the next one may come at once and close the shift."""


def judge(facts: RegisterFacts, now: datetime, parameters: Parameters) -> tuple[Verdict, ...]:
    """One episode for each shift of the FN in use, while it is open."""
    open_shift = _open_shift(facts)
    if open_shift is None:
        return ()
    fn, shift = open_shift
    too_long = crossed_after(now - shift.opened_at, (parameters.shift_too_long.after,), days_from=HOURS_BELOW)
    level = too_long if now >= _settled_at(facts, shift) else None
    told: dict[str, FactValue] = {}
    if level:
        told = {
            **about_fn(facts, fn),
            "shift_number": shift.number,
            "opened_at": iso(shift.opened_at),
            "open_hours": round((now - shift.opened_at).total_seconds() / 3600, 1),
        }
    return (
        Verdict(
            subject=register_subject(facts),
            episode=f"{fn.key}:{shift.number}",
            level=level,
            facts=told,
            evidence=(from_tag(fn.number, shift.fd, 1038, shift.number),),
        ),
    )


def next_change(facts: RegisterFacts, now: datetime, parameters: Parameters) -> datetime | None:
    """The moment at which the open shift has lasted too long."""
    open_shift = _open_shift(facts)
    if open_shift is None:
        return None
    shift = open_shift[1]
    settled_at = _settled_at(facts, shift)
    return next_after((parameters.shift_too_long.after,), now, lambda after: max(shift.opened_at + after, settled_at))


def aftermath(facts: RegisterFacts, now: datetime, parameters: Parameters) -> dict[str, FactValue]:
    """The register whose shift is closed."""
    return about_register(facts)


def _settled_at(facts: RegisterFacts, shift: Shift) -> datetime:
    """The moment from which the shift may be judged: not while a register that was offline sends its documents."""
    if facts.came_late and facts.last is not None:
        return facts.last.at + CATCHING_UP
    return shift.opened_at


def _open_shift(facts: RegisterFacts) -> tuple[FnFacts, Shift] | None:
    fn = facts.fn
    if fn is None or not fn.in_use or fn.shift is None or not fn.shift.open:
        return None
    return fn, fn.shift


RULE = Rule(
    name="shift_too_long",
    type=AlertType.FAULT,
    watches=RegisterFacts,
    judge=judge,
    next_change=next_change,
    aftermath=aftermath,
)
