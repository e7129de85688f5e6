"""What the rows of the tables rest on: codes of sources and of confidence."""

from __future__ import annotations

from typing import Final

from ofd_gateway.errors import OfdGatewayError

__all__ = ["CONFIDENCES", "EVIDENCE", "TableError", "known_evidence"]

EVIDENCE: Final = {
    "O17": "order ММВ-7-20/229@, release of 2017; after the colon the numbers of its tables",
    "O21": (
        "order ЕД-7-20/662@, edition of 2023, as public fact tables give it; after the colon the numbers of its tables"
    ),
    "O25": "orders ЕД-7-20/236@ and ЕД-7-20/1050@ of 2025, as the accounting press gives them",
    "VAT": "amendments for VAT of 5, 7 and 22 %, with real receipts",
    "YA": "schemas and code of a public OFD client of 2016 and 2017",
    "FRO": "tag maps of register drivers",
    "VEN": "lists of vendors and drivers",
    "PRESS": "accounting press",
    "REAL": "real receipts and confirmations",
    "CAP": "captured exchange with a real operator",
    "INF": "inferred from a mixed mark of the order: printed and electronic form differ",
}
"""Source codes of `presence.tsv` and `enumerations.tsv`."""

CONFIDENCES: Final = {"h": "high", "m": "medium", "l": "low"}


class TableError(OfdGatewayError):
    """A row of a built-in table that contradicts another table: a fault of this program, not of a document."""


def known_evidence(sources: str) -> bool:
    """Whether every code of a blank-separated list, up to its colon, stands for a source."""
    return all(code.partition(":")[0] in EVIDENCE for code in sources.split())
