"""Registers that know several addresses of their operator."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

import pytest
import typer

from ofd_gateway.cli.simulate import parse_endpoints
from ofd_gateway.simulator import Endpoint, FleetOrder, Plan, run_fleet
from ofd_gateway.simulator.route import Route
from ofd_gateway.simulator.tally import Tally

from .standin import TestOperator, serving

if TYPE_CHECKING:
    from collections.abc import Sequence

DEADLINE_S = 20.0
DOCUMENTS = 6
"""A registration, an opened shift, three receipts, a closed shift."""


def nobody() -> tuple[str, int]:
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        host, port = sock.getsockname()
        return host, port


def order(*addresses: tuple[str, int], registers: int = 1) -> FleetOrder:
    (host, port), *others = addresses
    endpoint = Endpoint(
        host=host,
        port=port,
        others=tuple(others),
        answer_timeout_s=0.3,
        reconnect_min_s=0.005,
        reconnect_max_s=0.05,
    )
    return FleetOrder(endpoint=endpoint, registers=registers, plan=Plan(receipts=3), patience_s=10.0)


async def test_an_address_where_nobody_listens_is_tried_once_and_left() -> None:
    async with serving(TestOperator()) as operator, asyncio.timeout(DEADLINE_S):
        report = await run_fleet(order(nobody(), ("127.0.0.1", operator.port), registers=4))

    assert report.clean
    assert report.tally.confirmed_count == 4 * DOCUMENTS
    assert (report.tally.failed_connections, report.tally.connections) == (4, 4)


async def test_an_operator_that_never_answers_is_left_for_the_next_address() -> None:
    async with (
        serving(TestOperator(silent=True)) as silent,
        serving(TestOperator()) as operator,
        asyncio.timeout(DEADLINE_S),
    ):
        report = await run_fleet(order(("127.0.0.1", silent.port), ("127.0.0.1", operator.port)))

    assert report.clean
    assert (len(silent.messages), len(operator.messages)) == (1, DOCUMENTS)


async def test_the_first_address_is_met_again_when_the_second_is_gone() -> None:
    first = TestOperator()
    async with serving(first):
        port = first.port
    second = TestOperator()
    tally = Tally()
    async with asyncio.timeout(DEADLINE_S):
        async with serving(second):
            route = Route((("127.0.0.1", port), ("127.0.0.1", second.port)), timeout_s=5, tally=tally)
            (await route.connect()).close()
        async with serving(first, port):
            (await route.connect()).close()

    assert (tally.connections, tally.failed_connections) == (2, 2)


async def test_a_name_stands_for_all_of_its_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    async def both(_: str, port: int, **__: object) -> Sequence[Any]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in ("127.0.0.2", "127.0.0.2", "127.0.0.1")
        ]

    async with serving(TestOperator()) as operator, asyncio.timeout(DEADLINE_S):
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", both)
        report = await run_fleet(order(("ofd.example", operator.port)))

    assert report.clean
    assert (report.tally.failed_connections, report.tally.connections) == (1, 1)


async def test_a_name_that_nobody_knows_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    async def unknown(*_: object, **__: object) -> Sequence[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown)
    tally = Tally()
    async with serving(TestOperator()) as operator, asyncio.timeout(DEADLINE_S):
        here = ("127.0.0.1", operator.port)
        (await Route((("ofd.example", 7777), here), timeout_s=5, tally=tally).connect()).close()
    with pytest.raises(socket.gaierror):
        await Route((("ofd.example", 7777),), timeout_s=5, tally=tally).connect()

    assert (tally.connections, tally.failed_connections) == (1, 2)


def test_addresses_come_by_commas_and_by_repetition() -> None:
    assert parse_endpoints(["a.b:1, [::1]:2", "c:3"]) == [("a.b", 1), ("::1", 2), ("c", 3)]
    with pytest.raises(typer.BadParameter):
        parse_endpoints(["a.b:1,"])
