"""Answers that go wrong on purpose: late, cut off, or nonsense."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from starlette.responses import Response

from ofd_gateway.fns_emulator.connections import Connections
from ofd_gateway.fns_emulator.contract import Answer, Answers
from ofd_gateway.fns_emulator.script import Fault

__all__ = ["CutResponse", "SpoiledResponse", "busy_headers", "wait_unless_gone"]

_JSON: Final = "application/json"
_HTML: Final = b"<!doctype html><title>502 Bad Gateway</title><h1>502 Bad Gateway</h1>\n"
_NOBODY: Final = "0000000000000000"


class CutResponse(Response):
    """No answer at all: the connection is cut."""

    def __init__(self, connections: Connections) -> None:
        super().__init__()
        self._connections = connections

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Cuts, and waits until that has been noticed, so that the server writes nothing of its own."""
        self._connections.cut(scope)
        while (await receive())["type"] != "http.disconnect":
            pass


class SpoiledResponse(Response):
    """The answer to a request that was dealt with, with the nonsense of a fault in its body."""

    def __init__(self, answers: list[Answer], fault: Fault, connections: Connections) -> None:
        super().__init__(_spoiled(answers, fault), media_type="text/html" if fault.body == "not_json" else _JSON)
        self._connections = connections
        self._is_truncated = fault.body == "truncated"

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Sends the body, or the first half of what the headers promise."""
        if not self._is_truncated:
            await super().__call__(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        half = bytes(self.body)[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        self._connections.close(scope)
        while (await receive())["type"] != "http.disconnect":
            pass


def busy_headers(retry_after_s: int | None) -> dict[str, str]:
    """The header that tells when to come again."""
    return {} if retry_after_s is None else {"retry-after": str(retry_after_s)}


async def wait_unless_gone(delay_s: float, receive: Any) -> bool:
    """Waits, unless the peer goes away before; whether it is still there. The request has been read."""
    try:
        async with asyncio.timeout(delay_s):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return True
    return False


def _spoiled(answers: Sequence[Answer], fault: Fault) -> bytes:
    told = list(answers)
    match fault.body:
        case "not_json":
            return _HTML
        case "wrong_shape":
            return msgspec.json.encode({"answers": {"status": "accepted"}})
        case "unknown_status":
            return msgspec.json.encode({"answers": [{**msgspec.structs.asdict(one), "status": "lost"} for one in told]})
        case "fewer_answers":
            told = told[:-1]
        case "unknown_documents":
            told.append(Answer(fn=_NOBODY, generation=0, fd=1, status="accepted", code=0, text=""))
        case "doubled_answers":
            told = [one for one in told for _ in range(2)]
        case "reversed":
            told.reverse()
    return msgspec.json.encode(Answers(answers=told))
