"""What is said of a piece, also of one that cannot be read to its end."""

from __future__ import annotations

import pytest

from ofd_gateway.captures.opened import Opened, is_encrypted, open_piece, response_code
from ofd_gateway.captures.piece import Address, Piece, Sender, Sort
from ofd_gateway.ffd import decode
from ofd_gateway.protocol import Connection, Role
from tests.messages import DEBUG_FN, container, message, tlv

from .answers import confirmation, encrypted

MESSAGE = message(container(DEBUG_FN, 7))


def opened(raw: bytes, sort: Sort = Sort.MESSAGE, missing: int = 0) -> Opened:
    return open_piece(
        Piece(
            connection=1,
            sender=Sender.REGISTER,
            sort=sort,
            raw=raw,
            at=None,
            source="a",
            destination="b",
            missing_bytes=missing,
        )
    )


def test_a_message() -> None:
    one = opened(MESSAGE)
    assert (one.kind, one.fn, one.fd, one.response_code, one.encrypted, one.fault) == (
        "receipt",
        DEBUG_FN,
        7,
        None,
        False,
        None,
    )


def test_a_confirmation() -> None:
    one = opened(confirmation(code=14))
    assert (one.kind, one.fd, one.response_code, one.encrypted) == ("operatorAck", 7, 14, False)


def test_a_service_message() -> None:
    one = opened(Connection(Role.REGISTER).send_service(version=b"\x01\x05", fn=DEBUG_FN))
    assert (one.kind, one.fn, one.fd) == ("service", DEBUG_FN, None)


def test_an_encrypted_message_shows_its_headers() -> None:
    one = opened(encrypted())
    assert (one.kind, one.fn, one.fd, one.encrypted) == ("receipt", DEBUG_FN, 9, True)
    assert one.fault is not None
    assert one.fault.reason == "encrypted_or_corrupt"


def test_a_corrupt_body_is_not_taken_for_an_encrypted_one() -> None:
    one = opened(message(container(DEBUG_FN, 7, body=b"\x55\xaa" * 40)))
    assert not one.encrypted
    assert one.fault is not None
    assert not is_encrypted(None)


def test_a_bare_document() -> None:
    one = opened(container(DEBUG_FN, 7)[32:-10])
    assert (one.kind, one.fn, one.fd) == ("receipt", DEBUG_FN, 7)


@pytest.mark.parametrize(
    ("raw", "sort", "reason", "header_is_read"),
    [
        (MESSAGE[:12], Sort.PARTIAL, "truncated", False),
        (MESSAGE[:60], Sort.PARTIAL, "truncated", True),
        (b"GET / HTTP", Sort.FOREIGN, "foreign", False),
        (MESSAGE[:24] + b"\xff\xff" + MESSAGE[26:], Sort.FOREIGN, "message_too_long", True),
        (MESSAGE[:8] + b"x" * 16 + MESSAGE[24:], Sort.MESSAGE, "session_fn", False),
        (b"", Sort.GAP, "gap", False),
    ],
)
def test_what_is_no_message_is_named(raw: bytes, sort: Sort, reason: str, header_is_read: bool) -> None:
    one = opened(raw, sort, missing=5)
    assert one.fault is not None
    assert one.fault.reason == reason
    assert (one.reading.header is not None) == header_is_read
    assert one.kind is None


def test_a_response_code_of_a_wrong_length_is_none() -> None:
    assert response_code(decode(tlv(7, tlv(1068, tlv(1022, b"\x00\x00"))))) is None
    assert response_code(decode(tlv(7, tlv(1068, tlv(1022, b"\x0b"))))) == 11


def test_addresses_are_written_as_usual() -> None:
    assert str(Address("::1", 7777)) == "[::1]:7777"
    assert str(Address("10.0.0.1", 7777)) == "10.0.0.1:7777"
