"""What a rule is: the pair «is it true now» and «when could that change by itself»."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from ofd_gateway.alerts.facts import CustomerFacts, RegisterFacts
from ofd_gateway.alerts.model import Evidence, FactValue, Subject, SubjectKind

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ofd_gateway.alerts.facts import FnFacts
    from ofd_gateway.alerts.model import AlertType, FactValue, Verdict
    from ofd_gateway.alerts.parameters import Parameters

__all__ = ["Rule", "about_fn", "about_register", "fn_subject", "from_tag", "iso", "register_subject"]

F = TypeVar("F", RegisterFacts, CustomerFacts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(Generic[F]):
    """One rule. All functions are pure; moments are aware UTC.

    `judge` gives a verdict for every episode that lasts, also when nothing is wrong in it (level None).
    `next_change` gives the first moment after `now` at which a verdict could change with time alone, None for never.
    `next_fd` gives the document number of the FN in use from which a verdict could change; receipts below it, one after
    the other, cannot change it. `aftermath` gives the facts for the news that an episode is over.
    `ended_by_receipts`: an ordinary receipt ends its episode. `momentary`: the cause is worth telling even when it is
    gone before the letter leaves.
    """

    name: str
    watches: type[F]
    type: AlertType
    judge: Callable[[F, datetime, Parameters], tuple[Verdict, ...]]
    next_change: Callable[[F, datetime, Parameters], datetime | None]
    aftermath: Callable[[F, datetime, Parameters], dict[str, FactValue]]
    next_fd: Callable[[F, Parameters], int | None] | None = None
    ended_by_receipts: bool = False
    momentary: bool = False


def register_subject(facts: RegisterFacts) -> Subject:
    """The register or, while its registration number is unknown, its FN."""
    if facts.registration_number is not None:
        return Subject(SubjectKind.REGISTER, facts.registration_number)
    return Subject(SubjectKind.FN, facts.fns[-1].number if facts.fns else "")


def fn_subject(fn: FnFacts) -> Subject:
    """The FN."""
    return Subject(SubjectKind.FN, fn.number)


def about_register(facts: RegisterFacts) -> dict[str, FactValue]:
    """Facts that name the register in every letter about it."""
    fn = facts.fns[-1].number if facts.fns else None
    return {"registration_number": facts.registration_number, "fn": fn, "place": facts.place or facts.address}


def about_fn(facts: RegisterFacts, fn: FnFacts) -> dict[str, FactValue]:
    """Facts that name the FN and its register."""
    return {**about_register(facts), "fn": fn.number}


def iso(at: datetime | None) -> str | None:
    """ISO 8601 text of a moment, in UTC."""
    return None if at is None else at.isoformat()


def from_tag(fn: str, fd: int, tag: int, value: FactValue, source: str = "document") -> Evidence:
    """Evidence that a document gave."""
    return Evidence(source=source, value=value, fn=fn, fd=fd, tag=tag)
