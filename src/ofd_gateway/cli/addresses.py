"""`HOST:PORT` on a command line."""

from __future__ import annotations

from typing import Final

import typer

from ofd_gateway.captures.piece import Address

__all__ = ["parse_address"]

_LARGEST_PORT: Final = 65_535


def parse_address(text: str, option: str, *, least_port: int = 1) -> Address:
    """Host and port of `HOST:PORT` or `[IPV6]:PORT`.

    Raises:
        typer.BadParameter: it is neither, or the port is out of range.
    """
    host, colon, port = text.rpartition(":")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    is_number = port.isascii() and port.isdigit() and len(port) <= 5
    if not colon or not host or not is_number or not least_port <= int(port) <= _LARGEST_PORT:
        raise typer.BadParameter(f"{text!r}: HOST:PORT, [::1]:7777", param_hint=option)
    return Address(host, int(port))
