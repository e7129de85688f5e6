"""A delivery receipt (отчёт о доставке): what became of a message that the centre had accepted. Pure.

Centres write it as optional fields, or as text: `id:ID sub:001 dlvrd:001 submit date:… done date:… stat:DELIVRD err:000
text:…`. Source: SMPP Protocol Specification v3.4, 5.2.12, 5.2.28 and appendix B.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from ofd_gateway.buyers.smpp.pdu import Tag

if TYPE_CHECKING:
    from ofd_gateway.buyers.smpp.pdu import Message

__all__ = ["DeliveryReceipt", "id_spellings", "is_receipt", "parse_receipt"]

_TYPE_BITS: Final = 0b0011_1100
_RECEIPT_BITS: Final = frozenset({0b0000_0100})
_STATES: Final = {
    1: "ENROUTE",
    2: "DELIVRD",
    3: "EXPIRED",
    4: "DELETED",
    5: "UNDELIV",
    6: "ACCEPTD",
    7: "UNKNOWN",
    8: "REJECTD",
}
_DELIVERED: Final = frozenset({"DELIVRD"})
_UNDELIVERED: Final = frozenset({"EXPIRED", "DELETED", "UNDELIV", "REJECTD"})
_ID: Final = re.compile(r"\bid:([!-~]{1,65})", re.IGNORECASE)
_STAT: Final = re.compile(r"\bstat:([A-Za-z]{1,10})", re.IGNORECASE)
_ERR: Final = re.compile(r"\berr:([0-9A-Za-z]{1,10})", re.IGNORECASE)


class DeliveryReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """`message_id` is the centre's, `outcome` what is final of it, None while it is under way; `state` as it said."""

    message_id: str
    outcome: Literal["delivered", "undelivered"] | None
    state: str
    error: str = ""


def is_receipt(message: Message) -> bool:
    """Whether a deliver_sm is a receipt, and not a message that somebody has written to us."""
    return message.esm_class & _TYPE_BITS in _RECEIPT_BITS or Tag.RECEIPTED_MESSAGE_ID in message.options


def parse_receipt(message: Message) -> DeliveryReceipt | None:
    """What the receipt says; the optional fields come before the text. None when it does not name its message."""
    text = message.text.decode("latin-1")
    told_id = message.options.get(Tag.RECEIPTED_MESSAGE_ID, b"").rstrip(b"\0").decode("latin-1")
    found = _ID.search(text)
    message_id = told_id if told_id.isprintable() and told_id else found[1] if found else ""
    if not message_id:
        return None
    state = _state(message, text)
    error = _ERR.search(text)
    outcome: Literal["delivered", "undelivered"] | None = None
    if state in _DELIVERED:
        outcome = "delivered"
    elif state in _UNDELIVERED:
        outcome = "undelivered"
    return DeliveryReceipt(message_id=message_id, outcome=outcome, state=state, error=error[1] if error else "")


def id_spellings(message_id: str) -> list[str]:
    """The id itself first, then as centres spell it that answer in hex and report in decimal, or the other way."""
    found = [message_id]
    if message_id.isascii() and message_id.isdigit():
        number = int(message_id)
        found += [f"{number:x}", f"{number:X}", f"{number:08x}", f"{number:08X}", str(number)]
    elif re.fullmatch(r"[0-9A-Fa-f]{1,32}", message_id):
        found += [str(int(message_id, 16)), message_id.lower(), message_id.upper()]
    return list(dict.fromkeys(found))


def _state(message: Message, text: str) -> str:
    told = message.options.get(Tag.MESSAGE_STATE, b"")
    if len(told) == 1:
        return _STATES.get(told[0], str(told[0]))
    found = _STAT.search(text)
    return found[1].upper() if found else ""
