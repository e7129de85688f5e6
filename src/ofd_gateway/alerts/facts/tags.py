"""Single tags of a document, read leniently: a value of the wrong length says nothing."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from ofd_gateway.ffd import Document

from ofd_gateway.alerts.timeline import to_utc

__all__ = ["RECEIPT_CODES", "REGISTRATION_CODES", "day", "flag", "issued_at", "number", "text"]

REGISTRATION_CODES: Final = frozenset({1, 11})
RECEIPT_CODES: Final = frozenset({3, 31, 4, 41})

_EPOCH: Final = date(1970, 1, 1)
_SECONDS_OF_DAY: Final = 86400
_LATEST: Final = timedelta(days=60)
_TEXT_LIMIT: Final = 256


def number(document: Document, tag: int, *sizes: int) -> int | None:
    """An unsigned little-endian integer of one of these sizes in bytes; None when absent or of another size."""
    raw = document.root.leaf(tag)
    return int.from_bytes(raw, "little") if raw is not None and len(raw) in sizes else None


def flag(document: Document, tag: int) -> bool | None:
    """A flag (признак) of one byte; None when absent or of another size."""
    value = number(document, tag, 1)
    return None if value is None else value != 0


def day(document: Document, tag: int) -> date | None:
    """A date: seconds since 1970 of the register's clock in four bytes; None when absent or zero."""
    seconds = number(document, tag, 4)
    return _EPOCH + timedelta(days=seconds // _SECONDS_OF_DAY) if seconds else None


def text(document: Document, tag: int) -> str | None:
    """Text in CP866 without padding, at most 256 characters; None when absent or empty."""
    raw = document.root.leaf(tag)
    return (raw.decode("cp866").strip()[:_TEXT_LIMIT] or None) if raw is not None else None


def issued_at(document: Document, place: ZoneInfo, at: datetime) -> datetime:
    """When the document was made (1012), as UTC by the register's zone, but never later than it arrived.

    A register whose clock is behind by more than two months is not believed: an FN blocks after thirty days, so no
    document can come that late. Then, and without a date, it is the arrival.
    """
    at_local = document.issued_at_local
    if at_local is None:
        return at
    made_at = to_utc(at_local, place)
    return made_at if timedelta() <= at - made_at <= _LATEST else at
