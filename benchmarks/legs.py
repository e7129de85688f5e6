"""What the legs to the tax service and to buyers do a second, and what they take from the intake."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from typing import Any, Literal

import asyncpg
import msgspec
import uvloop

from benchmarks.gateway import running_gateway
from benchmarks.runs import Loads

__all__ = ["measure"]

_DRAIN_DEADLINE_S = 120.0
_CONTACT = "+79991234567"


def measure(*, seconds: float) -> dict[str, float]:
    """Both legs: what they take from the intake, and what they do a second."""
    return {**_to_fns(seconds), **_to_buyers(seconds)}


def _to_buyers(seconds: float) -> dict[str, float]:
    """Receipts with a phone number and nobody who pays: looked at, decided on and recorded, none of them sent."""
    off: dict[str, str] = {}
    centre = {"OFD_GATEWAY_SMS__HOST": "127.0.0.1", "OFD_GATEWAY_SMS__PORT": "9"}
    found = {}
    for name, environment in (("contacts_off_per_second", off), ("contacts_per_second", centre)):
        with running_gateway(workers=2, environment=environment) as gateway:
            loads = Loads(gateway)
            loads.run(connections=500, seconds=1.0)
            found[name] = loads.run(connections=500, seconds=seconds, contact=_CONTACT)["per_second"]
            if environment:
                found["planned_per_second"] = asyncio.run(_emptied(gateway.database, "buyer_queue"))[1]
    return found


def _to_fns(seconds: float) -> dict[str, float]:
    """Confirmations per second with the leg off, with its queue alone, with it sending; documents it sends a second."""
    found: dict[str, float] = {}
    with running_gateway(workers=2) as gateway:
        found["off_per_second"] = _loaded(Loads(gateway), seconds)
    with running_gateway(workers=2, environment={"OFD_GATEWAY_FNS__URL": "http://127.0.0.1:9"}) as gateway:
        found["queued_per_second"] = _loaded(Loads(gateway), seconds)
    with _Peer() as peer, running_gateway(workers=2, environment={"OFD_GATEWAY_FNS__URL": peer.url}) as gateway:
        found["sending_per_second"] = _loaded(Loads(gateway), seconds)
        sent, found["drained_per_second"] = asyncio.run(_emptied(gateway.database, "fns_queue"))
        found["sent_meanwhile_per_second"] = sent / (seconds + 1.0)
    return found


def _loaded(loads: Loads, seconds: float) -> float:
    loads.run(connections=500, seconds=1.0)
    return loads.run(connections=500, seconds=seconds)["per_second"]


async def _emptied(dsn: str, queue: Literal["fns_queue", "buyer_queue"]) -> tuple[int, float]:
    """Documents that had an answer when the load ended, and rows a second that leave the queue from then on."""
    connection = await asyncpg.connect(dsn)
    try:
        answered: int = await connection.fetchval("SELECT count(*) FROM fns_answers")
        left = await connection.fetchval(f"SELECT count(*) FROM {queue}")
        started = time.perf_counter()
        while await connection.fetchval(f"SELECT EXISTS (SELECT 1 FROM {queue})"):
            if time.perf_counter() - started > _DRAIN_DEADLINE_S:
                raise TimeoutError(f"{queue} has not been emptied within {_DRAIN_DEADLINE_S:.0f} seconds")
            await asyncio.sleep(0.02)
        return answered, left / (time.perf_counter() - started)
    finally:
        await connection.close()


class _Peer:
    """A tax service in a process of its own that accepts everything and looks at nothing."""

    def __enter__(self) -> _Peer:
        self._process = subprocess.Popen([sys.executable, "-m", "benchmarks.legs"], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.url = json.loads(self._process.stdout.readline())["url"]
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(10)


class _Accepting(asyncio.Protocol):
    """As much of HTTP as the gateway's client needs: a length, a body, one answer."""

    def __init__(self) -> None:
        self._buffer = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answers each whole request."""
        self._buffer += data
        while True:
            head, blank, rest = self._buffer.partition(b"\r\n\r\n")
            if not blank:
                return
            length = next(
                int(line.partition(b":")[2])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length:")
            )
            if len(rest) < length:
                return
            self._buffer = rest[length:]
            documents = msgspec.json.decode(rest[:length])["documents"]
            answers = [
                {key: one[key] for key in ("fn", "generation", "fd")} | {"status": "accepted", "code": 0, "text": ""}
                for one in documents
            ]
            body = msgspec.json.encode({"answers": answers})
            self._transport.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
            )


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Accepting, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    sys.stdout.write(json.dumps({"url": f"http://127.0.0.1:{port}"}) + "\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve())
