"""A document as the fiscal drive (ФН) holds it in its queue."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from ofd_gateway.simulator.settlement import Settlement


class DocumentCode(IntEnum):
    """Code of a document (код документа), which is also the outer tag of its body."""

    REGISTRATION = 1
    SHIFT_OPENED = 2
    RECEIPT = 3
    BSO = 4
    SHIFT_CLOSED = 5
    ARCHIVE_CLOSED = 6
    REGISTRATION_CHANGED = 11
    STATE_REPORT = 21
    CORRECTION = 31
    BSO_CORRECTION = 41

    @property
    def is_receipt(self) -> bool:
        """Whether it is a receipt or a correction of any kind (чек, БСО)."""
        return self in (DocumentCode.RECEIPT, DocumentCode.BSO, DocumentCode.CORRECTION, DocumentCode.BSO_CORRECTION)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedDocument:
    """A document the drive holds until the operator has confirmed it; a resend is these very bytes."""

    fd: int
    code: DocumentCode
    issued_at_local: datetime
    container: bytes
    settlement: Settlement | None = None
    """What the drive counts as unsent while the document waits (1158); None for a report."""
