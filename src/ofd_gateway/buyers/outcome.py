"""What becomes of a message after an attempt to send it, decided from the answers to its parts. Pure."""

from __future__ import annotations

import enum
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from ofd_gateway.alerts.letters.retry import RetryParameters, pause_after
from ofd_gateway.buyers.smpp.status import Meaning, meaning_of, status_text

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Fate", "PartAnswer", "SmsOutcome", "after_answers", "orphan_fate"]

_SHORT_PAUSE: Final = timedelta(seconds=1)
"""For what says nothing of the message: the centre is full, or the connection went before anything was written."""


class SmsOutcome(enum.Enum):
    """What an attempt leads to; the value is what is stored and counted."""

    SENT = "sent"
    THROTTLED = "throttled"
    NOT_SENT = "not_sent"
    DEFERRED = "deferred"
    UNKNOWN = "unknown"
    REFUSED = "refused"
    GIVEN_UP = "given_up"


class PartAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What was heard of one part. Without a status: `written` tells whether the centre may have it."""

    part: int
    status: int | None = None
    message_id: str = ""
    written: bool = True
    detail: str = ""


class Fate(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of an attempt. `pause` is set when it is tried again, `counts` tells whether it was an attempt."""

    outcome: SmsOutcome
    code: int | None = None
    reply: str = ""
    pause: timedelta | None = None
    counts: bool = True
    ours: bool = False


def after_answers(
    answers: Sequence[PartAnswer], *, attempts: int, retry: RetryParameters, resend_unknown: bool, draw: float
) -> Fate:
    """What the answers to the parts of one attempt lead to; `attempts` counts this one.

    The worst answer decides: one part that is refused for good makes the others useless, one that is unknown leaves
    the message unknown. Parts that were accepted are not sent again.
    """
    by_meaning: dict[Meaning, PartAnswer] = {}
    unknown: PartAnswer | None = None
    unsent: PartAnswer | None = None
    for one in answers:
        if one.status is not None:
            by_meaning.setdefault(meaning_of(one.status), one)
        elif one.written:
            unknown = unknown or one
        else:
            unsent = unsent or one
    refused = by_meaning.get(Meaning.NEVER)
    if refused is not None:
        return Fate(outcome=SmsOutcome.REFUSED, code=refused.status, reply=_reply(refused))
    if unknown is not None:
        return _unknown(unknown.detail, attempts=attempts, retry=retry, resend=resend_unknown, draw=draw)
    for meaning in (Meaning.OURS, Meaning.LATER):
        failed = by_meaning.get(meaning)
        if failed is not None:
            ours = meaning is Meaning.OURS
            return _again(
                SmsOutcome.DEFERRED, failed.status, _reply(failed), attempts=attempts, retry=retry, draw=draw, ours=ours
            )
    slower = by_meaning.get(Meaning.SLOWER)
    if slower is not None:
        return Fate(
            outcome=SmsOutcome.THROTTLED, code=slower.status, reply=_reply(slower), pause=_SHORT_PAUSE, counts=False
        )
    if unsent is not None:
        return Fate(outcome=SmsOutcome.NOT_SENT, reply=unsent.detail, pause=_SHORT_PAUSE, counts=False)
    ids = ", ".join(one.message_id for one in answers if one.message_id)
    return Fate(outcome=SmsOutcome.SENT, code=0, reply=ids)


def orphan_fate(*, attempts: int, retry: RetryParameters, resend_unknown: bool, draw: float) -> Fate:
    """What becomes of a message whose sender died with it in hand."""
    return _unknown("the process that sent it ended", attempts=attempts, retry=retry, resend=resend_unknown, draw=draw)


def _unknown(detail: str, *, attempts: int, retry: RetryParameters, resend: bool, draw: float) -> Fate:
    if not resend:
        return Fate(outcome=SmsOutcome.UNKNOWN, reply=detail)
    return _again(SmsOutcome.UNKNOWN, None, detail, attempts=attempts, retry=retry, draw=draw)


def _again(
    outcome: Literal[SmsOutcome.DEFERRED, SmsOutcome.UNKNOWN],
    code: int | None,
    reply: str,
    *,
    attempts: int,
    retry: RetryParameters,
    draw: float,
    ours: bool = False,
) -> Fate:
    if attempts >= retry.attempts:
        return Fate(outcome=SmsOutcome.GIVEN_UP, code=code, reply=reply, ours=ours)
    return Fate(outcome=outcome, code=code, reply=reply, pause=pause_after(attempts, retry, draw), ours=ours)


def _reply(one: PartAnswer) -> str:
    return one.detail or (status_text(one.status) if one.status is not None else "")
