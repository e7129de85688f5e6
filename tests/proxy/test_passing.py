"""What goes in at one side comes out at the other, on both event loops: bytes, ends, resets, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from ofd_gateway.captures.piece import Sender
from ofd_gateway.proxy.tap import Closed, Ended, Opened, Reset, Sent

from .standing import Standing, close, proxying, standing, until

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(params=sorted(LOOPS))
def run(request):
    """Runs a coroutine on a loop of its own, of either kind."""

    def run_on(coroutine):
        with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
            return runner.run(asyncio.wait_for(coroutine, 60))

    return run_on


def linger_zero(writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


CHUNKS = st.lists(st.binary(min_size=1, max_size=3000), max_size=6)


@pytest.mark.parametrize("loop", sorted(LOOPS))
@given(st.lists(st.tuples(CHUNKS, CHUNKS), min_size=1, max_size=3), st.booleans())
@settings(max_examples=25)
def test_any_bytes_in_any_chunks_arrive_equal_both_ways(loop: str, talks, register_ends_first: bool) -> None:
    async def exchange() -> None:
        received: list[bytes] = []
        answers = iter([down for _, down in talks])

        async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if not register_ends_first:
                await send(writer, next(answers))
                writer.write_eof()
                received.append(await reader.read())
                return
            # Half-close: everything has come before the first byte goes back.
            received.append(await reader.read())
            await send(writer, next(answers))

        async def send(writer: asyncio.StreamWriter, chunks: list[bytes]) -> None:
            for chunk in chunks:
                writer.write(chunk)
                await writer.drain()

        async with standing(upstream) as proxy:
            for up, down in talks:
                reader, writer = await proxy.connect()
                if register_ends_first:
                    await send(writer, up)
                    writer.write_eof()
                    assert await reader.read() == b"".join(down)
                else:
                    assert await reader.read() == b"".join(down)
                    await send(writer, up)
                    writer.write_eof()
                await until(lambda: len(received) > 0)
                assert received.pop() == b"".join(up)
                await close(writer)
            await proxy.until_idle()
            told = proxy.events()
        for sender, sent in (
            (Sender.REGISTER, [up for up, _ in talks]),
            (Sender.OPERATOR, [down for _, down in talks]),
        ):
            copied = b"".join(event.data for event in told if isinstance(event, Sent) and event.sender is sender)
            assert copied == b"".join(b"".join(chunks) for chunks in sent)
            assert sum(isinstance(event, Ended) and event.sender is sender for event in told) == len(talks)

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(asyncio.wait_for(exchange(), 60))


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


def test_bytes_are_passed_on_while_both_sides_stay_open(run) -> None:
    async def talk() -> None:
        async with standing(echo) as proxy:
            reader, writer = await proxy.connect()
            for number in range(50):
                writer.write(b"%d," % number)
                assert await reader.readexactly(len(b"%d," % number)) == b"%d," % number
            await close(writer)
            await proxy.until_idle()
            [opened, *_, closed] = proxy.events()
            assert isinstance(opened, Opened)
            assert isinstance(closed, Closed)
            assert opened.operator.host == "127.0.0.1"

    run(talk())


def test_megabytes_go_through_a_peer_that_reads_late(run) -> None:
    async def talk() -> None:
        goes_on = asyncio.Event()
        read: list[int] = []

        async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await goes_on.wait()
            read.append(len(await reader.read()))
            writer.close()

        async with standing(late) as proxy:
            reader, writer = await proxy.connect()
            chunk, count, written = bytes(64 * 1024), 640, 0
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1):
                    while written < count:
                        writer.write(chunk)
                        written += 1
                        await writer.drain()
            assert written < count, "somebody has kept everything in memory"
            goes_on.set()
            for _ in range(count - written):
                writer.write(chunk)
                await writer.drain()
            writer.write_eof()
            assert await reader.read() == b""
            assert read == [count * len(chunk)]
            await close(writer)

    run(talk())


def test_a_reset_of_the_register_reaches_the_operator(run) -> None:
    async def talk() -> None:
        broken: list[bool] = []

        async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await reader.readexactly(10)
            except (ConnectionResetError, asyncio.IncompleteReadError) as error:
                broken.append(isinstance(error, ConnectionResetError))

        async with standing(upstream) as proxy:
            _, writer = await proxy.connect()
            writer.write(b"half")
            await until(lambda: proxy.server.connection_count == 1)
            await until(lambda: any(isinstance(event, Sent) for event in proxy.events()))
            linger_zero(writer)
            writer.transport.abort()
            await until(lambda: bool(broken))
            assert broken == [True]
            await proxy.until_idle()
            assert [event.sender for event in proxy.events() if isinstance(event, Reset)] == [Sender.REGISTER]

    run(talk())


def test_a_reset_of_the_operator_reaches_the_register(run) -> None:
    async def talk() -> None:
        async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readexactly(4)
            linger_zero(writer)
            writer.transport.abort()

        async with standing(upstream) as proxy:
            reader, writer = await proxy.connect()
            writer.write(b"ping")
            with pytest.raises(ConnectionResetError):
                await reader.read()
            await close(writer)
            await proxy.until_idle()
            assert [event.sender for event in proxy.events() if isinstance(event, Reset)] == [Sender.OPERATOR]

    run(talk())


def test_nobody_listens_upstream(run) -> None:
    async def talk() -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            with capture_logs() as logs:
                async with proxying(unused.getsockname()[1]) as proxy:
                    reader, writer = await proxy.connect()
                    with pytest.raises(ConnectionResetError):
                        await reader.read()
                    await close(writer)
        [failed] = [line for line in logs if line["event"] == "proxy.upstream_failed"]
        assert failed["log_level"] == "warning"
        assert failed["register"].startswith("127.0.0.1:")
        assert failed["reason"]

    run(talk())


def test_a_register_that_sends_and_ends_at_once_is_heard(run) -> None:
    async def talk() -> None:
        heard: list[bytes] = []

        async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.append(await reader.read())

        async with standing(upstream) as proxy:
            for _ in range(20):
                with socket.create_connection(("127.0.0.1", proxy.port)) as link:
                    link.sendall(b"all there is")
            await until(lambda: len(heard) == 20)
            assert set(heard) == {b"all there is"}
            await proxy.until_idle()

    run(talk())


def test_a_stop_lets_what_was_read_go_out_and_closes_idle_connections(run) -> None:
    async def talk() -> None:
        async with standing(echo) as proxy:
            reader, writer = await proxy.connect()
            writer.write(b"hello")
            assert await reader.readexactly(5) == b"hello"
            await proxy.server.stop()
            assert await reader.read() == b""
            assert proxy.server.connection_count == 0
            assert sum(isinstance(event, Ended) for event in proxy.events()) == 2
            await close(writer)

    run(talk())


def test_a_stop_gives_up_connections_that_are_being_opened(run) -> None:
    async def talk() -> None:
        with socket.socket() as full:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            address = full.getsockname()
            # Nobody accepts: connections beyond the backlog are never answered.
            waiting = [socket.socket() for _ in range(8)]
            for one in waiting:
                one.setblocking(False)
                one.connect_ex(address)
            async with proxying(address[1]) as proxy:
                reader, writer = await proxy.connect()
                await until(lambda: bool(proxy.server._openings))
                await proxy.server.stop()
                with contextlib.suppress(ConnectionResetError):
                    assert await reader.read() == b""
                await close(writer)
            for one in waiting:
                one.close()

    run(talk())


def test_a_stop_does_not_wait_for_a_peer_that_does_not_read(run) -> None:
    async def talk() -> None:
        async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await asyncio.Event().wait()

        async with standing(deaf, stop_timeout_s=0.2) as proxy:
            _, writer = await proxy.connect()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1):
                    while True:
                        writer.write(bytes(1 << 20))
                        await writer.drain()
            await proxy.server.stop()
            await until(lambda: proxy.server.connection_count == 0)
            await close(writer)
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()

    run(talk())


def test_connections_are_logged_with_what_passed(run) -> None:
    async def talk() -> None:
        with capture_logs() as logs:
            async with standing(echo) as proxy:
                reader, writer = await proxy.connect()
                writer.write(b"12345")
                await reader.readexactly(5)
                await close(writer)
                await proxy.until_idle()
        connected, disconnected = logs
        assert (connected["event"], connected["connection"]) == ("proxy.connected", 1)
        assert (disconnected["event"], disconnected["register_bytes"], disconnected["operator_bytes"]) == (
            "proxy.disconnected",
            5,
            5,
        )

    run(talk())


def test_ipv6_upstream(run) -> None:
    async def talk() -> None:
        try:
            async with standing(echo, host="::1") as proxy:
                reader, writer = await proxy.connect()
                writer.write(b"six")
                assert await reader.readexactly(3) == b"six"
                await close(writer)
                await proxy.until_idle()
                assert isinstance(proxy, Standing)
        except OSError as error:
            pytest.skip(f"no IPv6 on this machine: {error}")

    run(talk())
