"""Why an alert is open, or why not: every rule's verdicts, parameters and next moment. For people, not for speed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

import msgspec

from ofd_gateway.alerts.facts import CustomerFacts, RegisterFacts
from ofd_gateway.alerts.model import OpenAlert, Verdict
from ofd_gateway.alerts.rules import CUSTOMER_RULES, REGISTER_RULES
from ofd_gateway.durations import spell_duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ofd_gateway.alerts.parameters import Parameters
    from ofd_gateway.alerts.rules import Rule
    from ofd_gateway.alerts.state import State

__all__ = ["RuleView", "explain", "spelt_parameters"]

F = TypeVar("F", RegisterFacts, CustomerFacts)


class RuleView(msgspec.Struct, frozen=True, kw_only=True):
    """One rule as it stands. `verdicts` name facts and evidence, `open` the alerts it opened.

    `parameters` are spelt as in the settings. `failure` is what the rule raised, None when it answered.
    """

    rule: str
    type: str
    verdicts: tuple[Verdict, ...] = ()
    open: tuple[OpenAlert, ...] = ()
    next_change_at: datetime | None = None
    next_change_fd: int | None = None
    parameters: dict[str, str]
    failure: str | None = None


def explain(state: State, now: datetime, parameters: Parameters) -> tuple[RuleView, ...]:
    """Every rule that applies to the state, in order, judged at `now`. Raises nothing."""
    if isinstance(state.facts, CustomerFacts):
        return _views(CUSTOMER_RULES, state.facts, state, now, parameters)
    return _views(REGISTER_RULES, state.facts, state, now, parameters)


def spelt_parameters(rule: str, parameters: Parameters) -> dict[str, str]:
    """The parameters of a rule by name, as they would be written in the settings; none for a rule that has none."""
    group = getattr(parameters, rule, None)
    if group is None:
        return {}
    return {f"{rule}.{name}": _spelt(getattr(group, name)) for name in group.__struct_fields__}


def _views(
    rules: Sequence[Rule[F]], facts: F, state: State, now: datetime, parameters: Parameters
) -> tuple[RuleView, ...]:
    views = []
    for rule in rules:
        known = RuleView(
            rule=rule.name,
            type=rule.type.value,
            open=tuple(alert for alert in state.open if alert.rule == rule.name),
            parameters=spelt_parameters(rule.name, parameters),
        )
        try:
            views.append(
                msgspec.structs.replace(
                    known,
                    verdicts=rule.judge(facts, now, parameters),
                    next_change_at=rule.next_change(facts, now, parameters),
                    next_change_fd=rule.next_fd(facts, parameters) if rule.next_fd is not None else None,
                )
            )
        except Exception as error:  # noqa: BLE001 - shown to whoever asked
            views.append(msgspec.structs.replace(known, failure=repr(error)))
    return tuple(views)


def _spelt(value: object) -> str:
    if isinstance(value, timedelta):
        return spell_duration(value)
    if isinstance(value, tuple):
        return ",".join(_spelt(part) for part in value)
    if isinstance(value, dict):
        return ",".join(f"{name}={_spelt(part)}" for name, part in sorted(value.items()))
    return str(value)
