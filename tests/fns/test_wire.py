"""The JSON of requests and answers: what goes out comes back, and garbage is never an exception of the language."""

from __future__ import annotations

import json
from datetime import timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofd_gateway.dispatch import Answer, Status
from ofd_gateway.fns.transport import Outgoing
from ofd_gateway.fns.wire import decode_answers, encode_request
from tests.fns.scene import NOON

ONE = Outgoing(
    fn="8710000100000001",
    generation=1,
    fd=7,
    ffd="1.2",
    kind="receipt",
    received_at=NOON.astimezone(timezone(timedelta(hours=3))),
    document='{"receipt":{"code":3,"user":"ООО","quantity":0.876}}'.encode(),
)
ASKED = {"fn": ONE.fn, "generation": 1, "fd": 7}


def test_a_request_holds_documents_as_they_are() -> None:
    (sent,) = json.loads(encode_request([ONE]))["documents"]
    assert sent == {
        **ASKED,
        "ffd": "1.2",
        "kind": "receipt",
        "received_at": "2026-11-24T09:00:00Z",
        "document": {"receipt": {"code": 3, "user": "ООО", "quantity": 0.876}},
    }
    assert ONE.document in encode_request([ONE])


def answered(*answers: object) -> tuple[dict[tuple[str, int, int], Answer], int]:
    found = decode_answers(json.dumps({"answers": answers}).encode(), [ONE])
    return found.answers, found.odd


@pytest.mark.parametrize("status", Status)
def test_an_answer(status: Status) -> None:
    told, odd = answered({**ASKED, "status": status.value, "code": 7, "text": "да", "extra": None})
    assert (told, odd) == ({(ONE.fn, 1, 7): Answer(status=status, code=7, text="да")}, 0)


def test_code_and_text_may_be_absent() -> None:
    assert answered({**ASKED, "status": "accepted"}) == ({(ONE.fn, 1, 7): Answer(status=Status.ACCEPTED)}, 0)


def test_the_first_of_several_answers_counts() -> None:
    told, odd = answered(
        {**ASKED, "status": "accepted"}, {**ASKED, "status": "refused"}, {**ASKED, "status": "accepted"}
    )
    assert (told[ONE.fn, 1, 7].status, odd) == (Status.ACCEPTED, 1)


@pytest.mark.parametrize(
    "wrong",
    [
        {**ASKED, "status": "lost"},
        {**ASKED, "status": "accepted", "code": 1 << 31},
        {**ASKED, "status": "accepted", "code": "0"},
        {**ASKED, "status": "accepted", "text": None},
        {**ASKED, "fd": 7.5, "status": "accepted"},
        {**ASKED, "fd": 8, "status": "accepted"},
        {"status": "accepted"},
        None,
        [],
    ],
)
def test_an_answer_that_cannot_be_used_is_counted(wrong: object) -> None:
    assert answered(wrong) == ({}, 1)


def test_a_long_text_is_cut() -> None:
    told, _ = answered({**ASKED, "status": "refused", "text": "я" * 10_000})
    assert told[ONE.fn, 1, 7].text == "я" * 500


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"answers":{}}', b'{"answers":[}', b"\xff\xfe"])
def test_what_is_no_list_of_answers(body: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_answers(body, [ONE])


@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: json.dumps({"answers": [text]}).encode()))
def test_garbage_gives_a_named_error_or_nothing(body: bytes) -> None:
    try:
        found = decode_answers(body, [ONE])
    except msgspec.DecodeError:
        return
    assert found.answers == {}
