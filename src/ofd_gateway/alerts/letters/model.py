"""What a letter is made from and what it becomes."""

from __future__ import annotations

from datetime import datetime

import msgspec

from ofd_gateway.alerts.model import AlertType, FactValue
from ofd_gateway.alerts.notices import NoticeReason

__all__ = ["Letter", "LetterLine", "Recipient"]


class Recipient(msgspec.Struct, frozen=True, kw_only=True):
    """Who reads the letter: `id` is an INN or `operator`; moments are told on the clock of `timezone`."""

    id: str
    name: str
    locale: str
    timezone: str


class LetterLine(msgspec.Struct, frozen=True, kw_only=True):
    """One alert in a letter. `timezone` is that of the register: days that count there are dated there."""

    alert_id: int
    rule: str
    type: AlertType
    level: str
    critical: bool
    subject: str
    facts: dict[str, FactValue]
    opened_at: datetime
    reason: NoticeReason
    resolved_at: datetime | None = None
    register_name: str | None = None
    place: str | None = None
    registration_number: str | None = None
    fn: str | None = None
    timezone: str | None = None

    @property
    def is_over(self) -> bool:
        """Whether the letter tells the end of what its reader has heard of."""
        return self.reason is NoticeReason.RESOLVED


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """The words of one letter, the same for every address of the recipient. The subject is one line."""

    subject: str
    text: str
    html: str
