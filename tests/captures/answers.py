"""Confirmations and encrypted messages for tests."""

from __future__ import annotations

from datetime import UTC, datetime

from ofd_gateway.crypto import EmulatorCrypto
from ofd_gateway.protocol import FROM_FN, Connection, Role, build_container, confirmation_body
from tests.messages import DEBUG_FN, message

CRYPTO = EmulatorCrypto(b"key")


def confirmation(fn: str = DEBUG_FN, fd: int = 7, *, code: int = 0) -> bytes:
    """An answer of the operator with its session header."""
    signs = CRYPTO.sign(fn=fn, fd=fd, message_sign=b"\x81\x06abcdef", response_code=code, operator_message=0)
    body = confirmation_body(
        operator_inn="7704211201",
        operator_sign=signs.operator_sign,
        fn=fn,
        fd=fd,
        confirmed_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        response_code=code,
        operator_message=0,
    )
    wrapped = CRYPTO.wrap(body=body, fn=fn, fd=fd, signs=signs)
    return Connection(Role.REGISTER).send_message(wrapped, version=b"\x01\x05", fn=fn)


def encrypted(fn: str = DEBUG_FN, fd: int = 9) -> bytes:
    """A message whose body and message sign cannot be read."""
    hidden = build_container(
        kind=FROM_FN, document_code=3, fn=fn, fd=fd, nonce=b"n" * 8, body=b"\x55\xaa" * 40, trailer=b"hidden...."
    )
    return message(hidden, fn=fn)
