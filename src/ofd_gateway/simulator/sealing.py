"""How the virtual drive signs and wraps a document: keyed digests where a real one has its keys."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from ofd_gateway.protocol import FROM_FN, build_container
from ofd_gateway.simulator.fields import tlv

if TYPE_CHECKING:
    from ofd_gateway.simulator.fn_document import DocumentCode


def seal(code: DocumentCode, *, fn: str, fd: int, key: bytes, head: bytes, rest: bytes) -> bytes:
    """The container of a document: `head`, the fiscal sign (ФПД, 1077) over both parts, `rest`; then the message sign.

    The nonce ends with the FD number; the sign of the message covers nonce and body.
    """
    fiscal_sign = b"\x21\x04" + _digest(key, b"fiscal", head + rest, 4)
    body = tlv(code, head + tlv(1077, fiscal_sign) + rest)
    nonce = _digest(key, b"nonce", fd.to_bytes(4, "big"), 5) + fd.to_bytes(3, "big")
    return build_container(
        kind=FROM_FN,
        document_code=code,
        fn=fn,
        fd=fd,
        nonce=nonce,
        body=body,
        trailer=b"\x81\x06" + _digest(key, b"message", nonce + body, 6) + b"\x00\x00",
    )


def _digest(key: bytes, purpose: bytes, data: bytes, length: int) -> bytes:
    return blake2b(data, digest_size=length, key=key, person=purpose).digest()
