"""From events to facts: the one place that reads documents for the rules."""

from __future__ import annotations

import copy
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple, assert_never

import msgspec

from ofd_gateway.alerts.events import (
    ConflictSeen,
    ConflictSettled,
    DocumentAccepted,
    FnDetached,
    FnsQueueMoved,
    FnsRefused,
    RegisterConfigured,
    RegisterRemoved,
    ServicePaid,
)
from ofd_gateway.alerts.facts.fn import Conflict, FnFacts, FnMode, KeyLife, Shift
from ofd_gateway.alerts.facts.numbering import gaps_after
from ofd_gateway.alerts.facts.register import LastDocument, RegisterFacts, Rejections
from ofd_gateway.alerts.facts.tags import RECEIPT_CODES, REGISTRATION_CODES, flag, issued_at, number, text
from ofd_gateway.alerts.facts.unsent import after_arrival, after_report, runs_after
from ofd_gateway.alerts.timeline import local_date, zone

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from ofd_gateway.alerts.events import RegisterEvent
    from ofd_gateway.ffd import Document

__all__ = ["MAX_CONFLICTS", "MAX_FNS", "MAX_REJECTIONS", "Observed", "observe_register"]

MAX_FNS: Final = 8
MAX_CONFLICTS: Final = 32
MAX_REJECTIONS: Final = 16

OPEN_SHIFT: Final = 2
CLOSE_SHIFT: Final = 5
CLOSE_FN: Final = 6
CURRENT_STATE: Final = 21

_WITH_FLAGS: Final = frozenset({OPEN_SHIFT, CLOSE_SHIFT})
_REPORTS: Final = frozenset({OPEN_SHIFT, CLOSE_SHIFT, CURRENT_STATE})
_WITH_KEY_LIFE: Final = frozenset({1, 11, CLOSE_SHIFT, CURRENT_STATE})
_WITH_MODE: Final = frozenset({1, 11, CURRENT_STATE})
_GENERAL_TAXATION: Final = 1
_EXCISE, _SERVICES_ONLY, _GAMBLING = 1 << 6, 1 << 9, 1 << 10
_LATE: Final = timedelta(hours=2)
_CODE_CONFLICT: Final = 11


class Observed(NamedTuple):
    """Facts after an event. `ordinary`: a receipt like the one before it, which can only end or put off a silence."""

    facts: RegisterFacts
    ordinary: bool


def observe_register(facts: RegisterFacts, event: RegisterEvent, timezone: str) -> Observed:
    """The facts after the event; those given are not changed. `timezone` is that of registers without their own."""
    after = copy.copy(facts)
    place = zone(facts.timezone or timezone)
    if isinstance(event, DocumentAccepted):
        return Observed(after, _document(after, event, place))
    match event:
        case ServicePaid():
            _paid(after, event)
        case RegisterConfigured():
            _configured(after, event)
        case RegisterRemoved():
            after.removed = True
        case FnDetached():
            after.fns = tuple(fn for fn in after.fns if fn.number != event.fn)
        case ConflictSeen():
            _conflict(after, event, place)
        case ConflictSettled():
            _settled(after, event)
        case FnsRefused():
            _reject(after, event.code, event.text, event.at, event.fn, event.fd, place, by_us=False)
        case FnsQueueMoved():
            _queue_moved(after, event)
        case _:
            assert_never(event)
    return Observed(after, ordinary=False)


def _document(facts: RegisterFacts, event: DocumentAccepted, place: ZoneInfo) -> bool:
    document, at, fd = event.document, event.at, event.fd
    code = document.code
    sale = code in RECEIPT_CODES
    ordinary = sale and not facts.removed and facts.last is not None
    if facts.removed:
        facts.removed = False
        facts.silence_since = at if facts.silence_since else None
    fn, seen_before = _fn_of(facts, event)
    issued_at_local = document.issued_at_local
    if not seen_before:
        ordinary = False
    elif fd <= fn.max_fd:
        ordinary = False
        fn.gaps = gaps_after(fn.gaps, fn.max_fd, fd, at)
        if fn.unsent is not None:
            fn.unsent = after_arrival(fn.unsent, fd, issued_at_local.date() if issued_at_local else None)
    else:
        if fd != fn.max_fd + 1:
            ordinary = False
            fn.gaps = gaps_after(fn.gaps, fn.max_fd, fd, at)
        fn.max_fd = fd
    newest = fd == fn.max_fd
    if issued_at_local is not None:
        _lateness(facts, at, issued_at_local, place)
        if newest and (not fn.runs or fn.runs[-1].day != issued_at_local.date()):
            before_at = facts.last.at if facts.last is not None and facts.last.fn == event.fn else None
            fn.runs = runs_after(fn.runs, issued_at_local.date(), fd, at, before_at)
    if sale:
        ordinary = ordinary and facts.silence_since is not None and facts.silence_since <= at
        facts.silence_since = facts.last_receipt_at = at
    shift_number = document.shift_number
    if newest and shift_number is not None and _shift(fn, document, shift_number, fd, at, place):
        ordinary = False
    if not sale or facts.last is None:
        _describe(facts, document)
    if not sale:
        _report(facts, fn, event, place)
    if event.response_code:
        ordinary = False
        _reject(facts, str(event.response_code), "", at, event.fn, fd, place, by_us=True)
    elif facts.rejections and _accept_again(facts):
        ordinary = False
    facts.last = LastDocument(event.fn, fd, code, at, issued_at_local)
    return ordinary


def _fn_of(facts: RegisterFacts, event: DocumentAccepted) -> tuple[FnFacts, bool]:
    """A fresh copy of the FN's facts inside `facts`, and whether the FN (of this generation) was there before."""
    fns = facts.fns
    at = len(fns) - 1
    while at >= 0 and fns[at].number != event.fn:
        at -= 1
    if at < 0 or fns[at].generation < event.generation:
        fn = _first_sight(event)
        if at >= 0:
            _restart_silence_after(facts, fns[at], event.at)
        _put_in(facts, fns if at < 0 else fns[:at] + fns[at + 1 :], fn, event.at)
        return fn, False
    fn = copy.copy(fns[at])
    if at == len(fns) - 1:
        facts.fns = (*fns[:-1], fn)
    elif event.document.code in REGISTRATION_CODES:
        fn.replaced_at = None
        _put_in(facts, fns[:at] + fns[at + 1 :], fn, event.at)
    else:
        facts.fns = (*fns[:at], fn, *fns[at + 1 :])
    return fn, True


def _first_sight(event: DocumentAccepted) -> FnFacts:
    return FnFacts(
        number=event.fn,
        generation=event.generation,
        seen_at=event.at,
        first_fd=event.fd,
        max_fd=event.fd,
        ffd=event.document.ffd,
    )


def _put_in(facts: RegisterFacts, others: tuple[FnFacts, ...], fn: FnFacts, at: datetime) -> None:
    """`fn` takes its place in the register; the one before it, if it is another, was replaced."""
    if others and others[-1].replaced_at is None:
        _restart_silence_after(facts, others[-1], at)
        others = (*others[:-1], msgspec.structs.replace(others[-1], replaced_at=at))
    facts.fns = (*others[-MAX_FNS + 1 :], fn)


def _restart_silence_after(facts: RegisterFacts, before: FnFacts, at: datetime) -> None:
    """A register whose FN was closed had nothing to say until it got another."""
    if before.closed_at is not None and facts.silence_since is not None:
        facts.silence_since = at


def _lateness(facts: RegisterFacts, at: datetime, issued_at_local: datetime, place: ZoneInfo) -> None:
    late = at.astimezone(place).replace(tzinfo=None) - issued_at_local > _LATE
    if late:
        facts.late_documents = facts.late_documents + 1 if facts.came_late else 1
    facts.came_late = late


def _shift(fn: FnFacts, document: Document, shift_number: int, fd: int, at: datetime, place: ZoneInfo) -> bool:
    """Whether the newest document opened, closed or betrayed a shift."""
    code = document.code
    known = fn.shift
    if code == CLOSE_SHIFT:
        opened_at = known.opened_at if known is not None else at
        fn.shift = Shift(number=shift_number, opened_at=opened_at, fd=fd, open=False)
    elif code == OPEN_SHIFT or (code in RECEIPT_CODES and (known is None or shift_number > known.number)):
        fn.shift = Shift(number=shift_number, opened_at=issued_at(document, place, at), fd=fd, open=True)
    return fn.shift is not known


def _describe(facts: RegisterFacts, document: Document) -> None:
    facts.registration_number = _key(document.registration_number) or facts.registration_number
    facts.user_inn = _key(document.user_inn) or facts.user_inn
    facts.user = text(document, 1048) or facts.user
    facts.address = text(document, 1009) or facts.address
    facts.place = text(document, 1187) or facts.place
    facts.serial = text(document, 1013) or facts.serial


def _key(value: str | None) -> str | None:
    """A number that rows can be found by; one with NUL in it names nobody."""
    return None if value is None or "\0" in value else value


def _report(facts: RegisterFacts, fn: FnFacts, event: DocumentAccepted, place: ZoneInfo) -> None:
    document, at, fd = event.document, event.at, event.fd
    code = document.code
    if fd < fn.max_fd:
        return
    fn.ffd = document.ffd
    if code in _WITH_FLAGS:
        fn.flags_fd = fd
        fn.exhausting = flag(document, 1050) is True
        fn.replace_urgently = flag(document, 1051) is True
        fn.memory_full = flag(document, 1052) is True
        fn.operator_message = number(document, 1206, 1) or 0
    if code in _REPORTS:
        fn.unsent = after_report(fn, document, fd, at, place)
    if code in _WITH_KEY_LIFE and (days := number(document, 1213, 2, 4)) is not None:
        expires_at = _later(issued_at(document, place, at), days)
        fn.key_life = KeyLife(days=days, expires_at=expires_at, fd=fd, code=code)
    if code in _WITH_MODE and (autonomous := flag(document, 1002)) is not None:
        if facts.autonomous and not autonomous and facts.silence_since is not None:
            facts.silence_since = at
        facts.autonomous = autonomous
    if code in REGISTRATION_CODES:
        fn.mode = _mode(document)
        if fd == 1:
            fn.activated_at = issued_at(document, place, at)
    if code == CLOSE_FN:
        fn.closed_at = at


def _mode(document: Document) -> FnMode:
    usage = number(document, 1290, 4) or 0
    return FnMode(
        autonomous=flag(document, 1002) is True,
        general_taxation=bool((number(document, 1062, 1) or 0) & _GENERAL_TAXATION),
        services_only=flag(document, 1109) is True or bool(usage & _SERVICES_ONLY),
        excise=flag(document, 1207) is True or bool(usage & _EXCISE),
        gambling=flag(document, 1193) is True or bool(usage & _GAMBLING),
    )


def _later(made_at: datetime, days: int) -> datetime:
    """That many days later, at most a century."""
    return made_at + timedelta(days=min(days, 36_525))


def _reject(
    facts: RegisterFacts, code: str, said: str, at: datetime, fn: str, fd: int, place: ZoneInfo, *, by_us: bool
) -> None:
    today = local_date(at, place)
    known = next((r for r in facts.rejections if r.code == code and r.day == today and r.by_us == by_us), None)
    tally = Rejections(
        code=code,
        day=today,
        count=known.count + 1 if known else 1,
        first_at=known.first_at if known else at,
        last_fn=fn,
        last_fd=fd,
        text=said or (known.text if known else ""),
        by_us=by_us,
    )
    others = [r for r in facts.rejections if r is not known and (not r.settled or r.day == today)]
    facts.rejections = (*others[-MAX_REJECTIONS + 1 :], tally)


def _accept_again(facts: RegisterFacts) -> bool:
    """Whether a document that passed our checks settled refusals of our own."""
    return _settle(facts, by_us=True)


def _settle(facts: RegisterFacts, *, by_us: bool) -> bool:
    after = tuple(
        msgspec.structs.replace(r, settled=True) if r.by_us == by_us and not r.settled else r for r in facts.rejections
    )
    changed = after != facts.rejections
    facts.rejections = after
    return changed


def _queue_moved(facts: RegisterFacts, event: FnsQueueMoved) -> None:
    facts.fns_queued = event.queued
    facts.fns_oldest_queued_at = event.oldest_queued_at if event.queued else None
    if event.queued == 0 and event.accepted:
        _settle(facts, by_us=False)


def _paid(facts: RegisterFacts, event: ServicePaid) -> None:
    was_over = facts.paid_until is not None and facts.paid_until <= event.at
    is_over = event.paid_until is not None and event.paid_until <= event.at
    if was_over and not is_over and facts.silence_since is not None:
        facts.silence_since = event.at
    facts.paid_until = event.paid_until


def _configured(facts: RegisterFacts, event: RegisterConfigured) -> None:
    facts.customer = event.customer
    facts.timezone = event.timezone and zone(event.timezone).key
    facts.calendar = event.calendar
    facts.watch_unsold = event.watch_unsold
    if facts.last_receipt_at is None:
        facts.silence_since = (facts.silence_since or event.at) if event.watch_unsold else None
    if facts.removed:
        facts.removed = False
        facts.silence_since = event.at if facts.silence_since else None


def _conflict(facts: RegisterFacts, event: ConflictSeen, place: ZoneInfo) -> None:
    _reject(facts, str(_CODE_CONFLICT), "", event.at, event.fn, event.fd, place, by_us=True)
    facts.fns = tuple(
        msgspec.structs.replace(fn, conflicts=_with_conflict(fn.conflicts, event)) if fn.number == event.fn else fn
        for fn in facts.fns
    )


def _with_conflict(known: tuple[Conflict, ...], event: ConflictSeen) -> tuple[Conflict, ...]:
    if any(conflict.fd == event.fd for conflict in known):
        return known
    return (*known[-MAX_CONFLICTS + 1 :], Conflict(event.fd, event.at))


def _settled(facts: RegisterFacts, event: ConflictSettled) -> None:
    facts.fns = tuple(
        msgspec.structs.replace(fn, conflicts=tuple(c for c in fn.conflicts if c.fd != event.fd))
        if fn.number == event.fn
        else fn
        for fn in facts.fns
    )
