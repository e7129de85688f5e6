"""Microseconds of the pure rooms: CRC, decode, checks, and the construct declaration of the same format."""

from __future__ import annotations

import timeit
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from benchmarks.frames import fn_number, message, receipt_body
from ofd_gateway.alerts import (
    DocumentAccepted,
    Parameters,
    State,
    decode_state,
    encode_state,
    register_state,
    step,
)
from ofd_gateway.ffd import decode, dictionary, to_fns_json
from ofd_gateway.ffd.checks import check
from ofd_gateway.ffd.declaration import DOCUMENT
from ofd_gateway.ffd.enumerations import enumerations
from ofd_gateway.ffd.presence import rows
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

    state, receipt = _state_of_a_busy_register(), decode(receipt_body(fn_number(1), 3))
    event = DocumentAccepted(at=NOW, fn=fn_number(1), fd=3, document=receipt)
    parameters = Parameters()
    stored = encode_state(state)

    return {
        "step_us": _best(lambda: step(state, event, NOW, parameters)),
        "step_stored_us": _best(lambda: encode_state(step(decode_state(stored), event, NOW, parameters).state)),
        "tables_us": _best(_load_tables, number=3),
        "crc_us": _best(lambda: crc16(container)),
        "message_us": _best(parse_message),
        "decode_us": _best(lambda: decode(body)),
        "encode_us": _best(decode(body).encode),
        "json_us": _best(lambda: to_fns_json(decode(body), message_sign=b"12345678")),
        "decode_and_checks_us": _best(lambda: check(decode(body), now=NOW)),
        "construct_us": _best(lambda: DOCUMENT.parse(body), number=100),
    }


def _load_tables() -> None:
    """Everything that is read from files before the first document can be checked."""
    for cached in (dictionary._table, rows, enumerations):  # noqa: SLF001  the cache is what is measured
        cached.cache_clear()
    for load in (dictionary.specs, rows, enumerations):
        load()


def _state_of_a_busy_register() -> State:
    state = register_state("0000000000024136")
    for fd in (1, 2):
        document = decode(receipt_body(fn_number(1), fd))
        event = DocumentAccepted(at=NOW, fn=fn_number(1), fd=fd, document=document)
        state = step(state, event, NOW, Parameters()).state
    return state


def _best(call: Callable[[], object], *, number: int = 2000) -> float:
    return min(timeit.repeat(call, number=number, repeat=5)) / number * 1e6
