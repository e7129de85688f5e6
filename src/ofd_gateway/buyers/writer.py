"""What is written to a buyer about one receipt: the letter, the message, and the link that both hold. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ofd_gateway.buyers.letter import compose_receipt_letter
from ofd_gateway.buyers.link import receipt_link
from ofd_gateway.buyers.reading import receipt_view
from ofd_gateway.buyers.sms_text import encode_sms, reference_of, sms_text
from ofd_gateway.envelope import make_message_id
from ofd_gateway.ffd.domain import ReceiptQr

if TYPE_CHECKING:
    from datetime import datetime

    from ofd_gateway.buyers.model import Key
    from ofd_gateway.buyers.sms_text import EncodedSms
    from ofd_gateway.ffd import Document

__all__ = ["ReceiptWriter"]


class ReceiptWriter(msgspec.Struct, frozen=True, kw_only=True):
    """Writes for one operator: `sender` is the address that letters come from, `base_url` where the pages are."""

    sender: str
    sender_name: str
    base_url: str

    def link(self, document: Document) -> str:
        """The receipt's page; empty for a receipt that lacks one of the six facts of its QR code."""
        qr = ReceiptQr.of(document)
        return "" if qr is None else receipt_link(self.base_url, qr)

    def letter(self, document: Document, key: Key, *, address: str, planned_at: datetime, now: datetime) -> bytes:
        """The letter, under a Message-ID that is the same for every attempt of one plan.

        Raises:
            OfdGatewayError: the document is no receipt.
            ValueError: the address is none.
        """
        return compose_receipt_letter(
            receipt_view(document),
            sender=self.sender,
            sender_name=self.sender_name,
            address=address,
            message_id=self.message_id(key, planned_at),
            written_at=now,
            link=self.link(document),
        )

    def message_id(self, key: Key, planned_at: datetime) -> str:
        """The Message-ID of the letter with this receipt."""
        fn, generation, fd = key
        return make_message_id(f"receipt.{fn}.{generation}.{fd}.{int(planned_at.timestamp())}", self.sender)

    def sms(self, document: Document, key: Key) -> EncodedSms:
        """The parts of the message."""
        return encode_sms(sms_text(document, self.link(document)), reference_of(*key))
