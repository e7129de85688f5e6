"""The other end of a socket: its name, and how to drop it."""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

__all__ = ["descriptor_of", "host_of", "name_of", "reset"]


def host_of(transport: asyncio.Transport | None) -> str:
    """The peer's address, empty when it has gone."""
    name = None if transport is None else transport.get_extra_info("peername")
    return str(name[0]) if isinstance(name, tuple) and name else ""


def name_of(transport: asyncio.Transport) -> str:
    """`address:port`, an IPv6 address in brackets."""
    name = transport.get_extra_info("peername")
    if isinstance(name, tuple) and len(name) >= 2:
        host = f"[{name[0]}]" if ":" in str(name[0]) else str(name[0])
        return f"{host}:{name[1]}"
    return str(name or "")


def descriptor_of(transport: asyncio.Transport | None) -> int:
    """The number of the socket among the open files of the process; -1 when there is none."""
    sock = None if transport is None else transport.get_extra_info("socket")
    return -1 if sock is None else int(sock.fileno())


def reset(transport: asyncio.Transport) -> None:
    """Drops the connection so that the peer gets a reset (RST) instead of an end."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
