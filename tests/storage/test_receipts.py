"""Receipts found by their six values, and nothing found for any other."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from ofd_gateway.ffd.domain import ReceiptQr
from ofd_gateway.storage import Database, DatabaseUnavailable, ReceiptStore, receipts
from tests.buyers.samples import DEBUG_FN, SALE, SAMPLES, built, head
from tests.storage.arrivals import NOW, arrival, ledger, opened

if TYPE_CHECKING:
    from ofd_gateway.ffd import Document


def qr_of(document: Document) -> ReceiptQr:
    qr = ReceiptQr.of(document)
    assert qr is not None
    return qr


QR = qr_of(SALE)
WRONG: dict[str, ReceiptQr | None] = {
    "malformed": None,
    "minute": msgspec.structs.replace(QR, issued_at_local=QR.issued_at_local + timedelta(minutes=1)),
    "hour": msgspec.structs.replace(QR, issued_at_local=QR.issued_at_local - timedelta(hours=1)),
    "kopeck": msgspec.structs.replace(QR, total_kopecks=QR.total_kopecks + 1),
    "sign": msgspec.structs.replace(QR, printed_fiscal_sign=QR.printed_fiscal_sign ^ 1),
    "operation": msgspec.structs.replace(QR, operation_type=2),
    "fd": msgspec.structs.replace(QR, fd=QR.fd + 1),
    "fn": msgspec.structs.replace(QR, fn="9960440301643002"),
    "fn of 15 digits": msgspec.structs.replace(QR, fn=QR.fn[:-1]),
    "everything": ReceiptQr(
        issued_at_local=datetime(2020, 1, 1),
        total_kopecks=10**17,
        fn="0000000000000000",
        fd=2**32 - 1,
        printed_fiscal_sign=0,
        operation_type=1,
    ),
}


async def keep(dsn: str, *documents: Document, sign: bytes | None = None) -> None:
    async with opened(dsn) as store:
        for document in documents:
            assert document.fn is not None
            assert document.fd is not None
            stored = arrival(document.fn, document.fd, code=document.code, body=document.raw, sign=sign)
            await store.commit([stored], ledger(), NOW)


async def test_every_kind_of_receipt_is_found_as_it_came(dsn: str) -> None:
    kept = [SAMPLES[name] for name in ("sale_1.2", "refund_1.05", "correction_1.1", "purchase_bso_1.1")]
    await keep(dsn, *kept)
    database = await Database.connect(dsn)
    store = ReceiptStore(database)
    for document in kept:
        found = await store.find(qr_of(document))
        assert found is not None
        assert (found.ffd, document.raw in found.container, len(found.message_sign)) == (document.ffd, True, 8)
    await database.close()


async def test_seconds_do_not_count(dsn: str) -> None:
    await keep(dsn, SALE)
    database = await Database.connect(dsn)
    moment = QR.issued_at_local.replace(second=59)
    assert await ReceiptStore(database).find(msgspec.structs.replace(QR, issued_at_local=moment)) is not None
    await database.close()


async def test_seconds_of_the_register_do_not_count(dsn: str) -> None:
    late = built_at(datetime(2026, 11, 24, 9, 23, 59))
    await keep(dsn, late)
    database = await Database.connect(dsn)
    asked = msgspec.structs.replace(qr_of(late), issued_at_local=datetime(2026, 11, 24, 9, 23))
    assert await ReceiptStore(database).find(asked) is not None
    await database.close()


@pytest.mark.parametrize("name", WRONG)
async def test_one_wrong_value_is_enough(dsn: str, name: str) -> None:
    await keep(dsn, SALE)
    database = await Database.connect(dsn)
    assert await ReceiptStore(database).find(WRONG[name]) is None
    await database.close()


async def test_other_documents_are_not_receipts(dsn: str) -> None:
    """A report has neither sum nor type of settlement; this one carries them all the same."""
    report = arrival(QR.fn, QR.fd, code=5, body=b"\x05\x00" + SALE.raw[2:])
    async with opened(dsn) as store:
        await store.commit([report], ledger(), NOW)
        assert await store.get(QR.fn, QR.fd) is not None
    database = await Database.connect(dsn)
    assert await ReceiptStore(database).find(QR) is None
    await database.close()


async def test_each_generation_of_a_debug_fn_is_found(dsn: str) -> None:
    first, second = (built_at(datetime(2026, 11, day, 9, 0), fn=DEBUG_FN, fd=2) for day in (1, 2))
    async with opened(dsn) as store:
        for number, document in enumerate((first, second)):
            sign = b"life%02d" % number
            await store.commit([arrival(DEBUG_FN, 1, code=1, sign=sign)], ledger(), NOW + timedelta(hours=number))
            await store.commit([arrival(DEBUG_FN, 2, body=document.raw, sign=sign[::-1])], ledger(), NOW)
    database = await Database.connect(dsn)
    for document in (first, second):
        found = await ReceiptStore(database).find(qr_of(document))
        assert found is not None
        assert document.raw in found.container
    await database.close()


async def test_every_miss_is_the_same_question(dsn: str) -> None:
    """What an asker could measure: which statements are carried out, and how many."""
    await keep(dsn, SALE)
    database = await Database.connect(dsn, pool_size=1)
    store = ReceiptStore(database)
    # The driver asks for the types of the parameters once.
    await store.find(None)
    asked: list[str] = []
    async with database.acquire() as connection:
        connection.add_query_logger(lambda record: asked.append(record.query))
    work: dict[str, list[str]] = {}
    for name, qr in WRONG.items():
        asked.clear()
        assert await store.find(qr) is None
        work[name] = [query for query in asked if "pg_advisory_unlock" not in query]
    assert work == {name: [receipts._FIND] for name in WRONG}
    asked.clear()
    assert await store.find(QR) is not None
    assert receipts._READ in asked
    await database.close()


async def test_the_answer_is_one_row_whatever_is_asked(dsn: str) -> None:
    await keep(dsn, SALE)
    database = await Database.connect(dsn)
    async with database.reading() as connection:
        for qr in [value for value in WRONG.values() if value is not None]:
            rows = await connection.fetch(
                receipts._FIND,
                *(qr.fn, qr.fd, [3, 31, 4, 41], qr.issued_at_local),
                *(qr.total_kopecks, qr.printed_fiscal_sign, qr.operation_type),
            )
            assert [tuple(row) for row in rows] == [(None,)]
    await database.close()


async def test_a_database_that_is_gone_is_told(dsn: str) -> None:
    database = await Database.connect(dsn)
    await database.close()
    with pytest.raises(DatabaseUnavailable):
        await ReceiptStore(database).find(QR)


def built_at(moment: datetime, *, fn: str = QR.fn, fd: int = QR.fd) -> Document:
    from ofd_gateway.ffd import model, parts

    return built(
        model.Receipt(
            head=head(fd, moment, fn=fn),
            shift_number=1,
            receipt_number=1,
            operation_type=parts.OperationType.SALE,
            total_kopecks=100,
            payments=parts.Payments(cash_kopecks=100),
            taxation=parts.Taxation.GENERAL,
        ),
        "1.05",
    )
