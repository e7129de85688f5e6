"""JSON lines of a recording: written, read back, and mixed with what else a file of lines may hold."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofd_gateway.captures.journal import (
    JournalError,
    encode_journal_line,
    is_journal,
    journal_line,
    read_journal_line,
)
from ofd_gateway.captures.opened import open_piece
from ofd_gateway.captures.piece import Piece, Sender, Sort
from ofd_gateway.captures.recording import is_recording, read_recording
from tests.messages import DEBUG_FN, container, message

from .answers import confirmation, encrypted

AT = datetime(2026, 11, 24, 15, 30, 1, 250, tzinfo=UTC)
PIECES = st.builds(
    Piece,
    connection=st.integers(1, 1000),
    sender=st.sampled_from(Sender),
    sort=st.sampled_from(Sort),
    raw=st.one_of(st.binary(max_size=60), st.sampled_from([message(container()), confirmation(), encrypted()])),
    at=st.none() | st.datetimes(timezones=st.just(UTC)),
    source=st.just("10.0.0.5:51000"),
    destination=st.text(max_size=10),
    missing_bytes=st.integers(0, 99),
)


def piece(raw: bytes, sender: Sender = Sender.REGISTER) -> Piece:
    return Piece(connection=3, sender=sender, sort=Sort.MESSAGE, raw=raw, at=AT, source="a:1", destination="b:2")


def test_a_line_says_what_was_read() -> None:
    raw = message(container(DEBUG_FN, 7))
    assert json.loads(encode_journal_line(journal_line(open_piece(piece(raw))))) == {
        "time": "2026-11-24T15:30:01.000250Z",
        "connection": 3,
        "direction": "register",
        "source": "a:1",
        "destination": "b:2",
        "sort": "message",
        "kind": "receipt",
        "fn": DEBUG_FN,
        "fd": 7,
        "ffd": "1.05",
        "response_code": None,
        "encrypted": False,
        "missing_bytes": 0,
        "error": None,
        "hex": raw.hex(),
    }


def test_a_line_of_a_confirmation_and_one_of_an_encrypted_message() -> None:
    answer = journal_line(open_piece(piece(confirmation(code=14), Sender.OPERATOR)))
    assert (answer.direction, answer.kind, answer.fd, answer.response_code) == ("operator", "operatorAck", 7, 14)
    hidden = journal_line(open_piece(piece(encrypted())))
    assert (hidden.encrypted, hidden.fn, hidden.fd) == (True, DEBUG_FN, 9)
    assert hidden.error is not None
    assert hidden.error.reason == "encrypted_or_corrupt"


@given(PIECES)
def test_what_is_written_is_read_back(one: Piece) -> None:
    line = encode_journal_line(journal_line(open_piece(one)))
    assert b"\n" not in line
    assert is_journal(line)
    assert read_journal_line(line) == one


def test_hex_alone_is_a_line_of_the_register() -> None:
    read = read_journal_line(b'{"hex": "2A08 410a"}')
    assert read is not None
    assert (read.sender, read.sort, read.raw, read.at) == (Sender.REGISTER, Sort.MESSAGE, b"\x2a\x08\x41\x0a", None)


def test_a_line_of_a_log_is_passed_over() -> None:
    assert read_journal_line(b'{"timestamp": "x", "event": "proxy.ready"}') is None


@pytest.mark.parametrize(
    "line",
    [
        b"nonsense",
        b"{}",
        b'{"hex": "zz"}',
        b'{"hex": "00", "direction": "both"}',
        b'{"hex": "00", "time": "noon"}',
        b'{"hex": 5}',
        b'{"hex": "00"',
        b"[" * 2000,
    ],
)
def test_a_line_that_is_none_says_why(line: bytes) -> None:
    with pytest.raises(JournalError) as raised:
        read_journal_line(line)
    assert raised.value.detail


@given(st.binary(max_size=80))
def test_any_line_gives_a_piece_or_a_named_error(line: bytes) -> None:
    try:
        read_journal_line(line)
    except JournalError:
        return


def test_a_journal_is_read_past_its_bad_lines() -> None:
    good = encode_journal_line(journal_line(open_piece(piece(message(container())))))
    capture = read_recording(good + b'\n\nbroken\n{"event": "proxy.ready"}\n' + good + b"\n")
    assert [one.connection for one in capture.pieces] == [3, 3]
    [note] = capture.notes
    assert (note.reason, note.is_fault, note.offset) == ("journal_line", True, len(good) + 2)
    assert "строка / line 3" in note.text


def test_a_journal_without_messages_is_a_fault() -> None:
    assert [note.reason for note in read_recording(b'{"event": "x"}\n').notes] == ["no_messages"]


@pytest.mark.parametrize("text", [b"{0x2A, 0x08}", b"{ 0x2A }", b"2a08", b"", b"{"])
def test_hex_in_braces_is_no_journal(text: bytes) -> None:
    assert not is_recording(text)


@pytest.mark.parametrize("text", [b'{"hex": "00"}', b'\xef\xbb\xbf{ "hex": "00"}', b' \n{\n"hex": "00"}'])
def test_an_object_with_a_key_is_one(text: bytes) -> None:
    assert is_recording(text)
