"""Every rule, in the order in which they are judged and shown. A new rule is added here and in docs/alerts.md."""

from typing import Final

from ofd_gateway.alerts.facts import CustomerFacts, RegisterFacts
from ofd_gateway.alerts.rules import (
    documents_unsent,
    fd_conflict,
    fd_gap,
    fn_expiring,
    fn_filling,
    fns_rejected,
    messages_low,
    register_silent,
    service_ending,
    shift_too_long,
)
from ofd_gateway.alerts.rules.rule import Rule

__all__ = ["CUSTOMER_RULES", "REGISTER_RULES", "RULES", "Rule"]

REGISTER_RULES: Final[tuple[Rule[RegisterFacts], ...]] = (
    service_ending.RULE,
    register_silent.RULE,
    fn_filling.RULE,
    fn_expiring.RULE,
    documents_unsent.RULE,
    fns_rejected.RULE,
    shift_too_long.RULE,
    fd_gap.RULE,
    fd_conflict.RULE,
)
CUSTOMER_RULES: Final[tuple[Rule[CustomerFacts], ...]] = (messages_low.RULE,)
RULES: Final[tuple[Rule[RegisterFacts] | Rule[CustomerFacts], ...]] = (*REGISTER_RULES, *CUSTOMER_RULES)
