"""`decode` of captures, journals and base64: what was read, where and when; what could not be read, and why."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofd_gateway.captures.journal import encode_journal_line, journal_line
from ofd_gateway.captures.opened import open_piece
from ofd_gateway.captures.piece import Piece, Sender, Sort
from ofd_gateway.cli.reading import UnreadableInput, read_bytes
from ofd_gateway.cli.recorded import piece_object
from tests.captures.answers import confirmation, encrypted
from tests.captures.packing import Talk, pcap
from tests.messages import DEBUG_FN, container, document_body, message

from .running import child

MESSAGE, ANSWER = message(container(DEBUG_FN, 7)), confirmation(code=14)
EXCHANGE = pcap(Talk().open().put(True, MESSAGE).put(False, ANSWER).close().frames)


def line(raw: bytes, sender: Sender = Sender.REGISTER, sort: Sort = Sort.MESSAGE) -> bytes:
    piece = Piece(connection=2, sender=sender, sort=sort, raw=raw, at=None, source="a:1", destination="b:2")
    return encode_journal_line(journal_line(open_piece(piece))) + b"\n"


def test_a_capture_is_a_line_of_json_for_each_message(tmp_path: Path) -> None:
    file = tmp_path / "exchange.pcap"
    file.write_bytes(EXCHANGE)
    done = child("decode", "--json", str(file))
    assert (done.code, done.err) == (0, "")
    request, answer = map(json.loads, done.lines)
    plain = json.loads(child("decode", "--json", stdin=MESSAGE).out)
    assert request == {
        **plain,
        "capture": {
            "number": 1,
            "connection": 1,
            "direction": "register",
            "time": "2026-09-21T14:13:20.003000Z",
            "source": "10.0.0.5:51000",
            "destination": "192.0.2.7:7777",
            "sort": "message",
            "kind": "receipt",
            "fn": DEBUG_FN,
            "fd": 7,
            "encrypted": False,
            "session": {
                "version": "0105",
                "fn": DEBUG_FN,
                "length": len(MESSAGE) - 30,
                "flags": 0x14,
                "crc": 0,
                "answerExpected": True,
            },
            "container": {
                "type": 0xA5,
                "documentCode": 3,
                "fn": DEBUG_FN,
                "fd": 7,
                "nonce": "0102030405000001",
                "keyId": "0002",
                "messageSign": MESSAGE[-10:].hex(),
            },
        },
    }
    assert list(answer) == ["operatorAck", "capture"]
    assert answer["capture"]["direction"] == "operator"
    assert answer["capture"]["container"]["confirmationSign"] == ANSWER[-10:].hex()


def test_a_capture_is_trees_for_people(shell) -> None:
    done = shell("decode", stdin=EXCHANGE)
    assert (done.code, done.err) == (0, "")
    assert "#1  " in done.out
    assert "соединение / connection 1  касса → ОФД / register → operator" in done.out
    assert f"ФН {DEBUG_FN}  ФД 7" in done.out
    assert "ОФД → касса / operator → register" in done.out
    assert "код / code 14" in done.out
    assert "123.45" in done.out
    assert done.out.count("сеансовый заголовок / session header") == 2


def test_what_cannot_be_read_is_named_and_the_rest_is_shown(shell) -> None:
    talk = Talk().open().put(True, encrypted()).put(True, MESSAGE[:-4] + b"\x00\x00\x00\x01")
    talk.put(True, b"noise").put(True, MESSAGE)
    talk.seq[True] += 5
    talk.put(True, MESSAGE[:50]).close()
    done = shell("decode", "--json", stdin=pcap(talk.frames))
    shown = [json.loads(one) for one in done.lines]
    assert done.code == 1
    assert [next(iter(one)) for one in shown] == ["error", "error", "error", "receipt", "error", "error"]
    assert [one["error"]["reason"] for one in shown if "error" in one] == [
        "encrypted_or_corrupt",
        "container_crc",
        "foreign",
        "gap",
        "truncated",
    ]
    hidden = shown[0]["capture"]
    assert (hidden["encrypted"], hidden["kind"], hidden["fd"]) == (True, "receipt", 9)
    assert hidden["session"]["fn"] == DEBUG_FN
    assert bytes.fromhex(hidden["hex"]) == encrypted()
    assert shown[4]["capture"]["missing_bytes"] == 5
    trees = shell("decode", stdin=pcap(talk.frames))
    assert trees.code == 1
    assert "тело зашифровано / encrypted body" in trees.out
    assert "container_crc: CRC" in trees.out
    assert "пропуск / gap" in trees.out


def test_a_damaged_file_shows_what_is_there(shell) -> None:
    done = shell("decode", "--json", stdin=EXCHANGE[:-200])
    assert done.code == 1
    assert list(json.loads(done.lines[0])) == ["receipt", "capture"]
    assert "capture_truncated: " in done.err
    assert "(смещение / offset " in done.err


def test_a_capture_of_another_protocol(shell) -> None:
    done = shell("decode", stdin=pcap(Talk().open().put(True, b"GET / HTTP/1.1\r\n\r\n").frames))
    assert (done.code, done.out) == (1, "")
    assert "other_protocol: " in done.err
    assert "no_messages: сообщений обмена нет / no messages of the exchange" in done.err


def test_a_journal_is_read(shell) -> None:
    done = shell("decode", "--json", stdin=line(MESSAGE) + line(ANSWER, Sender.OPERATOR))
    assert (done.code, done.err) == (0, "")
    request, answer = map(json.loads, done.lines)
    assert request["receipt"]["fiscalDocumentNumber"] == 7
    assert (request["capture"]["connection"], request["capture"]["time"]) == (2, None)
    assert answer["capture"]["direction"] == "operator"


def test_a_journal_with_a_bad_line(shell) -> None:
    done = shell("decode", "--json", stdin=line(MESSAGE) + b"bad\n")
    assert (done.code, len(done.lines)) == (1, 1)
    assert "journal_line: строка / line 2" in done.err


def test_lines_of_a_journal_are_lines_too(shell) -> None:
    done = shell("decode", "--lines", stdin=line(MESSAGE) + b'{"hex": 1}\n' + MESSAGE.hex().encode() + b"\n")
    shown = [json.loads(one) for one in done.lines]
    assert done.code == 1
    assert [next(iter(one)) for one in shown] == ["receipt", "error", "receipt"]
    assert shown[1]["error"]["reason"] == "journal_line"


@pytest.mark.parametrize(
    "raw", [MESSAGE, container(DEBUG_FN, 7), document_body(DEBUG_FN, 7), document_body(DEBUG_FN, 7) + MESSAGE[-10:-2]]
)
def test_base64_is_read(raw: bytes, shell) -> None:
    text = base64.encodebytes(raw)
    assert read_bytes(text) == raw
    assert shell("decode", "--json", stdin=text).out == shell("decode", "--json", stdin=raw).out


@pytest.mark.parametrize("text", [b"zzzz", b"Hello, world", b"abcd", b"AQID"])
def test_text_in_which_no_message_begins_is_no_base64(text: bytes) -> None:
    if text == b"abcd":
        assert read_bytes(text) == b"\xab\xcd"
        return
    with pytest.raises(UnreadableInput) as raised:
        read_bytes(text)
    assert raised.value.reason == "no_hex"


@given(st.data())
def test_any_damage_of_a_capture_gives_an_answer(draw: st.DataObject) -> None:
    from ofd_gateway.captures.recording import read_recording

    whole = bytearray(EXCHANGE)
    for at in draw.draw(st.lists(st.integers(24, len(whole) - 1), max_size=4)):
        whole[at] = draw.draw(st.integers(0, 255))
    for piece in read_recording(bytes(whole)).pieces:
        opened = open_piece(piece)
        assert opened.fault is not None or opened.reading.size == len(piece.raw)
        assert list(piece_object(opened, "2021")) == ["error" if opened.fault else opened.kind, "capture"]
