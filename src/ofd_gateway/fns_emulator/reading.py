"""Reads requests: the body within its limit, the batch in it, and the numbers of a query."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

import msgspec

from ofd_gateway.fns_emulator.contract import Batch
from ofd_gateway.fns_emulator.problems import RequestProblem, shape_problem

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["count_argument", "read_batch", "read_body"]

_BATCH: Final = msgspec.json.Decoder(Batch, float_hook=Decimal)


async def read_body(request: Request, limit_bytes: int, content_type: str | None) -> bytes:
    """The whole body. Raises RequestProblem for another content type, a coding, and more bytes than the limit.

    A sender that is over the limit by less than as much again is heard out, so that it can hear why; another one is
    cut off.
    Raises starlette's ClientDisconnect when the sender goes away before the end.
    """
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type is not None and given != content_type:
        raise RequestProblem(415, f"Content-Type: {content_type} is expected")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise RequestProblem(415, "Content-Encoding: none is understood")
    declared = request.headers.get("content-length", "0")
    size = 0
    body = bytearray()
    async for chunk in request.stream():
        size += len(chunk)
        if size > 2 * limit_bytes:
            raise RequestProblem(413, f"at most {limit_bytes} bytes", headers={"connection": "close"})
        if size <= limit_bytes and int(declared) <= limit_bytes:
            body += chunk
    if size > limit_bytes:
        raise RequestProblem(413, f"at most {limit_bytes} bytes")
    return bytes(body)


def read_batch(body: bytes) -> Batch:
    """The documents of a request; numbers with a fraction are exact. Raises RequestProblem, with place or offset."""
    try:
        return _BATCH.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise shape_problem(error) from None


def count_argument(request: Request, name: str, *, default: int, largest: int, least: int = 0) -> int:
    """A number from `least` to `largest` in the query. Raises RequestProblem for anything else."""
    text = request.query_params.get(name)
    if text is None:
        return default
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(largest))
    if not is_number or not least <= int(text) <= largest:
        raise RequestProblem(400, f"{name}={text[:40]}: a number from {least} to {largest} is expected")
    return int(text)
