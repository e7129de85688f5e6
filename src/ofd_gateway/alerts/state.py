"""The state kept of one register or customer between steps: facts, open alerts and the next moment to look."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from ofd_gateway.alerts.facts import CustomerFacts, RegisterFacts
from ofd_gateway.alerts.model import EndedEpisode, OpenAlert
from ofd_gateway.errors import OfdGatewayError

__all__ = [
    "State",
    "StateUnreadable",
    "adopt",
    "customer_of",
    "customer_state",
    "decode_state",
    "encode_state",
    "register_state",
]


class State(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What `engine.step` needs to go on. Never changed in place.

    `next_check_at` is the earliest moment at which time alone could change a verdict; it may be earlier than necessary,
    never later. `next_check_fd` is the same for document numbers of the FN in use. `mark` is that of the parameters
    under which the state was judged. `ended` are the episodes that were told last.
    """

    facts: RegisterFacts | CustomerFacts
    open: tuple[OpenAlert, ...] = ()
    ended: tuple[EndedEpisode, ...] = ()
    next_check_at: datetime | None = None
    next_check_fd: int | None = None
    mark: str = ""


class StateUnreadable(OfdGatewayError):
    """Stored bytes that are no state. The caller keeps them, reports them and starts from a new state or a replay."""


_DESCRIPTION: Final = ("user_inn", "user", "serial", "address", "place")

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(State)


def register_state(registration_number: str | None = None) -> State:
    """The state of a register nothing is known of; without a registration number, of an FN that has not named one."""
    return State(facts=RegisterFacts(registration_number=registration_number))


def customer_state(inn: str) -> State:
    """The state of a customer without a package."""
    return State(facts=CustomerFacts(inn=inn))


def customer_of(state: State) -> str | None:
    """The INN of whoever hears of this state's alerts: the customer it was given to, else the taxpayer."""
    facts = state.facts
    return facts.inn if isinstance(facts, CustomerFacts) else facts.customer or facts.user_inn


def adopt(register: State, by_fn: State) -> State:
    """The state of a register joined by what was kept of its FN while nobody knew its registration number.

    Alerts keep the subject they were opened for. The next step judges everything anew.
    """
    facts, joining = register.facts, by_fn.facts
    if not isinstance(facts, RegisterFacts) or not isinstance(joining, RegisterFacts):
        raise TypeError("only states of registers can be joined")
    numbers = {fn.number for fn in joining.fns}
    told = {name: getattr(joining, name) for name in _DESCRIPTION if getattr(joining, name) is not None}
    merged = msgspec.structs.replace(
        facts,
        **told,
        fns=tuple(fn for fn in facts.fns if fn.number not in numbers) + joining.fns,
        silence_since=_latest(facts.silence_since, joining.silence_since),
        last_receipt_at=_latest(facts.last_receipt_at, joining.last_receipt_at),
        last=max((last for last in (facts.last, joining.last) if last), key=lambda last: last.at, default=None),
        autonomous=joining.autonomous,
        rejections=facts.rejections + joining.rejections,
    )
    return State(facts=merged, open=register.open + by_fn.open, ended=register.ended + by_fn.ended)


def encode_state(state: State) -> bytes:
    """JSON that `decode_state` reads back; fields at their defaults are left out."""
    return _encoder.encode(state)


def decode_state(stored: bytes) -> State:
    """The state that was stored; fields of later versions are passed over. Raises StateUnreadable."""
    try:
        return _decoder.decode(stored)
    except msgspec.DecodeError as error:
        raise StateUnreadable(f"a stored alert state cannot be read: {error}") from error


def _latest(*moments: datetime | None) -> datetime | None:
    return max((at for at in moments if at is not None), default=None)
