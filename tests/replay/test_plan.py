"""What is planned to be sent again, and under which numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ofd_gateway.captures.piece import Piece, Sender, Sort
from ofd_gateway.captures.reading import read_message
from ofd_gateway.protocol import Connection, Role
from ofd_gateway.replay.plan import Numbering, Planned, ReplayPlan, TooManyDrives, plan_replay
from ofd_gateway.replay.run import Pace
from tests.captures.answers import confirmation, encrypted
from tests.messages import DEBUG_FN, PLAIN_FN, container, message

AS_RECORDED = Numbering()
START = datetime(2026, 11, 24, tzinfo=UTC)
SERVICE = Connection(Role.REGISTER).send_service(version=b"\x01\x05", fn=DEBUG_FN)


def piece(raw: bytes, *, sender: Sender = Sender.REGISTER, sort: Sort = Sort.MESSAGE, at_s: float | None = 0) -> Piece:
    at = None if at_s is None else START + timedelta(seconds=at_s)
    return Piece(connection=4, sender=sender, sort=sort, raw=raw, at=at, source="a:1", destination="b:2")


def document(fd: int, fn: str = DEBUG_FN) -> bytes:
    return message(container(fn, fd), fn=fn)


def plan(*raws: bytes, numbering: Numbering = AS_RECORDED) -> ReplayPlan:
    return plan_replay([piece(raw) for raw in raws], numbering)


def numbers(planned: ReplayPlan) -> list[tuple[str, int | None]]:
    for one in planned.messages:
        read = read_message(one.raw)
        assert read.header is not None
        assert read.header.fn == one.fn
        assert read.container is None or read.container.fd == one.fd
    return [(one.fn, one.fd) for one in planned.messages]


def test_messages_of_registers_are_sent_as_they_are() -> None:
    pieces = [piece(document(1)), piece(confirmation(), sender=Sender.OPERATOR), piece(SERVICE), piece(encrypted())]
    planned = plan_replay(pieces, AS_RECORDED)
    assert [(one.number, one.kind, one.fd, one.raw) for one in planned.messages] == [
        (1, "receipt", 1, document(1)),
        (3, "service", None, SERVICE),
        (4, "receipt", 9, encrypted()),
    ]
    assert planned.skipped == ()
    assert planned.messages[0].connection == 4
    assert planned.messages[0].expects_answer


def test_a_message_that_expects_no_answer() -> None:
    [one] = plan(message(container(), expects_answer=False)).messages
    assert not one.expects_answer


def test_what_is_no_message_is_skipped_with_a_reason() -> None:
    pieces = [
        piece(b"noise", sort=Sort.FOREIGN),
        piece(document(1)[:50], sort=Sort.PARTIAL),
        piece(confirmation()),
        piece(container()[32:-10]),
    ]
    planned = plan_replay(pieces, AS_RECORDED)
    assert planned.messages == ()
    assert [one.number for one in planned.skipped] == [1, 2, 3, 4]
    assert all(one.text for one in planned.skipped)


def test_a_container_alone_gets_a_session_header() -> None:
    [one] = plan(container(DEBUG_FN, 5)).messages
    assert one.raw == document(5)


def test_another_fn() -> None:
    assert numbers(plan(document(1), document(2), numbering=Numbering(fn=PLAIN_FN))) == [(PLAIN_FN, 1), (PLAIN_FN, 2)]


def test_numbers_from_a_start_for_each_fn_and_the_same_again_for_a_repeat() -> None:
    raws = (document(7), document(9), document(7), document(1, PLAIN_FN), SERVICE)
    assert numbers(plan(*raws, numbering=Numbering(fd_from=100))) == [
        (DEBUG_FN, 100),
        (DEBUG_FN, 101),
        (DEBUG_FN, 100),
        (PLAIN_FN, 100),
        (DEBUG_FN, None),
    ]


def test_documents_of_several_fns_under_one() -> None:
    raws = (document(7), document(7, PLAIN_FN))
    assert numbers(plan(*raws, numbering=Numbering(fn=DEBUG_FN, fd_from=1))) == [(DEBUG_FN, 1), (DEBUG_FN, 2)]
    with pytest.raises(TooManyDrives) as raised:
        plan(*raws, numbering=Numbering(fn=DEBUG_FN))
    assert PLAIN_FN in str(raised.value)


def test_a_new_sign_is_the_same_for_a_repeat_and_another_for_another_document() -> None:
    signs = iter([b"abcdef", b"ghijkl"])
    planned = plan(document(7), document(8), document(7), numbering=Numbering(new_sign=lambda _: next(signs)))
    trailers = [one.raw[-10:] for one in planned.messages]
    assert trailers == [b"\x81\x06abcdef\x00\x00", b"\x81\x06ghijkl\x00\x00", b"\x81\x06abcdef\x00\x00"]


def test_an_encrypted_message_cannot_be_rewritten_and_takes_no_number() -> None:
    planned = plan(encrypted(), document(3), numbering=Numbering(fd_from=1))
    assert numbers(planned) == [(DEBUG_FN, 1)]
    assert [one.number for one in planned.skipped] == [1]


def due(pace: Pace, *at_s: float | None) -> list[float]:
    pieces = [piece(document(fd), at_s=at) for fd, at in enumerate(at_s, start=1)]
    return pace.due_s(plan_replay(pieces, AS_RECORDED).messages)


def test_paces() -> None:
    assert due(Pace(), 0, 5) == [0.0, 0.0]
    assert due(Pace(per_second=4), 0, 5, 9) == [0.0, 0.25, 0.5]
    assert due(Pace(original=True), 2, 5, 4, None, 6.5) == [0.0, 3.0, 3.0, 3.0, 4.5]
    assert due(Pace(original=True), None, None) == [0.0, 0.0]
    nothing: list[Planned] = []
    assert Pace(original=True).due_s(nothing) == []
