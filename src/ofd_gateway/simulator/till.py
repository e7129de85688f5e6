"""A register's working life (касса): which document comes next, from registration to the end of the plan."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ofd_gateway.simulator.refusal import FnRefused, Refusal
from ofd_gateway.simulator.virtual_fn import Phase, VirtualFn

if TYPE_CHECKING:
    from ofd_gateway.simulator.fn_document import QueuedDocument
    from ofd_gateway.simulator.identity import Identity
    from ofd_gateway.simulator.shop import Shop

SHIFT_CLOSED_AFTER = timedelta(hours=23)
OVERRUN = b"\xa8\x04\xc8\x00?"
"""A field 1192 that says it has 200 bytes and has one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a register does with its life."""

    receipts: int | None = None
    """Receipts in all; None goes on until the plan is told to close."""
    receipts_per_shift: int = 50
    correction_every: int = 40
    """Each n-th receipt is followed by the next one as a correction; 0 makes none."""
    state_report_every: int = 30
    """After each n-th receipt follows a report of the present state; 0 makes none."""
    reregister_every_shifts: int = 0
    """After each n-th shift the parameters of registration are changed; 0 never does it."""
    broken_every: int = 0
    """Each n-th receipt has a field that runs over its end, as a faulty firmware writes it; 0 breaks none."""
    closes_archive: bool = False
    """Ends with the closing of the archive (закрытие ФН)."""


class Till:
    """The shop and the drive of one register, and how far its plan has come.

    Pure: the time is an argument, nothing is sent. Registration, opened shift, receipts, closed shift, and so on;
    a shift is closed when it is full or 23 hours old. What the drive refuses is counted, and the register does what a
    real one does: it closes the shift (16h), or shift and archive (06h, 12h), or waits for its queue to move (15h).
    `clock_error` is how far its wall clock is ahead. `broken` holds the numbers of documents nobody can read.
    """

    __slots__ = (
        "_clock_error",
        "_last_issued_at_local",
        "_opened_at_local",
        "_plan",
        "_receipts",
        "_reregistrations",
        "_state_reports",
        "_worn_out",
        "broken",
        "fn",
        "identity",
        "refusals",
        "shop",
    )

    def __init__(
        self,
        *,
        identity: Identity,
        fn: VirtualFn,
        shop: Shop,
        plan: Plan,
        clock_error: timedelta = timedelta(),
    ) -> None:
        self.identity = identity
        self.fn = fn
        self.shop = shop
        self.refusals: Counter[Refusal] = Counter()
        self.broken: set[int] = set()
        self._plan = plan
        self._clock_error = clock_error
        self._receipts = 0
        self._state_reports = 0
        self._reregistrations = 0
        self._worn_out = False
        self._opened_at_local: datetime | None = None
        self._last_issued_at_local: datetime | None = None

    def issue_next(self, now: datetime, *, closing: bool = False) -> QueuedDocument | None:
        """The next document of the plan, queued in the drive; None when the plan is done.

        `closing` ends an open plan: the shift is closed and no other document follows. The archive is closed, and the
        registration changed, only after everything else was confirmed; until then, and while the drive is blocked, the
        answer is None although the queue is not empty, and the till must be asked again.
        """
        at_local = self._wall_clock(now)
        try:
            return self._next(at_local, closing=closing)
        except FnRefused as refused:
            self.refusals[refused.refusal] += 1
            return self._after(refused.refusal, at_local)

    def _next(self, at_local: datetime, *, closing: bool) -> QueuedDocument | None:
        if self.fn.phase is Phase.SETUP:
            return None if closing else self._register(at_local)
        if self.fn.phase is not Phase.FISCAL:
            return None
        closing = closing or self._worn_out
        if not closing and self._state_report_is_due():
            self._state_reports += 1
            return self.fn.report_state(fields=self.shop.state_report_fields(), issued_at_local=at_local)
        done = closing or (self._plan.receipts is not None and self._receipts >= self._plan.receipts)
        if not self.fn.shift_open:
            if done:
                return self._close_archive(at_local)
            return self._change_registration(at_local) if self._change_is_due() else self._open_shift(at_local)
        full = self.fn.receipt_number >= self._plan.receipts_per_shift
        if done or full or self._shift_is_old(at_local):
            return self._close_shift(at_local)
        return self._issue_receipt(at_local)

    def _after(self, refusal: Refusal, at_local: datetime) -> QueuedDocument | None:
        if refusal is Refusal.SHIFT_OVER_24_HOURS:
            return self._close_shift(at_local)
        if refusal in (Refusal.ARCHIVE_FULL, Refusal.KEYS_EXPIRED):
            self._worn_out = True
            return self._close_shift(at_local) if self.fn.shift_open else self._close_archive(at_local)
        return None

    def _state_report_is_due(self) -> bool:
        every = self._plan.state_report_every
        return bool(every) and self._receipts // every > self._state_reports

    def _change_is_due(self) -> bool:
        every = self._plan.reregister_every_shifts
        return bool(every) and self.fn.shift_number // every > self._reregistrations

    def _shift_is_old(self, at_local: datetime) -> bool:
        return self._opened_at_local is not None and at_local - self._opened_at_local >= SHIFT_CLOSED_AFTER

    def _wall_clock(self, now: datetime) -> datetime:
        at_local = now + self.shop.utc_offset + self._clock_error
        at_local = at_local.replace(tzinfo=None, second=0, microsecond=0)
        if self._last_issued_at_local is not None:
            at_local = max(self._last_issued_at_local, at_local)
        self._last_issued_at_local = at_local
        return at_local

    def _register(self, at_local: datetime) -> QueuedDocument:
        return self.fn.register(
            registration_number=self.identity.registration_number,
            user_inn=self.identity.user_inn,
            fields=self.shop.registration_fields(),
            issued_at_local=at_local,
        )

    def _change_registration(self, at_local: datetime) -> QueuedDocument | None:
        if self.fn.unconfirmed_count:
            return None
        self._reregistrations += 1
        return self.fn.change_registration(fields=self.shop.registration_changed_fields(), issued_at_local=at_local)

    def _open_shift(self, at_local: datetime) -> QueuedDocument:
        document = self.fn.open_shift(fields=self.shop.shift_opened_fields(), issued_at_local=at_local)
        self._opened_at_local = at_local
        return document

    def _close_shift(self, at_local: datetime) -> QueuedDocument:
        return self.fn.close_shift(fields=self.shop.shift_closed_fields(), issued_at_local=at_local)

    def _issue_receipt(self, at_local: datetime) -> QueuedDocument:
        nth, every = self._receipts + 1, self._plan.correction_every
        correction = bool(every) and nth % (every + 1) == 0
        receipt = self.shop.next_correction(at_local) if correction else self.shop.next_receipt(at_local.date())
        broken = bool(self._plan.broken_every) and nth % self._plan.broken_every == 0
        document = self.fn.issue_receipt(
            receipt.settlement,
            fields=receipt.fields + OVERRUN if broken else receipt.fields,
            issued_at_local=at_local,
            correction=correction,
            bso=self.shop.kind.issues_bso,
        )
        self._receipts = nth
        if broken:
            self.broken.add(document.fd)
        return document

    def _close_archive(self, at_local: datetime) -> QueuedDocument | None:
        if not (self._plan.closes_archive or self._worn_out) or self.fn.unconfirmed_count:
            return None
        return self.fn.close_archive(fields=self.shop.archive_closed_fields(), issued_at_local=at_local)
