"""Faults on demand (неисправности по заказу): answers that are wrong on purpose, for who writes a register. Pure."""

from ofd_gateway.faults.catalogue import CATALOGUE, CONDITIONS, PARAMETERS
from ofd_gateway.faults.matching import Claim, Subject, fires, is_spent, matches
from ofd_gateway.faults.model import Attempt, Fault, FaultError, What
from ofd_gateway.faults.script import Ending, Honest, Script, Step, perform
from ofd_gateway.faults.writing import KEYS, parse_fault, spell_fault

__all__ = [
    "CATALOGUE",
    "CONDITIONS",
    "KEYS",
    "PARAMETERS",
    "Attempt",
    "Claim",
    "Ending",
    "Fault",
    "FaultError",
    "Honest",
    "Script",
    "Step",
    "Subject",
    "What",
    "fires",
    "is_spent",
    "matches",
    "parse_fault",
    "perform",
    "spell_fault",
]
