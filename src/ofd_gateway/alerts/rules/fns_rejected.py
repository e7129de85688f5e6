"""`fns_rejected`: documents were refused by the tax service (ФНС не приняла), or by our own checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ofd_gateway.alerts.facts import RegisterFacts
from ofd_gateway.alerts.model import AlertType, Evidence, Level, Verdict
from ofd_gateway.alerts.rules.levels import HOURS_BELOW
from ofd_gateway.alerts.rules.rule import Rule, about_register, iso, register_subject
from ofd_gateway.alerts.timeline import local_date, zone
from ofd_gateway.durations import spell_duration

if TYPE_CHECKING:
    from datetime import datetime

    from ofd_gateway.alerts.facts import Rejections
    from ofd_gateway.alerts.model import FactValue
    from ofd_gateway.alerts.parameters import Parameters

__all__ = ["RULE", "judge", "next_change"]

_FIRST: Final = Level("first", 1)
_MANY_WEIGHT: Final = 2
_STUCK_WEIGHT: Final = 3
_QUEUE: Final = "queue"
_BY_FNS: Final = "fns"
_BY_US: Final = "operator"


def judge(facts: RegisterFacts, now: datetime, parameters: Parameters) -> tuple[Verdict, ...]:
    """One episode for each code and local day of refusals, and one for a queue that waits without any."""
    stuck = _stuck(facts, now, parameters)
    verdicts = []
    for tally in facts.rejections:
        if tally.settled:
            continue
        level = stuck if stuck is not None and not tally.by_us else _counted(tally, parameters)
        verdicts.append(_verdict(facts, tally, level))
    oldest = facts.fns_oldest_queued_at
    if oldest is not None and all(tally.by_us or tally.settled for tally in facts.rejections):
        verdicts.append(_queue_verdict(facts, oldest, stuck, parameters))
    return tuple(verdicts)


def next_change(facts: RegisterFacts, now: datetime, parameters: Parameters) -> datetime | None:
    """The moment at which the oldest document of the queue has waited too long."""
    if facts.fns_oldest_queued_at is None:
        return None
    stuck_at = facts.fns_oldest_queued_at + parameters.fns_rejected.stuck_after
    return stuck_at if stuck_at > now else None


def aftermath(facts: RegisterFacts, now: datetime, parameters: Parameters) -> dict[str, FactValue]:
    """What still waits."""
    return {**about_register(facts), "queued": facts.fns_queued}


def _counted(tally: Rejections, parameters: Parameters) -> Level:
    many = parameters.fns_rejected.many
    return Level(str(many), _MANY_WEIGHT) if tally.count >= many else _FIRST


def _stuck(facts: RegisterFacts, now: datetime, parameters: Parameters) -> Level | None:
    stuck_after = parameters.fns_rejected.stuck_after
    oldest = facts.fns_oldest_queued_at
    if oldest is None or now - oldest < stuck_after:
        return None
    return Level(spell_duration(stuck_after, days_from=HOURS_BELOW), _STUCK_WEIGHT)


def _verdict(facts: RegisterFacts, tally: Rejections, level: Level) -> Verdict:
    source = _BY_US if tally.by_us else _BY_FNS
    told: dict[str, FactValue] = {
        **about_register(facts),
        "fn": tally.last_fn,
        "fd": tally.last_fd,
        "source": source,
        "code": tally.code,
        "text": tally.text or None,
        "documents": tally.count,
        "day": tally.day.isoformat(),
        "queued": facts.fns_queued,
    }
    return Verdict(
        subject=register_subject(facts),
        episode=f"{source}:{tally.code}:{tally.day.isoformat()}",
        level=level,
        facts=told,
        evidence=(Evidence(f"refused_by_{source}", tally.code, tally.last_fn, tally.last_fd),),
    )


def _queue_verdict(facts: RegisterFacts, oldest: datetime, stuck: Level | None, parameters: Parameters) -> Verdict:
    day = local_date(oldest, zone(facts.timezone or parameters.timezone))
    return Verdict(
        subject=register_subject(facts),
        episode=f"{_QUEUE}:{day}",
        level=stuck,
        facts={
            **about_register(facts),
            "source": _QUEUE,
            "queued": facts.fns_queued,
            "oldest_queued_at": iso(oldest),
        },
        evidence=(Evidence("queue_counted", iso(oldest)),),
    )


RULE = Rule(
    name="fns_rejected",
    type=AlertType.FAULT,
    watches=RegisterFacts,
    judge=judge,
    next_change=next_change,
    aftermath=aftermath,
    momentary=True,
)
