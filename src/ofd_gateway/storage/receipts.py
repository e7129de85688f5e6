"""Receipts found by what their QR code says."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

import msgspec

from ofd_gateway.ffd.domain import ReceiptQr
from ofd_gateway.ledger import RECEIPT_CODES

if TYPE_CHECKING:
    from ofd_gateway.storage.database import Database

__all__ = ["ReceiptStore", "StoredReceipt"]

_FIND: Final = """
SELECT max(d.generation) FILTER (WHERE
    (d.document_code = ANY($3::smallint[]))::integer
    & coalesce(date_trunc('minute', d.issued_at_local) = $4::timestamp, false)::integer
    & coalesce(d.total_kopecks = $5::bigint, false)::integer
    & coalesce(d.fiscal_sign = $6::bigint, false)::integer
    & coalesce(d.operation_type = $7::bigint, false)::integer = 1)
FROM (SELECT coalesce((SELECT generation FROM fn_states WHERE fn = $1), 0)) AS latest (generation)
CROSS JOIN generate_series(greatest(latest.generation - 999, 0), latest.generation) AS g (generation)
CROSS JOIN LATERAL (
    SELECT generation, document_code, issued_at_local, total_kopecks, fiscal_sign, operation_type
    FROM documents WHERE fn = $1 AND generation = g.generation AND fd = $2 LIMIT 1
) AS d
"""
"""One row with one number or NULL, whatever is asked; every candidate is compared in all values: `&` has no early end.

An FN that is not there is looked for in `documents` all the same. Of a debug FN the latest thousand generations count.
"""
_READ: Final = "SELECT ffd, container, message_sign FROM documents WHERE fn = $1 AND generation = $2 AND fd = $3"

_NO_RECEIPT: Final = ReceiptQr(
    issued_at_local=datetime(1970, 1, 1),  # noqa: DTZ001  a register's wall clock has no zone
    total_kopecks=-1,
    fn="0000000000000000",
    fd=0,
    printed_fiscal_sign=-1,
    operation_type=0,
)


class StoredReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """A receipt as it came: the container, the format version it was read by, the message sign."""

    ffd: str
    container: bytes
    message_sign: bytes


class ReceiptStore:
    """Finds single receipts for their buyers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, qr: ReceiptQr | None) -> StoredReceipt | None:
        """The receipt that agrees with all six values, its time by the minute; the latest if several generations do.

        None as a question is asked like any other, of a receipt that cannot be, so that what is malformed costs the
        same as what is wrong. Raises `DatabaseUnavailable`.
        """
        asked = qr or _NO_RECEIPT
        async with self._database.reading() as connection:
            generation = await connection.fetchval(
                _FIND,
                asked.fn,
                asked.fd,
                sorted(RECEIPT_CODES),
                asked.issued_at_local.replace(second=0, microsecond=0),
                asked.total_kopecks,
                asked.printed_fiscal_sign,
                asked.operation_type,
            )
            if generation is None:
                return None
            row = await connection.fetchrow(_READ, asked.fn, generation, asked.fd)
        return None if row is None else StoredReceipt(**dict(row))
