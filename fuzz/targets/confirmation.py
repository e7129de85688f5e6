"""Containers of the operator and the confirmations in them, as a register reads them.

First byte: bit 0 a sound container around the bytes, instead of the bytes as they are.
"""

from __future__ import annotations

from fuzz.cases import FN, Instructions
from ofd_gateway.crypto import EmulatorCrypto
from ofd_gateway.ffd.tlv import tlv
from ofd_gateway.protocol import (
    CONFIRMATION_CODE,
    FROM_OPERATOR,
    OPERATOR_SIGN_PREFIX,
    Container,
    ProtocolError,
    build_container,
    confirmation_body,
    parse_confirmation,
    parse_container,
)

__all__ = ["check"]

_CRYPTO = EmulatorCrypto(b"k" * 32)


def check(data: bytes) -> None:
    """A confirmation is read or refused by name, and one that we can write is written the same."""
    instructions = Instructions(data)
    raw = _wrapped(instructions) if instructions.number() & 1 else instructions.rest()
    try:
        container = parse_container(raw, kind=FROM_OPERATOR)
    except ProtocolError as error:
        assert 0 <= error.offset <= len(raw)
        return
    assert container.raw == raw
    assert not _CRYPTO.verify(container, message_sign=bytes(8))
    try:
        found = parse_confirmation(container)
    except ProtocolError as error:
        assert error.reason == "confirmation"
        assert 0 <= error.offset <= len(raw)
        return
    if len(found.operator_sign) != 8:
        return
    written = confirmation_body(
        operator_inn=found.operator_inn,
        operator_sign=found.operator_sign,
        fn=found.fn,
        fd=found.fd,
        confirmed_at=found.confirmed_at,
        response_code=found.response_code,
        operator_message=found.operator_message,
    )
    again = parse_confirmation(_container(written, found.fn, found.fd, container.trailer))
    assert again == found


def _wrapped(instructions: Instructions) -> bytes:
    """Records of a confirmation in any order, of any length, each of them right unless told otherwise."""
    right: dict[int, bytes] = {
        1017: b"7704211201  ",
        1078: OPERATOR_SIGN_PREFIX + b"abcd\x00\x03",
        1041: FN.encode(),
        1040: (7).to_bytes(4, "little"),
        1012: (1_764_000_000).to_bytes(4, "little"),
        1068: tlv(1022, b"\x00"),
        1206: b"\x02",
    }
    tags = list(right)
    records: list[bytes] = []
    while not instructions.is_empty and len(records) < 20:
        choice = instructions.number()
        tag = tags[choice % len(tags)]
        value = instructions.take(instructions.number() % 24) if choice & 0x80 else right[tag]
        records.append(tlv(tag, value))
    body = tlv(CONFIRMATION_CODE, b"".join(records))
    return _container(body, FN, 7, b"\x82\x06abcdef\x00\x00").raw


def _container(body: bytes, fn: str, fd: int, trailer: bytes) -> Container:
    raw = build_container(
        kind=FROM_OPERATOR,
        document_code=CONFIRMATION_CODE,
        fn=fn,
        fd=fd,
        nonce=b"12345678",
        body=body,
        trailer=trailer,
    )
    return parse_container(raw, kind=FROM_OPERATOR)
