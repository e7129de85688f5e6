"""What became of an attempt to deliver a letter, decided from the mail server's answer."""

from __future__ import annotations

import enum
import re
from datetime import datetime, timedelta
from typing import Final

import msgspec

from ofd_gateway.alerts.letters.retry import RetryParameters, pause_after

__all__ = ["Delivery", "DeliveryOutcome", "Outgoing", "Planned", "after_failure"]

_OUR_FAULT: Final = frozenset({500, 502, 503, 504, 530, 534, 535, 538})
"""Answers to RCPT that speak of the conversation or of our rights, not of the address."""
_POLICY: Final = re.compile(r"\b5\.7\.\d{1,3}\b")
"""The enhanced code of security and policy: relaying denied, sender not welcome."""


class DeliveryOutcome(enum.Enum):
    """What an attempt leads to; the value is the outcome that is stored and counted."""

    SENT = "sent"
    DEFERRED = "deferred"
    REFUSED = "refused"
    ADDRESS_DEAD = "address_dead"
    GIVEN_UP = "given_up"


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of one attempt. `pause` is set when it is tried again; `ours`: the settings are to blame."""

    outcome: DeliveryOutcome
    code: int | None
    reply: str
    pause: timedelta | None = None
    ours: bool = False


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """A letter that is due. `attempts` counts those before this one, `alerts` what it tells of."""

    id: int
    recipient: str
    address: str
    message_id: str
    message: bytes
    attempts: int
    alerts: int
    due_at: datetime


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """What planning one group of a recipient did: so many letters were written, or it failed and is tried later."""

    recipient: str
    urgency: str
    letters: int = 0
    dead: tuple[str, ...] = ()
    failure: str | None = None


def after_failure(
    *, stage: str, code: int | None, reply: str, permanent: bool, attempts: int, retry: RetryParameters, draw: float
) -> Delivery:
    """What a failed attempt leads to; `attempts` counts this one.

    An address is dead when the server refuses it for good, a letter when it refuses its content. Everything else is
    tried again: a refusal of our name, password or sender is cured in the settings.
    """
    ours = permanent and (
        stage not in ("recipient", "data")
        or (stage == "recipient" and (code in _OUR_FAULT or _POLICY.search(reply) is not None))
    )
    if permanent and not ours:
        outcome = DeliveryOutcome.ADDRESS_DEAD if stage == "recipient" else DeliveryOutcome.REFUSED
        return Delivery(outcome=outcome, code=code, reply=reply)
    if attempts >= retry.attempts:
        return Delivery(outcome=DeliveryOutcome.GIVEN_UP, code=code, reply=reply, ours=ours)
    pause = pause_after(attempts, retry, draw)
    return Delivery(outcome=DeliveryOutcome.DEFERRED, code=code, reply=reply, pause=pause, ours=ours)
