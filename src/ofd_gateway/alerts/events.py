"""What can happen to a register or a customer. `at` is our clock (aware UTC), never the register's."""

from __future__ import annotations

from datetime import date, datetime

import msgspec

from ofd_gateway.ffd import Document

__all__ = [
    "ConflictSeen",
    "ConflictSettled",
    "CustomerEvent",
    "DocumentAccepted",
    "DownTime",
    "Event",
    "FnDetached",
    "FnsQueueMoved",
    "FnsRefused",
    "MessagesSpent",
    "PackageToppedUp",
    "RegisterConfigured",
    "RegisterEvent",
    "RegisterRemoved",
    "ServicePaid",
    "WorkingCalendar",
]


class WorkingCalendar(msgspec.Struct, frozen=True, kw_only=True):
    """When a register works (рабочий календарь), by its own clock; silence counts only while it does.

    `week` holds seven pairs from Monday: minutes of the day at which work begins and ends, (0, 1440) for the whole
    day, None for a day off. A date of `days_off` is a day off; one of `days_on` works like the busiest day of the week.
    """

    week: tuple[tuple[int, int] | None, ...] = ((0, 1440),) * 7
    days_off: frozenset[date] = frozenset()
    days_on: frozenset[date] = frozenset()


class DownTime(msgspec.Struct, frozen=True, gc=False):
    """An interval in which the gateway itself did not serve: it counts as nobody's silence."""

    started_at: datetime
    ended_at: datetime


class DocumentAccepted(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A document that was stored for the first time (never a repeat). `at` is its arrival.

    `fn` and `fd` are those of the container, `response_code` is what we confirmed it with.
    """

    at: datetime
    fn: str
    fd: int
    document: Document
    generation: int = 0
    response_code: int = 0


class ConflictSeen(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A document came under the numbers of a stored one with other content."""

    at: datetime
    fn: str
    fd: int


class ConflictSettled(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A person looked at a conflict and closed it."""

    at: datetime
    fn: str
    fd: int


class RegisterConfigured(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Settings of a register as they are now; None leaves the default.

    `customer` is the INN of the customer it was given to, None: of the taxpayer its documents name. `watch_unsold`
    also watches a register that never sold anything, from this moment on.
    """

    at: datetime
    customer: str | None = None
    timezone: str | None = None
    calendar: WorkingCalendar | None = None
    watch_unsold: bool = False


class RegisterRemoved(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A register is no longer watched; its next document watches it again."""

    at: datetime


class FnDetached(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """An FN turned out to belong to another register, or was written off by a person."""

    at: datetime
    fn: str


class ServicePaid(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The paid term of a register is known or has moved; None: it has no term.

    `paid_until` is the first moment that is not paid for. For a date it is the midnight with which that date begins
    in the register's zone (`timeline.start_of_day`).
    """

    at: datetime
    paid_until: datetime | None


class FnsRefused(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The tax service (ФНС) refused a document for good, or did not take it after the tries we allow.

    `code` is its answer, or a word when there was none (`timeout`). `text` is what it said.
    """

    at: datetime
    fn: str
    fd: int
    code: str
    text: str = ""


class FnsQueueMoved(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The tax service accepted documents of a register, or its queue was counted.

    `queued` documents still wait, the oldest since `oldest_queued_at`. `accepted` tells whether the last document
    that it decided on was accepted.
    """

    at: datetime
    queued: int
    oldest_queued_at: datetime | None = None
    accepted: bool = True


class PackageToppedUp(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A customer bought messages. `balance` is what is left afterwards, `package` identifies the purchase."""

    at: datetime
    package: str
    balance: int


class MessagesSpent(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Messages were charged to a customer, or given back (negative). `balance` is what is left afterwards."""

    at: datetime
    messages: int
    balance: int


RegisterEvent = (
    DocumentAccepted
    | ConflictSeen
    | ConflictSettled
    | RegisterConfigured
    | RegisterRemoved
    | FnDetached
    | ServicePaid
    | FnsRefused
    | FnsQueueMoved
)
CustomerEvent = PackageToppedUp | MessagesSpent
Event = RegisterEvent | CustomerEvent
