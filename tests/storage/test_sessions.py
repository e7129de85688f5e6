"""What a session asks of its server for the case that its gateway is cut off."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
import pytest

from ofd_gateway.storage import Database, with_peer_timeout

if TYPE_CHECKING:
    from tests.postgres import Server

FIFTEEN = "tcp_keepalives_idle=5&tcp_keepalives_interval=2&tcp_keepalives_count=4&tcp_user_timeout=15000"


@pytest.mark.parametrize(
    ("dsn", "timeout_s", "expected"),
    [
        ("postgresql://u@h/db", 15, f"postgresql://u@h/db?{FIFTEEN}"),
        ("postgresql://u@h/db?", 15, f"postgresql://u@h/db?{FIFTEEN}"),
        ("postgresql:///db?host=/run&port=1", 15, f"postgresql:///db?host=/run&port=1&{FIFTEEN}"),
        ("postgresql://u@h/db", 0, "postgresql://u@h/db"),
        (
            "postgresql://u@h/db?tcp_user_timeout=1&tcp_keepalives_idle=2",
            15,
            (
                "postgresql://u@h/db?tcp_user_timeout=1&tcp_keepalives_idle=2"
                "&tcp_keepalives_interval=2&tcp_keepalives_count=4"
            ),
        ),
        (
            "postgresql://u@h/db",
            0.2,
            (
                "postgresql://u@h/db?tcp_keepalives_idle=1&tcp_keepalives_interval=1&tcp_keepalives_count=4"
                "&tcp_user_timeout=1000"
            ),
        ),
    ],
)
def test_the_uri_asks_the_server_for_it(dsn: str, timeout_s: float, expected: str) -> None:
    assert with_peer_timeout(dsn, timeout_s) == expected


async def test_a_server_takes_it_and_the_pool_does_not_take_it_back(server: Server, dsn: str) -> None:
    database = await Database.connect(with_peer_timeout(dsn, 15), pool_size=1)
    plain = await asyncpg.connect(dsn)
    try:
        over_tcp = await plain.fetchval("SELECT inet_client_addr() IS NOT NULL")
        for _ in range(2):
            async with database.acquire() as connection:
                found = await connection.fetchval("SHOW tcp_user_timeout")
                assert found == ("15000" if over_tcp else "0")
    finally:
        await plain.close()
        await database.close()
