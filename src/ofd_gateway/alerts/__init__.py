"""Alerts: what customers and operators are told, once and in time. This part is pure; its shells send the letters."""

from ofd_gateway.alerts.engine import RuleFailure, StepResult, note, step
from ofd_gateway.alerts.events import (
    ConflictSeen,
    ConflictSettled,
    DocumentAccepted,
    DownTime,
    Event,
    FnDetached,
    FnsQueueMoved,
    FnsRefused,
    MessagesSpent,
    PackageToppedUp,
    RegisterConfigured,
    RegisterRemoved,
    ServicePaid,
    WorkingCalendar,
)
from ofd_gateway.alerts.model import AlertType, Evidence, Level, Subject, SubjectKind, Transition, TransitionKind
from ofd_gateway.alerts.parameters import ParameterError, Parameters, customise
from ofd_gateway.alerts.rules import RULES, Rule
from ofd_gateway.alerts.state import State, adopt, customer_state, decode_state, encode_state, register_state

__all__ = [
    "RULES",
    "AlertType",
    "ConflictSeen",
    "ConflictSettled",
    "DocumentAccepted",
    "DownTime",
    "Event",
    "Evidence",
    "FnDetached",
    "FnsQueueMoved",
    "FnsRefused",
    "Level",
    "MessagesSpent",
    "PackageToppedUp",
    "ParameterError",
    "Parameters",
    "RegisterConfigured",
    "RegisterRemoved",
    "Rule",
    "RuleFailure",
    "ServicePaid",
    "State",
    "StepResult",
    "Subject",
    "SubjectKind",
    "Transition",
    "TransitionKind",
    "WorkingCalendar",
    "adopt",
    "customer_state",
    "customise",
    "decode_state",
    "encode_state",
    "note",
    "register_state",
    "step",
]
