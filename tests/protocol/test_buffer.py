from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofd_gateway.protocol.buffer import MAX_BUFFERED_BYTES, ReceiveBuffer


def filled(*pieces: bytes) -> ReceiveBuffer:
    buffer = ReceiveBuffer()
    for piece in pieces:
        buffer.append(piece)
    return buffer


def test_one_piece_is_not_copied():
    piece = bytes(range(200))
    buffer = filled(piece)
    assert buffer.peek(len(piece)) is piece


def test_a_mutable_piece_is_copied():
    piece = bytearray(b"abc")
    buffer = filled(piece)
    piece[0] = 0
    assert buffer.peek(3) == b"abc"


def test_pieces_are_gathered_and_dropped_in_place():
    """A copy for each piece, or for each message of many, would cost time by the square of their length."""
    buffer = filled(b"ab", b"cd")
    gathered = buffer.data
    buffer.append(b"ef")
    buffer.drop(3)
    assert buffer.data is gathered
    assert gathered == b"def"


def test_many_messages_in_one_piece_are_moved_once():
    buffer = filled(b"abcdef")
    buffer.drop(2)
    rest = buffer.data
    buffer.drop(2)
    assert buffer.data is rest
    assert rest == b"ef"


def test_dropping_everything_leaves_nothing():
    buffer = filled(b"ab", b"cd")
    buffer.drop(4)
    assert (len(buffer), buffer.data) == (0, b"")


def test_clear():
    buffer = filled(b"ab", b"cd")
    buffer.clear()
    assert len(buffer) == 0


def test_more_than_fits_is_refused_and_what_was_there_stays():
    buffer = filled(bytes(MAX_BUFFERED_BYTES - 1))
    buffer.append(b"a")
    with pytest.raises(BufferError, match="1048576 bytes wait already"):
        buffer.append(b"b")
    assert len(buffer) == MAX_BUFFERED_BYTES


@given(st.lists(st.one_of(st.binary(min_size=1, max_size=20), st.integers(0, 30)), max_size=30))
def test_is_a_queue_of_bytes(steps):
    buffer, model = ReceiveBuffer(), b""
    for step in steps:
        if isinstance(step, bytes):
            buffer.append(step)
            model += step
        else:
            assert buffer.peek(step) == model[:step]
            buffer.drop(step)
            model = model[step:]
        assert (len(buffer), buffer.peek(1000)) == (len(model), model)
