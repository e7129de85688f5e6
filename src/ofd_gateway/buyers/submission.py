"""A message as it is submitted to the centre: who it comes from, where it goes, what is asked for. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from ofd_gateway.alerts.letters.retry import RetryParameters
from ofd_gateway.buyers.smpp.pdu import Message

if TYPE_CHECKING:
    from ofd_gateway.buyers.sms_text import EncodedSms

__all__ = ["SmsParameters", "submission"]

_INTERNATIONAL: Final = 1
_ALPHANUMERIC: Final = 5
_ISDN: Final = 1
_WITH_HEADER: Final = 0x40
_REPORT_OF_END: Final = 1


class SmsParameters(msgspec.Struct, frozen=True, kw_only=True):
    """How messages are sent: `window` in hand at once, at most `rate` parts a second, under the name `sender`."""

    sender: str
    retry: RetryParameters
    window: int = 10
    rate: float = 10.0
    validity: timedelta = timedelta(days=1)
    resend_unknown: bool = True


def submission(contact: str, encoded: EncodedSms, text: bytes, parameters: SmsParameters) -> Message:
    """The packet with one part, `text`, of a message to a number in the form of E.164; a report is asked for."""
    source, ton, npi = _source(parameters.sender)
    return Message(
        source=source,
        source_ton=ton,
        source_npi=npi,
        destination=contact.removeprefix("+"),
        destination_ton=_INTERNATIONAL,
        destination_npi=_ISDN,
        esm_class=_WITH_HEADER if encoded.has_header else 0,
        validity=_relative(parameters.validity),
        registered_delivery=_REPORT_OF_END,
        data_coding=encoded.data_coding,
        text=text,
    )


def _source(sender: str) -> tuple[str, int, int]:
    """Address, type of number and numbering plan; an empty address leaves the choice to the centre."""
    if not sender:
        return "", 0, 0
    digits = sender.removeprefix("+")
    if not digits.isdigit():
        return sender, _ALPHANUMERIC, 0
    return digits, _INTERNATIONAL if sender.startswith("+") else 0, _ISDN


def _relative(span: timedelta) -> str:
    """A span as SMPP writes it: `YYMMDDhhmmss000R`. Source: SMPP v3.4, 7.1.1.2."""
    hours, rest = divmod(span.seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    return f"0000{min(span.days, 99):02}{hours:02}{minutes:02}{seconds:02}000R"
