"""A database with a few documents and quarantined messages in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ofd_gateway.crypto import EmulatorCrypto
from ofd_gateway.ffd import decode
from ofd_gateway.ffd.checks import CheckPolicy, check
from ofd_gateway.ledger import Arrival, Ledger, QuarantineRow
from ofd_gateway.protocol import parse_container
from ofd_gateway.storage import Database, DocumentStore
from tests.messages import DEBUG_FN, PLAIN_FN, container, document_body

START = datetime(2026, 3, 1, 9, tzinfo=UTC)
FIRST = container(DEBUG_FN, 1, code=1, sign=b"first1", body=document_body(DEBUG_FN, 1, code=1))
AGAIN = container(DEBUG_FN, 1, code=1, sign=b"again1", body=document_body(DEBUG_FN, 1, code=1))
RECEIPT = container(PLAIN_FN, 5, body=document_body(PLAIN_FN, 5, total_kopecks=100_005))
SHIFT = container(PLAIN_FN, 6, code=2, body=document_body(PLAIN_FN, 6, code=2))
EVIL = "items[3] [bold]/x[/bold] \x1b[31m"


async def fill(dsn: str) -> None:
    """Two lives of a debug FN and two documents of another, an hour apart; two quarantined messages."""
    database = await Database.connect(dsn)
    store = DocumentStore(database)
    ledger = Ledger(EmulatorCrypto(b"k" * 32), CheckPolicy())
    try:
        for hours, raw in enumerate((FIRST, AGAIN, RECEIPT, SHIFT)):
            now = START + timedelta(hours=hours)
            await store.commit([_arrival(raw, now)], ledger, now)
        await store.quarantine(
            [
                QuarantineRow(
                    fn=fn,
                    fd=fd,
                    reason="encrypted_or_corrupt",
                    detail=EVIL,
                    received_at=START + timedelta(hours=hours),
                    peer="[fe80::1]:7001",
                    connection_id="c-9",
                    raw=b"\x2a\x08raw",
                )
                for hours, fn, fd in ((1, PLAIN_FN, 9), (2, "", None))
            ]
        )
    finally:
        await store.close()
        await database.close()


def _arrival(raw: bytes, now: datetime) -> Arrival:
    parsed = parse_container(raw)
    document = decode(parsed.body)
    return Arrival(
        container=parsed,
        document=document,
        violations=check(document, now=now),
        received_at=now,
        peer="127.0.0.1:7001",
        connection_id="c-1",
        session_version=b"\x01\x05",
    )
