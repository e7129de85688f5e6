"""The rules by id (перечень правил ФЛК), read from `data/rules.tsv`."""

from __future__ import annotations

import importlib.resources
from typing import TYPE_CHECKING, Final

import msgspec

from ofd_gateway.errors import OfdGatewayError
from ofd_gateway.ffd.checks.violation import Severity

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["GROUPS", "RULES", "Rule", "UnknownRuleError", "explain"]

GROUPS: Final = {
    "structure": ("структура", "structure"),
    "version": ("версии формата", "format versions"),
    "presence": ("состав", "presence"),
    "values": ("значения", "values"),
    "sums": ("суммы", "sums"),
    "time": ("время", "time"),
    "sequence": ("последовательность", "sequence"),
}
"""Group of a rule to its name in Russian and in English."""


class UnknownRuleError(OfdGatewayError):
    """An id that no rule has. The caller shows the list of rules."""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule: what it demands, what to do about a violation, and what it rests on.

    `severity` is the default. Where a version of the format is more lenient, `leniency` says so.
    """

    id: str
    group: str
    severity: Severity
    title_ru: str
    title_en: str
    remedy_ru: str
    remedy_en: str
    leniency: str
    source: str


def explain(rule_id: str) -> Rule:
    """The rule with an id, written in any case. Raises UnknownRuleError."""
    rule = RULES.get(rule_id.strip().upper().replace("_", "-"))
    if rule is None:
        raise UnknownRuleError(f"there is no rule {rule_id!r}; `ofd-gateway checks list` names them all")
    return rule


def _read() -> Mapping[str, Rule]:
    lines = (importlib.resources.files("ofd_gateway.ffd") / "data" / "rules.tsv").read_text("utf-8").splitlines()
    rules = (_rule(line.split("\t")) for line in lines[1:])
    return {rule.id: rule for rule in rules}


def _rule(cells: list[str]) -> Rule:
    rule_id, group, severity, title_ru, title_en, remedy_ru, remedy_en, leniency, source = cells
    return Rule(
        id=rule_id,
        group=group,
        severity=Severity(severity),
        title_ru=title_ru,
        title_en=title_en,
        remedy_ru=remedy_ru,
        remedy_en=remedy_en,
        leniency=leniency,
        source=source,
    )


RULES: Final = _read()
"""Every rule by its id, in the order of the documentation."""
