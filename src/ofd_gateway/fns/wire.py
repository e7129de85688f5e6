"""The request and the answer of `POST {fns.url}/v1/documents` as JSON. Everything that comes in is checked.

::

    {"documents": [{"fn": "…", "generation": 0, "fd": 12, "ffd": "1.2", "kind": "receipt",
                    "received_at": "2026-11-24T12:00:00Z", "document": {"receipt": {…}}}, …]}
    {"answers": [{"fn": "…", "generation": 0, "fd": 12, "status": "accepted", "code": 0, "text": ""}, …]}
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import msgspec

from ofd_gateway.dispatch import Answer, DocumentKey, Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ofd_gateway.fns.transport import Outgoing

__all__ = ["Answers", "decode_answers", "encode_request"]

_LONGEST_TEXT: Final = 500
_INT32: Final = 1 << 31


class _Answer(msgspec.Struct, frozen=True, gc=False):
    fn: str
    generation: int
    fd: int
    status: Status
    code: Annotated[int, msgspec.Meta(ge=-_INT32, lt=_INT32)] = 0
    text: str = ""


class _Answers(msgspec.Struct, frozen=True):
    answers: list[msgspec.Raw]


_decode_answers: Final = msgspec.json.Decoder(_Answers).decode
_decode_answer: Final = msgspec.json.Decoder(_Answer).decode


class Answers(NamedTuple):
    """The answers to what was asked, by document. `odd` are those that cannot be read, answer nothing or contradict."""

    answers: dict[DocumentKey, Answer]
    odd: int


def encode_request(documents: Sequence[Outgoing]) -> bytes:
    """The body of a request; moments are UTC with a `Z`."""
    return msgspec.json.encode(
        {
            "documents": [
                {
                    "fn": one.fn,
                    "generation": one.generation,
                    "fd": one.fd,
                    "ffd": one.ffd,
                    "kind": one.kind,
                    "received_at": one.received_at.astimezone(UTC),
                    "document": msgspec.Raw(one.document),
                }
                for one in documents
            ]
        }
    )


def decode_answers(body: bytes, documents: Sequence[Outgoing]) -> Answers:
    """The answers to these documents; of several to one document the first counts.

    Raises:
        msgspec.DecodeError: the body is no list of answers.
    """
    asked = {(one.fn, one.generation, one.fd) for one in documents}
    found: dict[DocumentKey, Answer] = {}
    odd = 0
    for raw in _decode_answers(body).answers:
        try:
            told = _decode_answer(raw)
        except msgspec.DecodeError:
            odd += 1
            continue
        key = told.fn, told.generation, told.fd
        answer = Answer(status=told.status, code=told.code, text=told.text[:_LONGEST_TEXT])
        if key not in asked or found.setdefault(key, answer) != answer:
            odd += 1
    return Answers(found, odd)
