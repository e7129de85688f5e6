"""What a fleet has done so far: counts, latencies, mismatches."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ofd_gateway.simulator.latency import LatencyHistogram

if TYPE_CHECKING:
    from ofd_gateway.simulator.fn_document import DocumentCode
    from ofd_gateway.simulator.verify import Mismatch

KEPT_MISMATCHES = 100


class Tally:
    """Counts of one run, shared by its registers."""

    def __init__(self) -> None:
        self.confirmed: Counter[DocumentCode] = Counter()
        self.response_codes: Counter[int] = Counter()
        self.resent = 0
        self.lost_on_purpose = 0
        self.connections = 0
        self.failed_connections = 0
        self.overdue = 0
        self.latency = LatencyHistogram()
        self.mismatch_count = 0
        self.mismatches: list[Mismatch] = []
        self.stuck_registers = 0
        self.held_registers = 0
        """Registers whose queue stands still behind a document nobody can read, as it should."""
        self.unreadable = 0
        """Such documents, each of which got the reaction that was expected."""
        self.missed = 0
        """Documents that were due and that no register was free to send before the end."""

    @property
    def confirmed_count(self) -> int:
        """Documents confirmed, each once."""
        return sum(self.confirmed.values())

    @property
    def receipt_count(self) -> int:
        """Receipts and corrections of every kind among them."""
        return sum(count for code, count in self.confirmed.items() if code.is_receipt)

    def report(self, mismatch: Mismatch) -> None:
        """One more mismatch; the first hundred are kept whole, the others counted."""
        self.mismatch_count += 1
        if len(self.mismatches) < KEPT_MISMATCHES:
            self.mismatches.append(mismatch)
