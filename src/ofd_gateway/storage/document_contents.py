"""What stands in the bytes and the JSON of a stored document."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ofd_gateway.ffd import decode
from ofd_gateway.ffd.checks import Violation
from ofd_gateway.protocol import parse_container

if TYPE_CHECKING:
    from ofd_gateway.ffd import Document
    from ofd_gateway.storage.documents import DocumentRecord

__all__ = ["document_in", "violations_of"]


def document_in(record: DocumentRecord) -> Document:
    """The document itself, read by the version that it was read by when it came.

    Raises:
        OfdGatewayError: it cannot be read; it could when it was stored.
    """
    return decode(parse_container(record.container).body, version_hint=record.ffd)


def violations_of(record: DocumentRecord) -> list[Violation]:
    """The checks that it failed when it came, errors first."""
    return [] if record.violations is None else msgspec.json.decode(record.violations, type=list[Violation])
