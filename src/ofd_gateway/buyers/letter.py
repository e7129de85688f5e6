"""A receipt as a letter: plain text, HTML and the QR code in one envelope."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ofd_gateway.buyers.amounts import money_text
from ofd_gateway.buyers.qr import qr_png
from ofd_gateway.buyers.sheet import lay_out
from ofd_gateway.buyers.templating import template
from ofd_gateway.buyers.till_roll import render_text
from ofd_gateway.buyers.view import Words
from ofd_gateway.envelope import start_message
from ofd_gateway.plain_text import clean

if TYPE_CHECKING:
    from datetime import datetime
    from email.message import EmailMessage

    from ofd_gateway.buyers.view import Language, ReceiptView

__all__ = ["compose_receipt_letter", "receipt_subject"]

_MESSAGE_ID: Final = re.compile(r"<([A-Za-z0-9._+-]{1,60})@([A-Za-z0-9.-]{1,255})>")
_LONGEST_SELLER: Final = 80
_OPEN: Final = Words("Открыть чек", "Open the receipt")
_SENT_BY: Final = Words("Чек отправил оператор фискальных данных", "Sent by the fiscal data operator")
_QR: Final = Words("QR-код чека", "QR code of the receipt")


def compose_receipt_letter(
    view: ReceiptView,
    *,
    sender: str,
    sender_name: str,
    address: str,
    message_id: str,
    written_at: datetime,
    link: str = "",
    language: Language = "ru",
) -> bytes:
    """The message to one buyer, with CRLF line ends; the same arguments give the same bytes.

    ::

    multipart/alternative ─┬─ text/plain
                           └─ multipart/related ─┬─ text/html
                                                 └─ image/png, the QR code, where the receipt has one

    `sender_name` is the operator's, `link` that of the receipt's page (`receipt_link`), empty for none. No text of the
    receipt can end a header: names and the subject are cleaned.

    Raises:
        ValueError: an address is none, or `message_id` is not like `<letters-and-digits@host>`.
    """
    found = _MESSAGE_ID.fullmatch(message_id)
    if found is None:
        raise ValueError(f"{clean(message_id)!r} is no Message-ID like <letters-and-digits@host>")
    unique, host = found.groups()
    message = start_message(
        sender=sender,
        sender_name=sender_name,
        address=address,
        subject=receipt_subject(view, language=language),
        message_id=message_id,
        written_at=written_at,
    )
    footer = f"{_SENT_BY.in_(language)} {clean(sender_name)}"
    text = render_text(view, language=language)
    foot = f"\n{_OPEN.in_(language)}:\n{link}\n" if link else ""
    message.set_content(f"{text}{foot}\n{footer}\n", charset="utf-8", cte="base64")
    picture = "" if view.qr is None else f"qr.{unique}@{host}"
    html = template("letter.html.j2").render(
        sheet=lay_out(view, language),
        picture=picture,
        picture_text=_QR.in_(language),
        link=link,
        link_text=_OPEN.in_(language),
        footer=footer,
    )
    message.add_alternative(html, subtype="html", charset="utf-8", cte="base64")
    if view.qr is not None:
        _add_picture(message, qr_png(view.qr), picture, boundary=f"=_related_{unique}"[:70])
    message.set_boundary(f"=_{unique}")
    return message.as_bytes()


def receipt_subject(view: ReceiptView, *, language: Language = "ru") -> str:
    """The subject of the letter, one line: what it is, the sum, the seller, the day."""
    what = (view.operation if view.gives_money and view.operation else view.title).in_(language)
    total = "" if view.total_kopecks is None else money_text(view.total_kopecks)
    seller = clean(view.seller_name, _LONGEST_SELLER)
    day = "" if view.issued_at_local is None else f"{view.issued_at_local:%d.%m.%Y}"
    head = f"{what} {total} ₽" if total else what
    return clean(", ".join(part for part in (head, seller, day) if part))


def _add_picture(message: EmailMessage, png: bytes, name: str, *, boundary: str) -> None:
    """Puts the picture beside the HTML, which makes both one part."""
    for part in message.iter_parts():
        if part.get_content_type() == "text/html":
            part.add_related(png, "image", "png", cid=f"<{name}>", filename="qr.png", disposition="inline")
            part.set_boundary(boundary)
