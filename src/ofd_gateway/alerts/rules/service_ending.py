"""`service_ending`: the paid operator's service of a register ends (обслуживание ОФД заканчивается)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from ofd_gateway.alerts.facts import RegisterFacts
from ofd_gateway.alerts.model import AlertType, Evidence, Verdict
from ofd_gateway.alerts.rules.levels import crossed_before, next_before
from ofd_gateway.alerts.rules.rule import Rule, about_register, iso, register_subject
from ofd_gateway.alerts.timeline import local_date, zone

if TYPE_CHECKING:
    from datetime import datetime

    from ofd_gateway.alerts.model import FactValue
    from ofd_gateway.alerts.parameters import Parameters

__all__ = ["RULE", "judge", "next_change"]

_STOPPED: Final = timedelta()


def judge(facts: RegisterFacts, now: datetime, parameters: Parameters) -> tuple[Verdict, ...]:
    """One episode for each paid term; the level is the shortest lead time reached, `0d` once the service stopped."""
    paid_until = facts.paid_until
    if paid_until is None:
        return ()
    level = crossed_before(paid_until - now, parameters.service_ending.before, _STOPPED)
    return (
        Verdict(
            subject=register_subject(facts),
            episode=paid_until.isoformat(),
            level=level,
            facts=_facts(facts, paid_until, now, parameters) if level else {},
            evidence=(Evidence("service_paid", iso(paid_until)),),
        ),
    )


def next_change(facts: RegisterFacts, now: datetime, parameters: Parameters) -> datetime | None:
    """The next lead time before the end of the term."""
    return next_before(facts.paid_until, parameters.service_ending.before, now) if facts.paid_until else None


def aftermath(facts: RegisterFacts, now: datetime, parameters: Parameters) -> dict[str, FactValue]:
    """The new term."""
    return _facts(facts, facts.paid_until, now, parameters)


def _facts(
    facts: RegisterFacts, paid_until: datetime | None, now: datetime, parameters: Parameters
) -> dict[str, FactValue]:
    place = zone(facts.timezone or parameters.timezone)
    days = None if paid_until is None else (local_date(paid_until, place) - local_date(now, place)).days
    return {**about_register(facts), "paid_until": iso(paid_until), "days_left": days}


RULE = Rule(
    name="service_ending",
    type=AlertType.SERVICE,
    watches=RegisterFacts,
    judge=judge,
    next_change=next_change,
    aftermath=aftermath,
)
