"""The address of a receipt's page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ofd_gateway.ffd.domain import format_qr

if TYPE_CHECKING:
    from ofd_gateway.ffd.domain import ReceiptQr

__all__ = ["CHECK_PATH", "receipt_link"]

CHECK_PATH: Final = "/check"


def receipt_link(base_url: str, qr: ReceiptQr) -> str:
    """The page that shows the receipt to whoever knows its QR code; `base_url` is `web.public_url`.

    ::

    https://check.example/check?t=20181030T0849&s=159.00&fn=9289000100087745&i=24896&fp=4146547960&n=1
    """
    return f"{base_url.rstrip('/')}{CHECK_PATH}?{format_qr(qr)}"
