"""Who asks, directly and behind proxies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from ofd_gateway.web.addresses import TrustedProxies, client_key

PROXIES = ("10.0.0.0/8", "fd00::/8")


def key(peer: str | None, *chain: str, proxies: tuple[str, ...] = PROXIES) -> str:
    headers = [(b"x-forwarded-for", value.encode("latin-1", "replace")) for value in chain]
    scope = {"type": "http", "headers": headers, "client": None if peer is None else (peer, 1)}
    return client_key(TrustedProxies(proxies).client(Request(scope)))


@pytest.mark.parametrize(
    ("peer", "chain", "expected"),
    [
        ("192.0.2.1", (), "192.0.2.1"),
        ("192.0.2.1", ("203.0.113.7",), "192.0.2.1"),
        ("10.0.0.1", (), "10.0.0.1"),
        ("10.0.0.1", ("203.0.113.7",), "203.0.113.7"),
        ("10.0.0.1", ("198.51.100.1, 203.0.113.7",), "203.0.113.7"),
        ("10.0.0.1", ("198.51.100.1, 203.0.113.7, 10.0.0.2",), "203.0.113.7"),
        ("10.0.0.1", ("198.51.100.1", "203.0.113.7, 10.0.0.2"), "203.0.113.7"),
        ("10.0.0.1", ("203.0.113.7:4711",), "203.0.113.7"),
        ("10.0.0.1", ("[2001:db8::1]:4711",), "2001:db8::/64"),
        ("10.0.0.1", ("nonsense",), "10.0.0.1"),
        ("10.0.0.1", ("203.0.113.7, nonsense, 10.0.0.2",), "10.0.0.2"),
        ("10.0.0.1", (",,",), "10.0.0.1"),
        ("10.0.0.1", ("10.0.0.3, 10.0.0.2",), "10.0.0.3"),
        ("::ffff:192.0.2.1", (), "192.0.2.1"),
        ("2001:db8:0:1:aaaa::1", (), "2001:db8:0:1::/64"),
        ("2001:db8:0:1:bbbb::1", (), "2001:db8:0:1::/64"),
        ("fe80::1%eth0", (), "fe80::/64"),
        ("fd00::1", ("203.0.113.7",), "203.0.113.7"),
        ("/run/web.sock", (), "unknown"),
        (None, ("203.0.113.7",), "unknown"),
    ],
)
def test_the_last_address_that_is_no_proxy_of_ours(peer: str | None, chain: tuple[str, ...], expected: str) -> None:
    assert key(peer, *chain) == expected


def test_by_default_nobody_is_believed() -> None:
    assert key("10.0.0.1", "203.0.113.7", proxies=()) == "10.0.0.1"


def test_only_so_many_hops_are_followed() -> None:
    assert key("10.0.0.1", ", ".join(["203.0.113.7", *["10.0.0.2"] * 40])) == "10.0.0.2"


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_ends_in_some_key(peer: str, chain: str) -> None:
    assert key(peer, chain)
    assert key("10.0.0.1", chain)


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(ValueError, match=r"10\.0\.0\.1/8"):
        TrustedProxies(["10.0.0.1/8"])
