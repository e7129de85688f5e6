"""One register at a glance: how it is, what its FN still can, and what stops it next."""

from __future__ import annotations

import enum
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from ofd_gateway.alerts.fn_life import expiry
from ofd_gateway.alerts.rules.fn_filling import fill_percent, full_at
from ofd_gateway.ffd.dictionary import document_kind
from ofd_gateway.ffd.domain import fn_model

if TYPE_CHECKING:
    from ofd_gateway.alerts.facts import FnFacts, RegisterFacts
    from ofd_gateway.alerts.parameters import Parameters
    from ofd_gateway.alerts.state import State

__all__ = ["Condition", "Overview", "Stop", "overview"]

_DAY: Final = timedelta(days=1)
_SILENCE: Final = "register_silent"


class Condition(enum.Enum):
    """How a register is, in one word."""

    UNKNOWN = "unknown"
    REMOVED = "removed"
    FN_CLOSED = "fn_closed"
    AUTONOMOUS = "autonomous"
    NEVER_SOLD = "never_sold"
    SILENT = "silent"
    WORKING = "working"


class Stop(msgspec.Struct, frozen=True, kw_only=True):
    """What stops the register, and when. `cause` is the name of the rule that watches it."""

    at: datetime
    cause: str
    days_left: int


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """What `registers list` and `registers show` print. Days are whole days, rounded up, never below 0.

    `fill_percent` is an estimate. `next_stop` is the first thing that stops the register if nobody does anything.
    """

    registration_number: str | None
    serial: str | None
    user_inn: str | None
    user: str | None
    place: str | None
    condition: Condition
    paid_until: datetime | None
    fn: str | None
    fn_model: str | None
    fn_expires_at: datetime | None
    fn_days_left: int | None
    fn_fill_percent: float | None
    last_document: str | None
    last_fd: int | None
    last_document_at: datetime | None
    last_receipt_at: datetime | None
    shift_number: int | None
    shift_open: bool
    unsent: int | None
    next_stop: Stop | None


def overview(state: State, facts: RegisterFacts, now: datetime, parameters: Parameters) -> Overview:
    """The register of that state; `facts` are the state's."""
    fn = facts.fn
    end = expiry(fn, parameters) if fn is not None else None
    model = fn_model(fn.number) if fn is not None else None
    shift = fn.shift if fn is not None else None
    last = facts.last
    return Overview(
        registration_number=facts.registration_number,
        serial=facts.serial,
        user_inn=facts.user_inn,
        user=facts.user,
        place=facts.place or facts.address,
        condition=_condition(state, facts),
        paid_until=facts.paid_until,
        fn=fn.number if fn is not None else None,
        fn_model=model.name if model is not None else None,
        fn_expires_at=end.at if end is not None else None,
        fn_days_left=_days_until(end.at, now) if end is not None else None,
        fn_fill_percent=round(fill_percent(fn, parameters), 1) if fn is not None else None,
        last_document=document_kind(last.code) if last is not None else None,
        last_fd=last.fd if last is not None else None,
        last_document_at=last.at if last is not None else None,
        last_receipt_at=facts.last_receipt_at,
        shift_number=shift.number if shift is not None else None,
        shift_open=shift is not None and shift.open,
        unsent=fn.unsent.count if fn is not None and fn.unsent is not None else None,
        next_stop=_next_stop(facts, fn, now, parameters),
    )


def _condition(state: State, facts: RegisterFacts) -> Condition:
    if facts.removed:
        return Condition.REMOVED
    if facts.last is None:
        return Condition.UNKNOWN
    if facts.fn is not None and facts.fn.closed_at is not None:
        return Condition.FN_CLOSED
    if facts.autonomous:
        return Condition.AUTONOMOUS
    if facts.last_receipt_at is None:
        return Condition.NEVER_SOLD
    silent = any(alert.rule == _SILENCE for alert in state.open)
    return Condition.SILENT if silent else Condition.WORKING


def _next_stop(facts: RegisterFacts, fn: FnFacts | None, now: datetime, parameters: Parameters) -> Stop | None:
    moments: list[tuple[datetime, str]] = []
    if facts.paid_until is not None:
        moments.append((facts.paid_until, "service_ending"))
    if fn is not None and fn.in_use:
        end = expiry(fn, parameters)
        full = full_at(fn, now, parameters)
        if end is not None:
            moments.append((end.at, "fn_expiring"))
        if full is not None:
            moments.append((full, "fn_filling"))
        if fn.unsent is not None:
            moments.append((fn.unsent.since + parameters.documents_unsent.blocks_after, "documents_unsent"))
    if not moments:
        return None
    at, cause = min(moments)
    return Stop(at=at, cause=cause, days_left=_days_until(at, now))


def _days_until(at: datetime, now: datetime) -> int:
    return max(0, -((now - at) // _DAY))
