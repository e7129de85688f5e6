"""A crowd of messages is spread over turns of the event loop."""

from __future__ import annotations

import asyncio
import socket
import struct

from ofd_gateway.intake.turns import Turns
from tests.intake.running import read_answer, running_intake, until
from tests.messages import container, message


async def test_a_crowd_is_taken_in_order_and_a_bounded_part_of_it_in_each_turn() -> None:
    turns, turn, done = Turns(messages=3), 0, []

    def tick() -> None:
        nonlocal turn
        turn += 1
        if len(done) < 8:
            asyncio.get_running_loop().call_soon(tick)

    for number in range(8):
        turns.take(lambda number=number: done.append((number, turn)))  # type: ignore[misc]
    tick()
    await until(lambda: len(done) == 8)
    assert [number for number, _ in done] == list(range(8))
    assert max(sum(1 for _, at in done if at == one) for one in range(turn + 1)) == 3
    turns.take(lambda: done.append((8, turn)))
    assert done[-1][0] == 8


async def test_a_register_that_has_gone_before_its_turn_leaves_nothing_behind() -> None:
    async with running_intake() as intake:
        intake.server.turns = Turns(messages=0)
        _, writer = await intake.connect()
        writer.write(message(container()))
        await until(lambda: bool(intake.server.turns._waiting))
        link = writer.get_extra_info("socket")
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        await until(lambda: intake.server.connection_count == 0)
        intake.server.turns._messages = 1
        await until(lambda: not intake.server.turns._waiting)
        assert not intake.server._by_fn
        assert not intake.store.rows


async def test_a_register_that_waits_for_its_turn_is_read_no_further_and_answered_when_it_comes() -> None:
    async with running_intake() as intake:
        intake.server.turns = Turns(messages=0)
        reader, writer = await intake.connect()
        first, second = message(container(fd=1)), message(container(fd=2))
        writer.write(first[:40])
        await until(lambda: bool(intake.server.turns._waiting))
        (connection,) = intake.server._connections
        writer.write(first[40:])
        await until(lambda: connection._reading_paused)
        writer.write(second)
        intake.server.turns._messages = 1
        assert await read_answer(reader)
        assert await read_answer(reader)
        assert not connection._reading_paused
        writer.close()
    assert sorted(fd for _, fd in intake.store.rows) == [1, 2]
