"""A letter as bytes of mail: headers that no text can break, a plain part and an HTML part."""

from __future__ import annotations

import re
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import TYPE_CHECKING, Final

from ofd_gateway.alerts.letters.language import clean

if TYPE_CHECKING:
    from datetime import datetime

    from ofd_gateway.alerts.letters.model import Letter

__all__ = ["build_message", "host_of", "make_message_id", "wire_address"]

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


def build_message(
    letter: Letter, *, sender: str, sender_name: str, address: str, message_id: str, written_at: datetime
) -> bytes:
    """The message for one address, with CRLF line ends; the same arguments give the same bytes.

    Raises:
        ValueError: an address is none.
    """
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(clean(sender_name), addr_spec=wire_address(sender))
    message["To"] = Address(addr_spec=wire_address(address))
    message["Subject"] = clean(letter.subject)
    message["Date"] = format_datetime(written_at)
    message["Message-ID"] = message_id
    message["List-ID"] = f"<alerts.{host_of(sender)}>"
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(letter.text, charset="utf-8", cte="base64")
    message.add_alternative(letter.html, subtype="html", charset="utf-8", cte="base64")
    message.set_boundary(f"=_{message_id.strip('<>').partition('@')[0]}")
    return message.as_bytes()
