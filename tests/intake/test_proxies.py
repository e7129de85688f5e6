"""A balancer in front: the register's own address is what is kept; nobody else is believed."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from ofd_gateway.intake import Limits, TrustedBalancers
from tests.intake.running import read_answer, running_intake, until
from tests.messages import container, message
from tests.protocol.test_proxy import header, ipv4

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.intake.running import RunningIntake

REGISTER = "203.0.113.7:49152"


@contextlib.asynccontextmanager
async def behind_a_balancer(*networks: str, limits: Limits | None = None) -> AsyncIterator[RunningIntake]:
    async with running_intake(limits=limits) as intake:
        intake.server.balancers = TrustedBalancers(networks or ("127.0.0.0/8",))
        yield intake


async def closed_without_a_byte(intake: RunningIntake, data: bytes, *, eof: bool = False) -> dict[str, object]:
    """The line that says why."""
    with capture_logs() as logs:
        assert await intake.exchange(data, eof=eof) == b""
        await until(lambda: any(record["event"] == "connection.proxy_refused" for record in logs))
    (line,) = [record for record in logs if record["event"] == "connection.proxy_refused"]
    assert line["log_level"] == "warning"
    return dict(line)


@pytest.mark.parametrize("size", [1, 3, 16, 28, 10_000])
async def test_the_address_of_the_register_is_stored(size: int) -> None:
    data = header(rest=ipv4(b"\x04\x00\x02ab")) + message(container(fd=1)) + message(container(fd=2))
    async with behind_a_balancer() as intake:
        with capture_logs() as logs:
            reader, writer = await intake.connect()
            for at in range(0, len(data), size):
                writer.write(data[at : at + size])
                await writer.drain()
            assert await read_answer(reader)
            assert await read_answer(reader)
            writer.close()
        peers = [record["peer"] for record in logs if record["event"] == "document.accepted"]
        assert peers == [REGISTER, REGISTER]


async def test_the_address_of_a_refused_message_is_the_registers() -> None:
    damaged = bytearray(message(container()))
    damaged[90] ^= 1
    async with behind_a_balancer() as intake:
        assert await intake.exchange(header(rest=ipv4()) + bytes(damaged)) == b""
        await until(lambda: len(intake.store.quarantined) == 1)
        assert intake.store.quarantined[0].peer == REGISTER


@pytest.mark.parametrize("own", [header(0x20, 0x00), header(0x21, 0x00), header(0x21, 0x31, bytes(216))])
async def test_without_an_address_the_balancers_own_is_kept(own: bytes) -> None:
    async with behind_a_balancer() as intake:
        with capture_logs() as logs:
            assert await intake.exchange(own + message(container()))
        (line,) = [record for record in logs if record["event"] == "document.accepted"]
        assert line["peer"].startswith("127.0.0.1:")


async def test_a_health_check_is_a_probe() -> None:
    async with behind_a_balancer() as intake:
        with capture_logs() as logs:
            assert await intake.exchange(header(0x20, 0x00), eof=True) == b""
            assert await intake.exchange(b"", eof=True) == b""
            await until(lambda: intake.server.connection_count == 0)
        assert [record["event"] for record in logs] == ["connection.probed"] * 2


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (message(container()), "signature"),
        (b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", "signature"),
        (header(0x21, 0x12, ipv4()), "family"),
        (header(length=0xFFFF), "length"),
        (header(rest=ipv4(b"\x01")), "TLV"),
    ],
)
async def test_anything_else_is_closed_and_logged(data: bytes, field: str) -> None:
    async with behind_a_balancer() as intake:
        line = await closed_without_a_byte(intake, data)
        assert line["field"] == field
        assert intake.metric('connections_refused_total{limit="proxy"}') == 1
        assert intake.store.rows == {}


async def test_a_header_that_is_cut_off_is_logged() -> None:
    async with behind_a_balancer() as intake:
        line = await closed_without_a_byte(intake, header(rest=ipv4())[:20], eof=True)
        assert line["offset"] == 20


async def test_a_stranger_is_not_believed() -> None:
    async with behind_a_balancer("192.0.2.0/24", "2001:db8::/32") as intake:
        line = await closed_without_a_byte(intake, header(rest=ipv4()) + message(container()))
        assert line["reason"] == "not from a trusted network"
        assert intake.store.rows == {}


async def test_a_header_that_does_not_come_is_not_waited_for_for_ever() -> None:
    limits = Limits(message_timeout_s=0.05, idle_timeout_s=60)
    async with behind_a_balancer(limits=limits) as intake:
        for beginning in (b"", header(rest=ipv4())[:20]):
            reader, writer = await intake.connect()
            writer.write(beginning)
            async with asyncio.timeout(10):
                assert await reader.read() == b""
            writer.close()


async def test_a_register_with_a_header_may_be_idle() -> None:
    limits = Limits(message_timeout_s=0.05, idle_timeout_s=60)
    async with behind_a_balancer(limits=limits) as intake:
        reader, writer = await intake.connect()
        writer.write(header(rest=ipv4()))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await reader.read()
        writer.write(message(container()))
        assert await read_answer(reader)
        writer.close()


@pytest.mark.parametrize(
    ("host", "trusted"),
    [
        ("10.1.2.3", True),
        ("11.1.2.3", False),
        ("::ffff:10.1.2.3", True),
        ("fe80::1%eth0", True),
        ("2001:db8::1", False),
        ("", False),
        ("nonsense", False),
    ],
)
def test_trusted_networks(host: str, trusted: bool) -> None:
    assert TrustedBalancers(["10.0.0.0/8", "fe80::/10"]).trusts(host) is trusted


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        TrustedBalancers(["nonsense"])
