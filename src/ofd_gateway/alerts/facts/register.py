"""Facts of one register (ККТ): carried over when its FN is replaced."""

from __future__ import annotations

from datetime import date, datetime

import msgspec

from ofd_gateway.alerts.events import WorkingCalendar
from ofd_gateway.alerts.facts.fn import FnFacts

__all__ = ["LastDocument", "RegisterFacts", "Rejections"]


class LastDocument(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """The document that arrived last. `code` is its kind, `issued_at_local` what the register's clock said."""

    fn: str
    fd: int
    code: int
    at: datetime
    issued_at_local: datetime | None


class Rejections(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """Documents of one local day that were refused with one code, by the tax service or, `by_us`, by our checks.

    `settled`: documents are accepted again. The count of the day goes on should refusals begin anew.
    """

    code: str
    day: date
    count: int
    first_at: datetime
    last_fn: str
    last_fd: int
    text: str = ""
    by_us: bool = False
    settled: bool = False


class RegisterFacts(msgspec.Struct, kw_only=True, omit_defaults=True, tag="register"):
    """What is known of one register. Times are aware UTC.

    `registration_number` is None while only its FN is known. `customer` is the INN of the customer it was given to,
    `user_inn` that of the taxpayer its documents name. `silence_since` is the moment the silence clock counts
    from: the arrival of the last receipt, or the end of a time in which silence was in order; None while it never
    sold. `late_documents` counts the documents of the last run that came long after they were made.
    `fns` ends with the FN that is in the register.
    """

    registration_number: str | None = None
    customer: str | None = None
    user_inn: str | None = None
    user: str | None = None
    serial: str | None = None
    address: str | None = None
    place: str | None = None
    timezone: str | None = None
    calendar: WorkingCalendar | None = None
    watch_unsold: bool = False
    removed: bool = False
    paid_until: datetime | None = None
    autonomous: bool = False
    silence_since: datetime | None = None
    last_receipt_at: datetime | None = None
    last: LastDocument | None = None
    late_documents: int = 0
    came_late: bool = False
    fns: tuple[FnFacts, ...] = ()
    rejections: tuple[Rejections, ...] = ()
    fns_queued: int = 0
    fns_oldest_queued_at: datetime | None = None

    @property
    def fn(self) -> FnFacts | None:
        """The FN that is in the register; None before its first document and after that FN was taken away."""
        last = self.fns[-1] if self.fns else None
        return last if last is not None and last.replaced_at is None else None
