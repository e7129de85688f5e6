"""`fd_gap`: numbers of documents were left out (пропущены ФД)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ofd_gateway.alerts.facts import RegisterFacts
from ofd_gateway.alerts.model import AlertType, Evidence, Level, Verdict
from ofd_gateway.alerts.rules.rule import Rule, about_fn, about_register, fn_subject

if TYPE_CHECKING:
    from datetime import datetime

    from ofd_gateway.alerts.facts import FnFacts, Gap
    from ofd_gateway.alerts.model import FactValue
    from ofd_gateway.alerts.parameters import Parameters

__all__ = ["RULE", "judge", "next_change"]

_GAP: Final = Level("gap", 1)


def judge(facts: RegisterFacts, now: datetime, parameters: Parameters) -> tuple[Verdict, ...]:
    """One episode for each gap of every FN the register had."""
    return tuple(_verdict(facts, fn, gap, now, parameters) for fn in facts.fns for gap in fn.gaps)


def next_change(facts: RegisterFacts, now: datetime, parameters: Parameters) -> datetime | None:
    """The moment at which the next gap is old enough."""
    after = parameters.fd_gap.after
    moments = (gap.noticed_at + after for fn in facts.fns for gap in fn.gaps)
    return min((at for at in moments if at > now), default=None)


def aftermath(facts: RegisterFacts, now: datetime, parameters: Parameters) -> dict[str, FactValue]:
    """The register whose documents are whole again."""
    return about_register(facts)


def _verdict(facts: RegisterFacts, fn: FnFacts, gap: Gap, now: datetime, parameters: Parameters) -> Verdict:
    told: dict[str, FactValue] = {
        **about_fn(facts, fn),
        "first_fd": gap.first_fd,
        "last_fd": gap.last_fd,
        "missing": gap.left,
    }
    return Verdict(
        subject=fn_subject(fn),
        episode=f"{fn.key}:{gap.first_fd}",
        level=_GAP if now - gap.noticed_at >= parameters.fd_gap.after else None,
        facts=told,
        evidence=(Evidence("next_document", gap.last_fd + 1, fn.number, gap.last_fd + 1, 1040),),
    )


RULE = Rule(
    name="fd_gap",
    type=AlertType.OPERATOR,
    watches=RegisterFacts,
    judge=judge,
    next_change=next_change,
    aftermath=aftermath,
)
