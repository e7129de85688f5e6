"""Which ways a receipt goes to its buyer, and which not and why. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import msgspec

from ofd_gateway.buyers.contact import ContactUnusable, parse_contacts
from ofd_gateway.buyers.sms_text import encode_sms, reference_of, sms_text
from ofd_gateway.ffd.values import decode_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ofd_gateway.ffd import Document

__all__ = ["Channel", "PlanParameters", "PlannedMessage", "contact_text", "plan_receipt"]

Channel = Literal["email", "sms", "none"]

_CONTACT: Final = 1008


class PlanParameters(msgspec.Struct, frozen=True, kw_only=True):
    """Which ways are open at all, and what a message to a phone costs."""

    by_email: bool
    by_sms: bool
    charge_by: Literal["message", "part"] = "message"


class PlannedMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One way, or why it is none. `queued` messages have a contact; `cost` is what they take from the package.

    `channel` is none where the contact is unusable.
    """

    channel: Channel
    state: Literal["queued", "off", "no_package", "unusable"]
    contact: str | None = None
    reason: str = ""
    parts: int = 0
    cost: int = 0


def contact_text(document: Document) -> str:
    """The buyer's contact (1008) as the register spelt it; empty when there is none."""
    raw = document.root.leaf(_CONTACT)
    return decode_text(raw) if raw else ""


def plan_receipt(
    document: Document,
    *,
    key: tuple[str, int, int],
    link: Callable[[Document], str],
    wanted: Sequence[str],
    customer: str | None,
    parameters: PlanParameters,
) -> tuple[PlannedMessage, ...]:
    """The messages of one receipt, at most one for each channel.

    `key` is FN, generation and FD number, `wanted` the channels that the customer wants, `customer` its INN or None
    when the register is nobody's. Whether the package holds the cost is not known here.
    """
    try:
        contacts = parse_contacts(contact_text(document))
    except ContactUnusable as error:
        return (PlannedMessage(channel="none", state="unusable", reason=error.reason),)
    planned: list[PlannedMessage] = []
    if contacts.email is not None:
        off = _off("email", is_open=parameters.by_email, wanted=wanted)
        planned.append(off or PlannedMessage(channel="email", state="queued", contact=contacts.email))
    if contacts.phone is not None:
        off = _off("sms", is_open=parameters.by_sms, wanted=wanted)
        if off is None and customer is None:
            off = PlannedMessage(channel="sms", state="no_package", reason="no_customer")
        if off is None:
            parts = len(encode_sms(sms_text(document, link(document)), reference_of(*key)).parts)
            cost = parts if parameters.charge_by == "part" else 1
            off = PlannedMessage(channel="sms", state="queued", contact=contacts.phone, parts=parts, cost=cost)
        planned.append(off)
    return tuple(planned)


def _off(channel: Literal["email", "sms"], *, is_open: bool, wanted: Sequence[str]) -> PlannedMessage | None:
    if not is_open:
        return PlannedMessage(channel=channel, state="off", reason="gateway")
    if channel not in wanted:
        return PlannedMessage(channel=channel, state="off", reason="customer")
    return None
