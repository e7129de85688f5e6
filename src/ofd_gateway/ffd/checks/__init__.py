"""Format-logical control (форматно-логический контроль, ФЛК): which rules a document breaks."""

from ofd_gateway.ffd.checks.catalogue import RULES, Rule, UnknownRuleError, explain
from ofd_gateway.ffd.checks.facts import SequenceFacts, advance
from ofd_gateway.ffd.checks.policy import DEFAULT, CheckPolicy, PolicyError, response_code
from ofd_gateway.ffd.checks.runner import check
from ofd_gateway.ffd.checks.sequence import check_sequence
from ofd_gateway.ffd.checks.violation import Severity, Violation

__all__ = [
    "DEFAULT",
    "RULES",
    "CheckPolicy",
    "PolicyError",
    "Rule",
    "SequenceFacts",
    "Severity",
    "UnknownRuleError",
    "Violation",
    "advance",
    "check",
    "check_sequence",
    "explain",
    "response_code",
]
