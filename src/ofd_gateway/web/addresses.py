"""Who asks: the peer, or behind proxies that we trust the address they name."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.requests import Request

__all__ = ["TrustedProxies", "client_key"]

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_MOST_HOPS: Final = 16
_IPV6_PREFIX_BITS: Final = 64
_UNKNOWN: Final = "unknown"


class TrustedProxies:
    """Networks whose word on the client's address (`X-Forwarded-For`) is taken.

    Raises:
        ValueError: one of them is no network like `10.0.0.0/8`.
    """

    def __init__(self, networks: Iterable[str] = ()) -> None:
        self._networks = [ipaddress.ip_network(network) for network in networks]

    def client(self, request: Request) -> _Address | None:
        """The last address of the chain that is no proxy of ours; None when the peer has no address.

        The header is read from its end, because only what our own proxies have written there is true; what cannot be
        read ends the chain.
        """
        found = _address("" if request.client is None else request.client.host)
        named = ",".join(request.headers.getlist("x-forwarded-for")).split(",")[-_MOST_HOPS:]
        while found is not None and named and self._knows(found):
            further = _address(named.pop())
            if further is None:
                break
            found = further
        return found

    def _knows(self, address: _Address) -> bool:
        return any(address in network for network in self._networks)


def client_key(address: _Address | None) -> str:
    """What a limit is counted by: an IPv4 address, or the /64 that one subscriber of IPv6 has to himself."""
    if address is None:
        return _UNKNOWN
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(ipaddress.ip_network((address.packed, _IPV6_PREFIX_BITS), strict=False))


def _address(text: str) -> _Address | None:
    """An address with or without a port; one of IPv4 inside IPv6 is one of IPv4."""
    bare = text.strip()
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ipaddress.ip_address(bare.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
