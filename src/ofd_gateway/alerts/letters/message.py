"""A letter as bytes of mail: a plain part and an HTML part in one envelope."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ofd_gateway.envelope import host_of, make_message_id, start_message, wire_address

if TYPE_CHECKING:
    from datetime import datetime

    from ofd_gateway.alerts.letters.model import Letter

__all__ = ["build_message", "host_of", "make_message_id", "wire_address"]


def build_message(
    letter: Letter, *, sender: str, sender_name: str, address: str, message_id: str, written_at: datetime
) -> bytes:
    """The message for one address, with CRLF line ends; the same arguments give the same bytes.

    Raises:
        ValueError: an address is none.
    """
    message = start_message(
        sender=sender,
        sender_name=sender_name,
        address=address,
        subject=letter.subject,
        message_id=message_id,
        written_at=written_at,
    )
    message["List-ID"] = f"<alerts.{host_of(sender)}>"
    message.set_content(letter.text, charset="utf-8", cte="base64")
    message.add_alternative(letter.html, subtype="html", charset="utf-8", cte="base64")
    message.set_boundary(f"=_{message_id.strip('<>').partition('@')[0]}")
    return message.as_bytes()
