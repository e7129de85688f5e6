"""The seam of the crypto module (модуль ПКЗ) and the emulator's implementation of it. Pure.

A production fiscal drive accepts only confirmations signed with keys that the operator's crypto module and the drive
share. The emulator has no such keys: it reads plain bodies and fills the places of the signs with a keyed MAC, so that
a confirmation can be verified later by whoever holds the key. A real module replaces it behind the same `CryptoModule`.

::

    1078  (ФПО)   88 06 | 4 bytes of the MAC | 00 03
    trailer (ФПП) 82 06 | 6 bytes of the MAC | 00 00

    MAC   = HMAC-SHA-256(key, "confirmation:" FN ":" FD ":" message sign, hex ":" code ":" operator message)
    nonce = HMAC-SHA-256(key, "nonce:" body), first 8 bytes

The signs say which answer was given to which content, so a repeat gets the same ones; the nonce covers the whole body,
time of confirmation included.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final, Protocol

import msgspec

from ofd_gateway.errors import OfdGatewayError
from ofd_gateway.protocol import (
    CONFIRMATION_CODE,
    CONTAINER_HEADER_BYTES,
    FROM_OPERATOR,
    OPERATOR_SIGN_PREFIX,
    OPERATOR_SIGN_SUFFIX,
    Container,
    ProtocolError,
    build_container,
    parse_confirmation,
)

__all__ = ["BodyUnreadable", "CryptoModule", "EmulatorCrypto", "Signs"]

_MESSAGE_SIGN_PREFIX: Final = bytes.fromhex("8106")
_CONFIRMATION_SIGN_PREFIX: Final = bytes.fromhex("8206")
_TRAILER_SUFFIX: Final = bytes.fromhex("0000")
_STLV_HEAD_BYTES: Final = 4
_HASH_BLOCK_BYTES: Final = 64
_INNER_PAD: Final = bytes(byte ^ 0x36 for byte in range(256))
_OUTER_PAD: Final = bytes(byte ^ 0x5C for byte in range(256))


class BodyUnreadable(OfdGatewayError):
    """The body of a container is not a plain document; `offset` counts from the start of the container."""

    def __init__(self, reason: str, *, field: str, offset: int, rule: str, detail: str) -> None:
        super().__init__(f"{field} at byte {offset}: {detail}; {rule}")
        self.reason = reason
        self.field = field
        self.offset = offset
        self.rule = rule
        self.detail = detail


class Signs(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The two signs of one confirmation: 8 bytes for tag 1078 and the 10-byte trailer."""

    operator_sign: bytes
    trailer: bytes


class CryptoModule(Protocol):
    """What the gateway asks of a crypto module."""

    def unwrap(self, container: Container) -> bytes:
        """The plain STLV of a container from an FN; raises `BodyUnreadable`."""
        ...

    def sign(self, *, fn: str, fd: int, message_sign: bytes, response_code: int, operator_message: int) -> Signs:
        """The signs of a confirmation; the same arguments give the same signs."""
        ...

    def wrap(self, *, body: bytes, fn: str, fd: int, signs: Signs) -> bytes:
        """The whole container (type 5A) around the STLV of a confirmation."""
        ...

    def verify(self, container: Container, *, message_sign: bytes) -> bool:
        """Whether this module made that confirmation, for the document with that message sign."""
        ...


class EmulatorCrypto:
    """Plain bodies in, MACs out (HMAC-SHA-256 under one key)."""

    def __init__(self, key: bytes) -> None:
        if not key:
            raise ValueError("the key is empty")
        self._confirmation_mac = _Mac(key, b"confirmation:")
        self._nonce_mac = _Mac(key, b"nonce:")

    def unwrap(self, container: Container) -> bytes:
        """The body itself, when its outer tag is the document code and its length fills the container.

        Raises:
            BodyUnreadable: reason `encrypted_or_corrupt`. An encrypted body hides the trailer too, so the detail says
                which of the two is likely.
        """
        body = container.body
        if len(body) < _STLV_HEAD_BYTES:
            raise _unreadable(
                container, "document", 0, "it begins with tag and length, 4 bytes", f"the body has {len(body)} bytes"
            )
        tag = int.from_bytes(body[:2], "little")
        if tag != container.document_code:
            rule = f"a plain one begins with its code, {container.document_code}"
            raise _unreadable(container, "document", 0, rule, f"it begins with {tag}")
        length = int.from_bytes(body[2:4], "little")
        if length != len(body) - _STLV_HEAD_BYTES:
            rule = f"the document fills the {len(body) - _STLV_HEAD_BYTES} bytes of its container"
            raise _unreadable(container, "document length", 2, rule, f"its length is {length}")
        return body

    def sign(self, *, fn: str, fd: int, message_sign: bytes, response_code: int, operator_message: int) -> Signs:
        """Signs over the identity of the document and the answer, never all zero."""
        subject = b"%b:%d:%b:%d:%d" % (fn.encode(), fd, message_sign.hex().encode(), response_code, operator_message)
        mac = self._confirmation_mac.of(subject)
        return Signs(
            operator_sign=OPERATOR_SIGN_PREFIX + _not_zero(mac[:4]) + OPERATOR_SIGN_SUFFIX,
            trailer=_CONFIRMATION_SIGN_PREFIX + _not_zero(mac[4:10]) + _TRAILER_SUFFIX,
        )

    def wrap(self, *, body: bytes, fn: str, fd: int, signs: Signs) -> bytes:
        """A container whose nonce is a MAC of the body, so that it differs from one confirmation to the next."""
        return build_container(
            kind=FROM_OPERATOR,
            document_code=CONFIRMATION_CODE,
            fn=fn,
            fd=fd,
            nonce=self._nonce(body),
            body=body,
            trailer=signs.trailer,
        )

    def verify(self, container: Container, *, message_sign: bytes) -> bool:
        """Whether every byte of this confirmation was made with this key for the document with that message sign.

        Anything that is no confirmation gives False.
        """
        try:
            confirmation = parse_confirmation(container)
        except ProtocolError:
            return False
        signs = self.sign(
            fn=confirmation.fn,
            fd=confirmation.fd,
            message_sign=message_sign,
            response_code=confirmation.response_code,
            operator_message=confirmation.operator_message,
        )
        body = container.body
        expected = self.wrap(body=body, fn=confirmation.fn, fd=confirmation.fd, signs=signs)
        return hmac.compare_digest(expected, container.raw) and hmac.compare_digest(
            signs.operator_sign, confirmation.operator_sign
        )

    def _nonce(self, body: bytes) -> bytes:
        return _not_zero(self._nonce_mac.of(body)[:8])


class _Mac:
    """HMAC-SHA-256 (RFC 2104) under one key of texts with one beginning, both hashed once and for all."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes, beginning: bytes) -> None:
        block = hashlib.sha256(key).digest() if len(key) > _HASH_BLOCK_BYTES else key
        block = block.ljust(_HASH_BLOCK_BYTES, b"\0")
        self._inner = hashlib.sha256(block.translate(_INNER_PAD) + beginning)
        self._outer = hashlib.sha256(block.translate(_OUTER_PAD))

    def of(self, text: bytes) -> bytes:
        """The 32 bytes for the beginning and `text`."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(text)
        outer.update(inner.digest())
        return outer.digest()


def _not_zero(mac: bytes) -> bytes:
    return mac if any(mac) else bytes(len(mac) - 1) + b"\x01"


def _unreadable(container: Container, field: str, offset: int, rule: str, detail: str) -> BodyUnreadable:
    trailer = container.trailer
    if trailer.startswith(_MESSAGE_SIGN_PREFIX) and trailer.endswith(_TRAILER_SUFFIX):
        likely = "its message sign is readable, so it is corrupt rather than encrypted"
    else:
        likely = "its message sign is not readable either, so it is encrypted rather than corrupt"
    return BodyUnreadable(
        "encrypted_or_corrupt",
        field=field,
        offset=CONTAINER_HEADER_BYTES + offset,
        rule=rule,
        detail=f"{detail}; {likely}",
    )
