"""The outside of a letter (конверт письма): addresses, Message-ID and headers that no text can break."""

from __future__ import annotations

import re
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import TYPE_CHECKING, Final

from ofd_gateway.plain_text import clean

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["host_of", "make_message_id", "start_message", "wire_address"]

_ADDRESS: Final = re.compile(r"[!-?A-~]{1,64}@[!-?A-~]{1,255}")
"""Printable ASCII without spaces; the rest is judged by the library."""


def host_of(sender: str) -> str:
    """The part of an address behind the `@`, in ASCII."""
    return wire_address(sender).rpartition("@")[2]


def make_message_id(unique: str, sender: str) -> str:
    """The Message-ID of a letter, made once; `unique` is a text of letters and digits that no other letter has."""
    return f"<{unique}@{host_of(sender)}>"


def wire_address(address: str) -> str:
    """The address as it is sent: a domain in other letters becomes its ASCII form.

    Raises:
        ValueError: it is no address, or has letters before the `@` that few mail servers take.
    """
    local, _, domain = address.rpartition("@")
    wire = f"{local}@{domain}" if domain.isascii() else f"{local}@{domain.encode('idna').decode('ascii')}"
    if not _ADDRESS.fullmatch(wire):
        raise ValueError(f"{clean(address)!r} is no address of mail")
    return Address(addr_spec=wire).addr_spec


def start_message(
    *, sender: str, sender_name: str, address: str, subject: str, message_id: str, written_at: datetime
) -> EmailMessage:
    """A message with the headers of every letter of ours, and no content yet.

    Names and the subject are cleaned, so that no text ends a header. Automatic answers are asked to stay away.

    Raises:
        ValueError: an address is none.
    """
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(clean(sender_name), addr_spec=wire_address(sender))
    message["To"] = Address(addr_spec=wire_address(address))
    message["Subject"] = clean(subject)
    message["Date"] = format_datetime(written_at)
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    return message
