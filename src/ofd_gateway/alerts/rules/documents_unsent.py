"""`documents_unsent`: documents are stuck in the FN, which blocks after thirty days (непереданные документы)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from ofd_gateway.alerts.facts import RegisterFacts
from ofd_gateway.alerts.model import AlertType, Evidence, Verdict
from ofd_gateway.alerts.rules.levels import crossed_after, next_after
from ofd_gateway.alerts.rules.rule import Rule, about_fn, about_register, from_tag, iso, register_subject

if TYPE_CHECKING:
    from datetime import datetime

    from ofd_gateway.alerts.facts import FnFacts, Unsent
    from ofd_gateway.alerts.model import FactValue
    from ofd_gateway.alerts.parameters import Parameters

__all__ = ["RULE", "judge", "next_change"]


def judge(facts: RegisterFacts, now: datetime, parameters: Parameters) -> tuple[Verdict, ...]:
    """One episode for each backlog: an FN and its first unsent document. Also of an FN that was taken out."""
    return tuple(
        _verdict(facts, fn, fn.unsent, now, parameters)
        for fn in facts.fns
        if fn.unsent is not None and fn.closed_at is None
    )


def next_change(facts: RegisterFacts, now: datetime, parameters: Parameters) -> datetime | None:
    """The next threshold of the oldest document's age."""
    moments = [
        next_after(parameters.documents_unsent.after, now, fn.unsent.since.__add__)
        for fn in facts.fns
        if fn.unsent is not None and fn.closed_at is None
    ]
    return min((at for at in moments if at is not None), default=None)


def aftermath(facts: RegisterFacts, now: datetime, parameters: Parameters) -> dict[str, FactValue]:
    """The register whose documents have come."""
    return {**about_register(facts), "late_documents": facts.late_documents}


def _verdict(facts: RegisterFacts, fn: FnFacts, unsent: Unsent, now: datetime, parameters: Parameters) -> Verdict:
    thresholds = parameters.documents_unsent
    level = crossed_after(now - unsent.since, thresholds.after, thresholds.critical_from)
    return Verdict(
        subject=register_subject(facts),
        episode=unsent.key,
        level=level,
        facts=_facts(facts, fn, unsent, now, parameters) if level else {},
        evidence=_evidence(fn, unsent),
    )


def _facts(
    facts: RegisterFacts, fn: FnFacts, unsent: Unsent, now: datetime, parameters: Parameters
) -> dict[str, FactValue]:
    blocks_at = unsent.since + parameters.documents_unsent.blocks_after
    return {
        **about_fn(facts, fn),
        "unsent": unsent.count,
        "first_unsent_fd": unsent.first_fd,
        "first_unsent_date": unsent.dated.isoformat() if unsent.dated else None,
        "unsent_since": iso(unsent.since),
        "blocks_at": iso(blocks_at),
        "days_to_block": max(0, -((now - blocks_at) // timedelta(days=1))),
    }


def _evidence(fn: FnFacts, unsent: Unsent) -> tuple[Evidence, ...]:
    if unsent.told_by_flag:
        return (from_tag(fn.number, unsent.report_fd, 1053, 1),)
    told = (
        (1097, unsent.count),
        (1098, unsent.dated.isoformat() if unsent.dated else None),
        (1116, unsent.first_fd),
    )
    return tuple(from_tag(fn.number, unsent.report_fd, tag, value) for tag, value in told if value is not None)


RULE = Rule(
    name="documents_unsent",
    type=AlertType.FAULT,
    watches=RegisterFacts,
    judge=judge,
    next_change=next_change,
    aftermath=aftermath,
)
