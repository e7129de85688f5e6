"""Microseconds of the pure rooms: CRC, decode, checks, and the construct declaration of the same format."""

from __future__ import annotations

import timeit
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from benchmarks.frames import fn_number, message, receipt_body
from ofd_gateway.ffd import decode
from ofd_gateway.ffd.checks import check
from ofd_gateway.ffd.declaration import DOCUMENT
from ofd_gateway.protocol import Connection, Role, crc16

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["measure"]

NOW = datetime(2025, 11, 25, tzinfo=UTC)


def measure() -> dict[str, float]:
    """Microseconds a call, best of five runs each."""
    body = receipt_body(fn_number(1), 1)
    whole = message(fn_number(1), 1)
    container = whole[30:]

    def parse_message() -> None:
        connection = Connection(Role.OPERATOR)
        connection.receive(whole)
        connection.next_event()

    return {
        "crc_us": _best(lambda: crc16(container)),
        "message_us": _best(parse_message),
        "decode_us": _best(lambda: decode(body)),
        "decode_and_checks_us": _best(lambda: check(decode(body), now=NOW)),
        "construct_us": _best(lambda: DOCUMENT.parse(body), number=100),
    }


def _best(call: Callable[[], object], *, number: int = 2000) -> float:
    return min(timeit.repeat(call, number=number, repeat=5)) / number * 1e6
