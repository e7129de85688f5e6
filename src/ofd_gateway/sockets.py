"""Listening sockets, bound before anything else starts."""

from __future__ import annotations

import contextlib
import socket

from ofd_gateway.errors import OfdGatewayError

__all__ = ["AddressUnavailable", "address_text", "bind_socket"]


class AddressUnavailable(OfdGatewayError):
    """The address cannot be bound: it is in use, not ours, or no address at all."""


def bind_socket(host: str, port: int, *, reuse_port: bool = False) -> socket.socket:
    """A bound TCP socket that does not listen yet; port 0 takes a free one.

    The address can be bound again at once after the process was killed (SO_REUSEADDR).

    Raises:
        AddressUnavailable: names the address and the system's reason.
    """
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with contextlib.ExitStack() as undo:
            sock = undo.enter_context(socket.socket(family, kind, proto))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if reuse_port:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.setblocking(False)
            sock.bind(address)
            undo.pop_all()
            return sock
    except (OSError, UnicodeError) as error:  # a name may be longer than names can be
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise AddressUnavailable(f"cannot listen on {host}:{port}: {reason}") from error


def address_text(sock: socket.socket) -> str:
    """`127.0.0.1:41234` or `[::1]:41234`."""
    host, port = sock.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
