"""What the demo shows at one moment; made by the play, drawn by a view."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterView:
    """One register: how its day goes, what its drive holds, and what the rules say of it."""

    name: str
    store: str
    works: bool
    shift_open: bool
    receipts_today: int
    sold_kopecks: int
    unconfirmed: int
    history: tuple[int, ...]
    """Receipts of the latest days, today last."""
    alerts: tuple[tuple[str, str, bool], ...]
    """Rule, level and whether it is critical, of what is open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewsItem:
    """One change of an alert: `kind` is opened, raised or resolved."""

    at: datetime
    kind: str
    rule: str
    level: str
    critical: bool
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The whole chain at `now`."""

    now: datetime
    day: int
    days: int
    registers: tuple[RegisterView, ...]
    news: tuple[NewsItem, ...]
    documents: int
    mismatches: int
    letters: int
    messages_left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Countdown:
    """What stops a register next, and when; no cause when nothing does."""

    name: str
    at: datetime | None
    days_left: int | None
    cause: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SentLetter:
    """A letter that was sent."""

    number: int
    at: datetime
    address: str
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What is left when the play is over."""

    scene: Scene
    letters: tuple[SentLetter, ...]
    countdowns: tuple[Countdown, ...]
    alert_types: tuple[str, ...]
    """Types of alerts that were raised."""
    seconds: float


class View(Protocol):
    """Shows the play."""

    def starting(self, text: str) -> None:
        """Something takes a moment."""
        ...

    def show(self, scene: Scene) -> None:
        """The present moment."""
        ...

    def end(self) -> None:
        """Nothing more will be shown."""
        ...
