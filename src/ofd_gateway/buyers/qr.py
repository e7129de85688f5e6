"""The QR code of a receipt (1196): the standard string as a picture."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

from ofd_gateway.ffd.domain import format_qr

if TYPE_CHECKING:
    from segno import QRCode

    from ofd_gateway.ffd.domain import ReceiptQr

__all__ = ["qr_png", "qr_svg"]

_BORDER_MODULES: Final = 4
"""The quiet zone that the standard asks for."""
_PIXELS_OF_A_MODULE: Final = 6


def qr_svg(qr: ReceiptQr) -> str:
    """An `<svg>` element without size, for a page; dark on transparent, with its quiet zone."""
    return _code(qr).svg_inline(border=_BORDER_MODULES, dark="#000", omitsize=True)


def qr_png(qr: ReceiptQr) -> bytes:
    """The same as a PNG, six pixels a module, dark on white."""
    picture = io.BytesIO()
    _code(qr).save(picture, kind="png", scale=_PIXELS_OF_A_MODULE, border=_BORDER_MODULES, dark="#000", light="#fff")
    return picture.getvalue()


def _code(qr: ReceiptQr) -> QRCode:
    import segno

    return segno.make_qr(format_qr(qr), error="m")
