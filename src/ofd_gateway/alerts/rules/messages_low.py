"""`messages_low`: few messages are left in a customer's package (осталось мало сообщений)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from ofd_gateway.alerts.facts import CustomerFacts
from ofd_gateway.alerts.model import AlertType, Evidence, Level, Subject, SubjectKind, Verdict
from ofd_gateway.alerts.rules.rule import Rule

if TYPE_CHECKING:
    from datetime import datetime

    from ofd_gateway.alerts.model import FactValue
    from ofd_gateway.alerts.parameters import Parameters

__all__ = ["RULE", "judge", "next_change"]


def judge(facts: CustomerFacts, now: datetime, parameters: Parameters) -> tuple[Verdict, ...]:
    """One episode for each purchase; nothing is low before the first message was ever charged."""
    if facts.package is None and not facts.charged:
        return ()
    level = _level(facts, parameters) if facts.charged else None
    return (
        Verdict(
            subject=Subject(SubjectKind.CUSTOMER, facts.inn),
            episode=facts.package or "",
            level=level,
            facts=aftermath(facts, now, parameters) if level else {},
            evidence=(Evidence("messages_spent", facts.balance),),
        ),
    )


def next_change(facts: CustomerFacts, now: datetime, parameters: Parameters) -> datetime | None:
    """Never: a balance changes by purchases and charges alone."""
    return None


def aftermath(facts: CustomerFacts, now: datetime, parameters: Parameters) -> dict[str, FactValue]:
    """The balance and for how long it lasts at the present rate."""
    return {"inn": facts.inn, "balance": facts.balance, "days_left": _days_left(facts, now)}


def _level(facts: CustomerFacts, parameters: Parameters) -> Level | None:
    crossed = [left for left in parameters.messages_low.left if facts.balance <= left]
    return Level(str(min(crossed)), -min(crossed)) if crossed else None


def _days_left(facts: CustomerFacts, now: datetime) -> int | None:
    """Whole days the balance lasts; None before an hour of use, which is too short to tell a rate."""
    if facts.spent_since is None or not facts.spent:
        return None
    used_for = now - facts.spent_since
    if used_for < timedelta(hours=1):
        return None
    return int(facts.balance * (used_for / facts.spent) / timedelta(days=1))


RULE = Rule(
    name="messages_low",
    type=AlertType.MESSAGES,
    watches=CustomerFacts,
    judge=judge,
    next_change=next_change,
    aftermath=aftermath,
)
