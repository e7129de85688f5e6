"""Balancers in front of the gateway: which are believed, and what they say before a register speaks."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from ofd_gateway.protocol import parse_proxy_header

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ofd_gateway.protocol import ProxyHeader

__all__ = ["ProxyPreface", "TrustedBalancers"]


class TrustedBalancers:
    """Networks from which connections are taken, each of which begins with a header of the PROXY protocol.

    Raises:
        ValueError: one of them is no network like `10.0.0.0/8`.
    """

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = [ipaddress.ip_network(network) for network in networks]

    def trusts(self, host: str) -> bool:
        """Whether connections of this address are taken; a text that is no address is not trusted."""
        try:
            address = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self._networks)


class ProxyPreface:
    """The bytes of one connection up to the end of its header: at most one incomplete header and one read."""

    __slots__ = ("_data",)

    def __init__(self) -> None:
        self._data = bytearray()

    def __len__(self) -> int:
        return len(self._data)

    def receive(self, data: bytes) -> tuple[ProxyHeader, bytes] | None:
        """The header and what came behind it, once the header is whole; raises `ProxyError`."""
        self._data += data
        header = parse_proxy_header(self._data)
        return None if header is None else (header, bytes(self._data[header.size :]))
