"""What alerts are made of: subjects, levels, verdicts, transitions, and the state kept of one subject."""

from __future__ import annotations

import enum
from datetime import datetime

import msgspec

__all__ = [
    "AlertType",
    "EndReason",
    "EndedEpisode",
    "Evidence",
    "FactValue",
    "Level",
    "OpenAlert",
    "Subject",
    "SubjectKind",
    "Transition",
    "TransitionKind",
    "Verdict",
]

FactValue = str | int | float | bool | None
"""A fact as letters and `alerts list --json` show it; moments are ISO 8601 text."""


class AlertType(enum.Enum):
    """The types a customer switches on and off, and the one that goes to the operator alone."""

    SERVICE = "service"
    MESSAGES = "messages"
    SILENCE = "silence"
    FAULT = "fault"
    OPERATOR = "operator"


class SubjectKind(enum.Enum):
    """What an alert is about: a register (ККТ), an FN (ФН), a customer, or this gateway as a whole."""

    REGISTER = "register"
    FN = "fn"
    CUSTOMER = "customer"
    GATEWAY = "gateway"


class Subject(msgspec.Struct, frozen=True, gc=False):
    """One thing an alert is about. `id` is a registration number (1037), an FN number (1041), an INN or a word."""

    kind: SubjectKind
    id: str

    def __str__(self) -> str:
        return self.id


class Level(msgspec.Struct, frozen=True, gc=False):
    """How bad it is. `name` is spelt as in the settings (30d, 50, 24h); of two levels of a rule the heavier is worse.

    `weight` compares across changes of the settings: seconds that have passed, minus seconds that are left, percent.
    Critical levels are repeated daily until acknowledged and are delivered in quiet hours too.
    """

    name: str
    weight: float
    critical: bool = False


class Evidence(msgspec.Struct, frozen=True, gc=False):
    """One value that a verdict rests on: the document it came from and the tag, or the name of an event.

    `fn` and `fd` are None for facts no document carries, such as a payment.
    """

    source: str
    value: FactValue
    fn: str | None = None
    fd: int | None = None
    tag: int | None = None


class Verdict(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What a rule says of one episode (эпизод): true now, at which level, and why.

    `level` None means that the episode lasts but nothing is wrong (yet, or at this moment): an alert that is open stays
    open. An episode that a rule no longer names is over: its alert is resolved.
    """

    subject: Subject
    episode: str
    level: Level | None
    facts: dict[str, FactValue] = {}
    evidence: tuple[Evidence, ...] = ()


class TransitionKind(enum.Enum):
    """What happened to an alert."""

    OPENED = "opened"
    RAISED = "raised"
    RESOLVED = "resolved"


class EndReason(enum.Enum):
    """Why an alert was resolved."""

    OVER = "the cause is gone"
    SUPERSEDED = "a new episode of the same rule took its place"
    REMOVED = "the register is no longer watched"


class OpenAlert(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """An alert that is open in a state. Its subject stays what it was when the alert opened."""

    rule: str
    subject: Subject
    episode: str
    level: Level
    opened_at: datetime
    raised_at: datetime


class EndedEpisode(msgspec.Struct, frozen=True, gc=False):
    """An episode that was told and ended: if it comes back, only a heavier level opens an alert again."""

    rule: str
    episode: str
    weight: float


class Transition(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One change of one alert, identified by (rule, subject, episode, level): a row of the database's alert history.

    `opened_at` is that of the alert, `at` that of the change. For RESOLVED, `level` is the level it had reached.
    """

    kind: TransitionKind
    rule: str
    type: AlertType
    subject: Subject
    episode: str
    level: Level
    at: datetime
    opened_at: datetime
    facts: dict[str, FactValue]
    evidence: tuple[Evidence, ...] = ()
    end_reason: EndReason | None = None
