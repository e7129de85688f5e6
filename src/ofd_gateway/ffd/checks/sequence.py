"""Compares a document with what arrived before it (последовательность документов). Warnings by default."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ofd_gateway.ffd.checks.facts import SequenceFacts, group_totals
from ofd_gateway.ffd.checks.place import Spot
from ofd_gateway.ffd.checks.policy import DEFAULT
from ofd_gateway.ffd.checks.reading import number
from ofd_gateway.ffd.checks.registered import judge_registered
from ofd_gateway.ffd.checks.report import Report
from ofd_gateway.ffd.checks.sums import roubles
from ofd_gateway.ffd.values import as_local_datetime

if TYPE_CHECKING:
    from ofd_gateway.ffd.checks.policy import CheckPolicy
    from ofd_gateway.ffd.checks.violation import Violation
    from ofd_gateway.ffd.document import Document

__all__ = ["check_sequence"]

_REGISTRATION, _REREGISTRATION, _OPENING, _CLOSING, _FN_CLOSING = 1, 11, 2, 5, 6
_RECEIPTS: Final = frozenset({3, 4, 31, 41})
_IN_SHIFT: Final = frozenset({3, 4, 31, 41, 5})

_DATE_TIME, _SHIFT, _FD, _RECEIPT, _REASONS, _OLD_REASON = 1012, 1038, 1040, 1042, 1205, 1101
_DOCUMENT_COUNT, _RECEIPT_COUNT, _SHIFT_TOTALS, _FN_TOTALS = 1111, 1118, 1194, 1157
_OLD_FN_REPLACEMENT: Final = b"\x01"
_MAY_CHANGE_VERSION: Final = 1 | 1 << 21
"""Bits of 1205: FN replaced, format version changed."""
_DAY: Final = 86_400
_CLOCK_SLACK: Final = 300


def check_sequence(
    document: Document, facts: SequenceFacts | None, *, policy: CheckPolicy = DEFAULT
) -> tuple[Violation, ...]:
    """The rules that a document breaks beside the documents of its FN that arrived before it.

    `facts` are those before the document, None when it is the first one to arrive. Never raises on a decoded document.
    """
    if policy.mode == "off":
        return ()
    fields = document.root.by_tag
    fd = number(fields, _FD, 4)
    if fd is None:
        return ()
    comparison = _Comparison(document, fd, policy)
    if facts is None:
        comparison.judge_first()
    elif fd <= facts.last_fd:
        comparison.add("R-Q1", _FD, fd, f"more than {facts.last_fd}")
    else:
        comparison.judge(facts)
    return comparison.violations()


class _Comparison:
    """One document on its way through the rules; the report is made when the first violation is found."""

    __slots__ = ("_policy", "_report", "_spot", "document", "fd", "fields")

    def __init__(self, document: Document, fd: int, policy: CheckPolicy) -> None:
        self.document = document
        self.fields = document.root.by_tag
        self.fd = fd
        self._policy = policy
        self._report: Report | None = None

    def add(self, rule: str, tag: int, found: object, expected: object) -> None:
        report = self._report
        if report is None:
            report = self._report = Report(self._policy, self.document)
            self._spot = Spot(self.document, self.document.root)
        spot = self._spot
        report.add(rule, path=spot.field(tag), tag=tag, offset=spot.offset_of(tag), found=found, expected=expected)

    def violations(self) -> tuple[Violation, ...]:
        return () if self._report is None else self._report.violations()

    def judge_first(self) -> None:
        code = self.document.code
        if self.fd == 1 and code not in (_REGISTRATION, _REREGISTRATION):
            self.add("R-V6", _FD, f"document {code} as FD 1", "document 1 or 11")
        elif code == _REGISTRATION and self.fd != 1:
            self.add("R-Q1", _FD, self.fd, "1: the FN begins with its registration report")

    def judge(self, facts: SequenceFacts) -> None:
        code = self.document.code
        follows = self.fd == facts.last_fd + 1
        if not follows:
            missing = self.fd - facts.last_fd - 1
            self.add("R-Q1", _FD, self.fd, f"{facts.last_fd + 1}; {missing} not arrived")
        if facts.fn_is_closed:
            self.add("R-Q9", _FD, f"document {code}", "nothing after document 6")
        if facts.ffd != self.document.ffd and code != _REGISTRATION and not self._may_change_version():
            self.add("R-V2", 1209, self.document.ffd, facts.ffd)
        issued_at = number(self.fields, _DATE_TIME, 4)
        self._judge_time(facts, issued_at)
        self._judge_shift(facts, follows)
        if code in _RECEIPTS:
            self._judge_receipt(facts, follows, issued_at)
        elif code == _CLOSING and follows and facts.shift_is_whole:
            self._judge_counts(facts)
        judge_registered(self.document, facts, self.add)

    def _may_change_version(self) -> bool:
        if self.document.code != _REREGISTRATION:
            return False
        if (number(self.fields, _REASONS, 4) or 0) & _MAY_CHANGE_VERSION:
            return True
        return _OLD_FN_REPLACEMENT in self.document.root.all(_OLD_REASON)

    def _judge_time(self, facts: SequenceFacts, issued_at: int | None) -> None:
        latest = facts.last_issued_at
        if issued_at is not None and latest is not None and issued_at < latest - _CLOCK_SLACK:
            earliest = as_local_datetime(latest - _CLOCK_SLACK).isoformat()
            self.add("R-Q5", _DATE_TIME, as_local_datetime(issued_at).isoformat(), f"{earliest} or later")

    def _judge_shift(self, facts: SequenceFacts, follows: bool) -> None:
        code, shift, before = self.document.code, number(self.fields, _SHIFT, 4), facts.shift_number
        if code == _OPENING:
            if follows and facts.shift_is_open:
                self.add("R-Q4", _SHIFT, "shift opened", f"shift {before} to be closed first")
            if shift is not None and before is not None and (shift != before + 1 if follows else shift <= before):
                self.add("R-Q2", _SHIFT, shift, before + 1)
        elif code in _IN_SHIFT:
            if follows and facts.shift_is_open is False:
                self.add("R-Q4", _SHIFT, f"document {code} in a closed shift", "an open shift")
            if shift is not None and before is not None and (shift != before if follows else shift < before):
                self.add("R-Q2", _SHIFT, shift, before)

    def _judge_receipt(self, facts: SequenceFacts, follows: bool, issued_at: int | None) -> None:
        if not follows:
            return
        opened_at = facts.shift_opened_at
        if issued_at is not None and opened_at is not None and issued_at - opened_at > _DAY:
            self.add("R-Q4", _DATE_TIME, f"{(issued_at - opened_at) // 3600} h after the opening", "24 h at most")
        receipt, before = number(self.fields, _RECEIPT, 4), facts.last_receipt_number
        if receipt is not None and before is not None and receipt != before + 1:
            self.add("R-Q3", _RECEIPT, receipt, before + 1)

    def _judge_counts(self, facts: SequenceFacts) -> None:
        counted = ((_DOCUMENT_COUNT, facts.shift_documents + 1), (_RECEIPT_COUNT, facts.shift_receipts))
        for tag, expected in counted:
            found = number(self.fields, tag, 4)
            if found is not None and found != expected:
                self.add("R-S8", tag, found, f"{expected} arrived")
        shift = group_totals(self.fields, _SHIFT_TOTALS)
        if shift and shift != facts.shift_totals:
            self.add("R-S9", _SHIFT_TOTALS, _spell(shift), f"{_spell(facts.shift_totals)} by the receipts")
        fn = group_totals(self.fields, _FN_TOTALS)
        if fn and shift and facts.fn_totals:
            expected_fn = tuple(before + change for before, change in zip(facts.fn_totals, shift, strict=True))
            if fn != expected_fn:
                self.add("R-S9", _FN_TOTALS, _spell(fn), f"{_spell(expected_fn)}: the last closing and this shift")


def _spell(totals: tuple[int, ...]) -> str:
    pairs = zip(totals[::2], totals[1::2], strict=True)
    return ", ".join(f"{count} for {roubles(total)}" for count, total in pairs)
