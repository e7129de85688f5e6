"""`fd_conflict`: two documents with one number (ФД с тем же номером и другим содержанием)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ofd_gateway.alerts.facts import RegisterFacts
from ofd_gateway.alerts.model import AlertType, Evidence, Level, Verdict
from ofd_gateway.alerts.rules.rule import Rule, about_fn, about_register, fn_subject, iso

if TYPE_CHECKING:
    from datetime import datetime

    from ofd_gateway.alerts.model import FactValue
    from ofd_gateway.alerts.parameters import Parameters

__all__ = ["RULE", "judge", "next_change"]

_CONFLICT: Final = Level("conflict", 1)


def judge(facts: RegisterFacts, now: datetime, parameters: Parameters) -> tuple[Verdict, ...]:
    """One episode for each number, until a person settles it."""
    return tuple(
        Verdict(
            subject=fn_subject(fn),
            episode=f"{fn.key}:{conflict.fd}",
            level=_CONFLICT,
            facts={**about_fn(facts, fn), "fd": conflict.fd, "seen_at": iso(conflict.seen_at)},
            evidence=(Evidence("conflict_seen", iso(conflict.seen_at), fn.number, conflict.fd, 1040),),
        )
        for fn in facts.fns
        for conflict in fn.conflicts
    )


def next_change(facts: RegisterFacts, now: datetime, parameters: Parameters) -> datetime | None:
    """Never."""
    return None


def aftermath(facts: RegisterFacts, now: datetime, parameters: Parameters) -> dict[str, FactValue]:
    """The register whose conflict was settled."""
    return about_register(facts)


RULE = Rule(
    name="fd_conflict",
    type=AlertType.OPERATOR,
    watches=RegisterFacts,
    judge=judge,
    next_change=next_change,
    aftermath=aftermath,
    momentary=True,
)
