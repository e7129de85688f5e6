"""Other numbers in a recorded message: everything that must change does, nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofd_gateway.captures.reading import read_message
from ofd_gateway.captures.rewriting import RewriteError, rewrite_message
from ofd_gateway.protocol import Connection, CrcMode, MessageReceived, Role
from tests.messages import DEBUG_FN, PLAIN_FN, container, document_body, message, tlv

from .answers import confirmation, encrypted

MODES = [CrcMode.NONE, CrcMode.HEADER, CrcMode.FULL]


@given(
    st.from_regex(r"[0-9]{15,16}", fullmatch=True),
    st.integers(1, 0xFFFFFF),
    st.sampled_from(MODES),
    st.none() | st.binary(min_size=6, max_size=6),
)
def test_the_rewritten_message_is_right_and_says_the_new_numbers(
    fn: str, fd: int, mode: CrcMode, sign: bytes | None
) -> None:
    raw = message(container(DEBUG_FN, 7), crc_mode=mode)
    rewritten = rewrite_message(raw, fn=fn, fd=fd, message_sign=sign)
    connection = Connection(Role.OPERATOR)
    connection.receive(rewritten)
    event = connection.next_event()
    assert isinstance(event, MessageReceived)
    assert (event.header.fn, event.container.fn, event.container.fd) == (fn, fn, fd)
    document = read_message(rewritten).document
    assert document is not None
    assert (document.fn, document.fd, document.total_kopecks) == (fn, fd, 12345)
    before = read_message(raw).container
    assert before is not None
    assert event.container.message_sign == (before.message_sign if sign is None else b"\x81\x06" + sign)
    assert rewrite_message(rewritten, fn=DEBUG_FN, fd=7, message_sign=before.message_sign[2:]) == raw


def test_only_the_numbers_of_the_document_itself_change() -> None:
    inner = tlv(1084, tlv(1085, DEBUG_FN.encode()))
    body = document_body(DEBUG_FN, 7, t1084=inner[4:], t1111=b"\x07\x00\x00\x00")
    rewritten = rewrite_message(message(container(DEBUG_FN, 7, body=body)), fn=PLAIN_FN, fd=8)
    document = read_message(rewritten).document
    assert document is not None
    assert document.root.leaf(1111) == b"\x07\x00\x00\x00"
    assert document.raw.count(DEBUG_FN.encode()) == 1


def test_a_priority_and_an_unused_crc_stay() -> None:
    raw = bytearray(message(container(DEBUG_FN, 7)))
    raw[26], raw[28], raw[29] = 0x94, 0xAB, 0xCD
    rewritten = rewrite_message(bytes(raw), fn=PLAIN_FN, fd=7)
    assert rewritten[24:30] == bytes(raw[24:30])


@pytest.mark.parametrize(
    ("raw", "fn", "fd"),
    [
        (encrypted(), PLAIN_FN, 1),
        (confirmation(), PLAIN_FN, 1),
        (Connection(Role.REGISTER).send_service(version=b"\x01\x05", fn=DEBUG_FN), PLAIN_FN, 1),
        (container(DEBUG_FN, 7), PLAIN_FN, 1),
        (message(container(DEBUG_FN, 7)) * 2, PLAIN_FN, 1),
        (message(container(DEBUG_FN, 7))[:-1], PLAIN_FN, 1),
        (message(container(DEBUG_FN, 7)), "12", 1),
        (message(container(DEBUG_FN, 7)), PLAIN_FN, 0),
        (message(container(DEBUG_FN, 7)), PLAIN_FN, 1 << 24),
        (message(container(DEBUG_FN, 7, body=tlv(3, tlv(1041, b"123")))), PLAIN_FN, 1),
        (message(container(DEBUG_FN, 7, body=tlv(3, tlv(1040, b"\x07")))), PLAIN_FN, 1),
        (b"", PLAIN_FN, 1),
    ],
)
def test_what_cannot_be_rewritten_says_why(raw: bytes, fn: str, fd: int) -> None:
    with pytest.raises(RewriteError) as raised:
        rewrite_message(raw, fn=fn, fd=fd)
    assert str(raised.value)


def test_a_sign_of_another_length_is_refused() -> None:
    with pytest.raises(RewriteError):
        rewrite_message(message(container()), fn=DEBUG_FN, fd=1, message_sign=b"12345")


@given(st.binary(max_size=200))
def test_any_bytes_give_a_named_error(data: bytes) -> None:
    with pytest.raises(RewriteError):
        rewrite_message(data, fn=DEBUG_FN, fd=1)
