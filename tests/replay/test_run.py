"""Messages sent again to a real socket, and what is made of the answers."""

from __future__ import annotations

import asyncio
import socket
from datetime import UTC, datetime, timedelta

import pytest

from ofd_gateway.captures.piece import Address, Piece, Sender, Sort
from ofd_gateway.clock import SystemClock
from ofd_gateway.protocol import Connection, CrcMode, Role
from ofd_gateway.replay.plan import Numbering, plan_replay
from ofd_gateway.replay.run import Connections, Outcome, Pace, ReplayOrder, run_replay
from tests.captures.answers import encrypted
from tests.messages import DEBUG_FN, PLAIN_FN, container, message
from tests.simulator.standin import Fault, TestOperator, changed, dropped, serving

SERVICE = Connection(Role.REGISTER).send_service(version=b"\x01\x05", fn=DEBUG_FN, crc_mode=CrcMode.HEADER)
START = datetime(2026, 11, 24, tzinfo=UTC)


def document(fd: int, fn: str = DEBUG_FN) -> bytes:
    return message(container(fn, fd), fn=fn)


def planned(*raws: bytes | tuple[int, bytes]):
    pieces = []
    for number, raw in enumerate(raws):
        connection, data = raw if isinstance(raw, tuple) else (1, raw)
        pieces.append(
            Piece(
                connection=connection,
                sender=Sender.REGISTER,
                sort=Sort.MESSAGE,
                raw=data,
                at=START + timedelta(milliseconds=number),
                source="a:1",
                destination="b:2",
            )
        )
    return plan_replay(pieces, Numbering()).messages


async def replayed(port: int, messages, **order) -> list[Outcome]:
    outcomes: list[Outcome] = []
    await run_replay(
        messages,
        ReplayOrder(to=Address("127.0.0.1", port), **order),
        clock=SystemClock(),
        on_outcome=outcomes.append,
    )
    return sorted(outcomes, key=lambda outcome: outcome.message.number)


async def test_every_byte_arrives_and_every_answer_is_checked() -> None:
    raws = [document(1), SERVICE, encrypted(), document(2)]
    async with serving(TestOperator()) as operator:
        outcomes = await replayed(operator.port, planned(*raws))
    assert all(outcome.is_right for outcome in outcomes)
    assert [outcome.response_code for outcome in outcomes] == [0, None, 0, 0]
    assert all(outcome.latency_s is not None for outcome in outcomes)
    sent = [header + container.raw for header, container in operator.messages]
    assert sent == [document(1), encrypted(), document(2)]
    assert operator.connections == 1


@pytest.mark.parametrize(
    ("mode", "count"), [(Connections.AS_RECORDED, 3), (Connections.PER_DOCUMENT, 4), (Connections.ONE, 1)]
)
async def test_connections(mode: Connections, count: int) -> None:
    messages = planned((1, document(1)), (2, document(1, PLAIN_FN)), (1, document(2)), (3, document(3)))
    async with serving(TestOperator()) as operator:
        outcomes = await replayed(operator.port, messages, connections=mode)
    assert all(outcome.is_right for outcome in outcomes)
    assert operator.connections == count
    order = [container.fd for _, container in operator.messages if container.fn == DEBUG_FN]
    assert order == [1, 2, 3]


@pytest.mark.parametrize("pace", [Pace(original=True), Pace(per_second=500)])
async def test_paces_send_everything_in_order(pace: Pace) -> None:
    async with serving(TestOperator()) as operator:
        outcomes = await replayed(operator.port, planned(*map(document, range(1, 9))), pace=pace)
    assert [outcome.message.fd for outcome in outcomes if outcome.is_right] == list(range(1, 9))
    assert [container.fd for _, container in operator.messages] == list(range(1, 9))


async def test_a_wrong_answer_is_told_field_by_field() -> None:
    async with serving(TestOperator(faults=[Fault(2, changed(30 + 17, 0, 0, 9))])) as operator:
        right, wrong, after = await replayed(operator.port, planned(document(1), document(2), document(3)))
    assert right.is_right
    assert after.is_right
    assert any("номер ФД / FD number" in mismatch for mismatch in wrong.mismatches)
    assert not wrong.is_right


async def test_codes_that_are_right_can_be_named() -> None:
    async with serving(TestOperator(response_code=14)) as operator:
        [anything] = await replayed(operator.port, planned(document(1)))
        [wrong] = await replayed(operator.port, planned(document(1)), response_codes=frozenset({0}))
    assert (anything.is_right, anything.response_code) == (True, 14)
    assert (wrong.is_right, wrong.response_code) == (False, 14)


async def test_no_answer_is_an_error_and_the_next_message_goes_over_another_connection() -> None:
    async with serving(TestOperator(faults=[Fault(1, dropped)])) as operator:
        first, second = await replayed(operator.port, planned(document(1), document(2)))
    assert first.error is not None
    assert "закрыл соединение / closed" in first.error or "closed without an answer" in first.error
    assert second.is_right
    assert operator.connections == 2


async def test_a_connection_that_was_closed_in_between_is_opened_again() -> None:
    async with serving(TestOperator(faults=[Fault(1, lambda answer: answer, closes=True)])) as operator:
        outcomes = await replayed(operator.port, planned(document(1), document(2)), pace=Pace(per_second=10))
    assert all(outcome.is_right for outcome in outcomes)
    assert operator.connections == 2


async def test_an_answer_that_does_not_come_is_not_waited_for_for_ever() -> None:
    async with serving(TestOperator(silent=True)) as operator:
        [outcome] = await replayed(operator.port, planned(document(1)), answer_timeout_s=0.05)
    assert outcome.error is not None
    assert "no answer in time" in outcome.error


async def test_a_message_that_expects_no_answer_is_sent_and_not_waited_for() -> None:
    raw = message(container(DEBUG_FN, 1), expects_answer=False)
    async with serving(TestOperator(silent=True)) as operator:
        [outcome] = await replayed(operator.port, planned(raw))
        async with asyncio.timeout(10):
            while not operator.messages:
                await asyncio.sleep(0.005)
    assert (outcome.is_right, outcome.latency_s) == (True, None)


async def test_nobody_listens() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        outcomes = await replayed(unused.getsockname()[1], planned(*map(document, range(1, 6))))
    assert ["not connected" in (outcome.error or "") for outcome in outcomes] == [True, True, True, False, False]
    assert all("not sent" in (outcome.error or "") for outcome in outcomes[3:])


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "no answer of the protocol: 48 54 54 50"),
        (document(1)[:24] + b"\xff\xff\x14\x00\x00\x00", "beyond the limit"),
        (document(1)[:40], "closed without an answer"),
    ],
)
async def test_answers_of_another_world(answer: bytes, said: str) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(30)
        writer.write(answer)
        await writer.drain()
        writer.write_eof()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        [outcome] = await replayed(server.sockets[0].getsockname()[1], planned(document(1)))
    assert outcome.error is not None
    assert said in outcome.error


@pytest.mark.parametrize(
    "answer",
    [document(1), SERVICE[:8] + PLAIN_FN.encode() + SERVICE[24:], SERVICE[:4] + b"\x00\x00" + SERVICE[6:]],
)
async def test_a_wrong_answer_to_a_service_message(answer: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(30)
        writer.write(answer)
        await reader.read()
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        [outcome] = await replayed(server.sockets[0].getsockname()[1], planned(SERVICE))
    assert outcome.mismatches
