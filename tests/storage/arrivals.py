"""Arrivals and connections for the storage tests."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import asyncpg

from ofd_gateway.crypto import EmulatorCrypto
from ofd_gateway.ffd import decode
from ofd_gateway.ffd.checks import CheckPolicy
from ofd_gateway.ledger import Arrival, Ledger, QuarantineRow
from ofd_gateway.protocol import parse_container
from ofd_gateway.storage import Database, DocumentStore
from tests.messages import PLAIN_FN, container

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ofd_gateway.ffd.checks import Violation

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def ledger() -> Ledger:
    return Ledger(EmulatorCrypto(b"k" * 32), CheckPolicy())


def arrival(
    fn: str = PLAIN_FN,
    fd: int = 1,
    *,
    code: int = 3,
    sign: bytes | None = None,
    body: bytes | None = None,
    received_at: datetime = NOW,
    violations: tuple[Violation, ...] = (),
) -> Arrival:
    parsed = parse_container(container(fn, fd, code=code, sign=sign, body=body))
    return Arrival(
        container=parsed,
        document=decode(parsed.body),
        violations=violations,
        received_at=received_at,
        peer="192.0.2.1:40000",
        connection_id="c-1",
        session_version=b"\x01\x05",
    )


def quarantine_row(fn: str = PLAIN_FN, **changes: object) -> QuarantineRow:
    values = {
        "fn": fn,
        "fd": 7,
        "reason": "container_crc",
        "detail": "the CRC is wrong",
        "received_at": NOW,
        "peer": "192.0.2.1:40000",
        "connection_id": "c-1",
        "raw": b"\x00\xff raw",
        **changes,
    }
    return QuarantineRow(**values)  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def opened(dsn: str, *, timeout_s: float = 10.0, write_dsn: str | None = None) -> AsyncIterator[DocumentStore]:
    """A store on this database; its writing connections take another way where one is named."""
    database = await Database.connect(dsn)
    store = DocumentStore(database, statement_timeout_s=timeout_s)
    if write_dsn is not None:
        for connection in (store._commits, store._quarantines):
            connection._dsn = write_dsn
    try:
        yield store
    finally:
        await store.close()
        await database.close()


async def value(dsn: str, query: str, *arguments: object) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(query, *arguments)
    finally:
        await connection.close()
