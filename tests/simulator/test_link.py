"""A connection that is lost in the middle of a message."""

from __future__ import annotations

import asyncio

import pytest

from ofd_gateway.protocol import CrcMode
from ofd_gateway.simulator.link import Link, LinkLost


class Network(asyncio.Transport):
    """Takes three bytes and is gone."""

    def __init__(self, link: Link) -> None:
        super().__init__()
        self.written = b""
        self._link = link

    def write(self, data: bytes) -> None:
        self.written += data
        if len(self.written) == 3:
            self._link.connection_lost(ConnectionResetError("gone"))

    def is_closing(self) -> bool:
        return False


async def test_nothing_is_written_to_a_lost_connection() -> None:
    link = Link()
    network = Network(link)
    link.connection_made(network)
    with pytest.raises(LinkLost, match="gone"):
        await link.exchange(
            bytes(100), version=b"\x01\x05", fn="9999000000000001", crc_mode=CrcMode.NONE, timeout_s=5, write_bytes=1
        )
    assert len(network.written) == 3
