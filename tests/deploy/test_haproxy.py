"""HAProxy itself, by the example, before two gateways of one database."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.running import RunningGateway, read_confirmation, wait_until
from tests.messages import container, message

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

EXAMPLE = (Path(__file__).resolve().parents[2] / "deploy" / "haproxy.cfg").read_text(encoding="utf-8")
FN = "8710000100000001"

pytestmark = pytest.mark.skipif(shutil.which("haproxy") is None, reason="there is no haproxy on this machine")


def free_port() -> int:
    """A port that was free a moment ago; HAProxy does not tell which one it was given for port 0."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def configuration(port: int, gateways: Sequence[RunningGateway]) -> str:
    """The example with this machine's addresses, few connections and short intervals, and nothing else changed."""
    text = EXAMPLE.replace("bind :7777", f"bind 127.0.0.1:{port}").replace("inter 2s", "inter 200ms")
    text = text.replace("maxconn 100000", "maxconn 1000")
    for number, gateway in enumerate(gateways, start=1):
        host, http_port = gateway.ready["http"].rsplit(":", 1)
        server = f"server gateway{number}"
        text, count = re.subn(
            rf"{server} \S+", f"{server} {gateway.ready['ofd']} check port {http_port} addr {host}", text
        )
        assert count == 1
    return text


@contextlib.contextmanager
def balancer(directory: Path, gateways: Sequence[RunningGateway]) -> Iterator[tuple[str, int]]:
    port = free_port()
    file = directory / "haproxy.cfg"
    file.write_text(configuration(port, gateways))
    with (directory / "haproxy.log").open("wb") as log:
        child = subprocess.Popen(["haproxy", "-db", "-f", file], stdout=log, stderr=log)
        try:
            wait_until(lambda: knocked(port) or child.poll() is not None, what="HAProxy")
            assert child.poll() is None, (directory / "haproxy.log").read_text()
            yield "127.0.0.1", port
        finally:
            child.send_signal(signal.SIGTERM)
            child.wait(20)


def knocked(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=10):
        return True
    return False


def sent(address: tuple[str, int], fd: int) -> str | None:
    """The address that this register had when its document was confirmed; None when it was not."""
    with contextlib.suppress(OSError), socket.create_connection(address, timeout=10) as link:
        host, port = link.getsockname()
        link.sendall(message(container(FN, fd), fn=FN))
        if read_confirmation(link):
            return f"{host}:{port}"
    return None


def peers(gateway: RunningGateway) -> set[str]:
    return {str(record["peer"]) for record in gateway.events("document.accepted")}


@pytest.mark.faults
async def test_the_example_balances_tells_addresses_and_leaves_a_dead_gateway(dsn: str, tmp_path: Path) -> None:
    environment = {"OFD_GATEWAY_INTAKE__PROXY_PROTOCOL": "v2"}
    gateways = await asyncio.gather(
        *(
            asyncio.to_thread(
                RunningGateway,
                tmp_path / name,
                *("--listen", "127.0.0.1:0", "--database", dsn),
                environment=environment,
            )
            for name in ("first", "second")
        )
    )
    try:
        await asyncio.to_thread(use, tmp_path, gateways)
    finally:
        for gateway in gateways:
            await asyncio.to_thread(gateway.close)


def use(directory: Path, gateways: Sequence[RunningGateway]) -> None:
    first, second = gateways
    with balancer(directory, gateways) as address:
        wait_until(lambda: sent(address, 1) is not None, what="the first confirmation")
        clients = {sent(address, fd) for fd in range(2, 12)}
        assert None not in clients
        wait_until(lambda: clients <= peers(first) | peers(second), what="the registers' own addresses in the logs")
        assert peers(first)
        assert peers(second)

        first.kill()
        wait_until(lambda: sent(address, 12) is not None, what="a confirmation by the second gateway")
        wait_until(lambda: all(sent(address, fd) for fd in range(13, 23)), what="rest without the first gateway")
