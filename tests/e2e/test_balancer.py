"""A gateway that stands behind a balancer, as it is configured for that."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from tests.e2e.running import exchange, running
from tests.messages import DEBUG_FN, container, message
from tests.protocol.test_proxy import header, ipv4


def test_the_registers_address_is_logged_and_kept() -> None:
    damaged = bytearray(message(container()))
    damaged[90] ^= 1
    environment = {"OFD_GATEWAY_INTAKE__PROXY_PROTOCOL": "v2"}
    with tempfile.TemporaryDirectory() as directory:
        for gateway in running(Path(directory) / "state", environment=environment):
            assert exchange(gateway, header(rest=ipv4()) + message(container()))
            assert gateway.wait_event("document.accepted")["peer"] == "203.0.113.7:49152"
            assert exchange(gateway, header(rest=ipv4()) + bytes(damaged)) == b""
            (row,) = gateway.command("quarantine", "list", "--fn", DEBUG_FN, "--json").stdout.splitlines()
            assert json.loads(row)["peer"] == "203.0.113.7:49152"
            assert exchange(gateway, message(container(fd=2))) == b""
            assert gateway.wait_event("connection.proxy_refused")["field"] == "signature"
