"""What is remembered of an FN between documents (состояние ФН), for the rules that compare documents."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Final

import msgspec

from ofd_gateway.ffd.checks.reading import money, number
from ofd_gateway.ffd.checks.totals import GROUPS
from ofd_gateway.ffd.tlv import Structure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ofd_gateway.ffd.document import Document

__all__ = ["OPERATIONS", "SequenceFacts", "advance", "group_totals"]

OPERATIONS: Final = 4
"""Operation types (признаки расчёта): totals are kept as count and sum of each, eight numbers."""

_REGISTRATION, _REREGISTRATION, _OPENING, _CLOSING, _FN_CLOSING = 1, 11, 2, 5, 6
_SALES: Final = frozenset({3, 4})
_RECEIPTS: Final = frozenset({3, 4, 31, 41})
_NO_TOTALS: Final = (0,) * (2 * OPERATIONS)

_DATE_TIME, _SHIFT, _FD, _RECEIPT, _OPERATION, _TOTAL = 1012, 1038, 1040, 1042, 1054, 1020
_AUTONOMOUS, _AGENTS, _TAXATION, _EXCISE, _GAMBLING, _LOTTERY, _USAGE = 1002, 1057, 1062, 1207, 1193, 1126, 1290
_EXCISE_BIT, _GAMBLING_BIT, _LOTTERY_BIT = 6, 10, 11
_FN_TOTALS: Final = 1157
_GROUP_COUNT, _GROUP_SUM = 1135, 1201


class SequenceFacts(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The state of one FN after its latest document. A value is None while nothing is known.

    Times are the u32 of 1012. `shift_is_whole` says that every document since the opening of the shift has arrived,
    so that counts can be compared. `shift_totals` and `fn_totals` are count and kopecks for operation types 1 to 4.
    """

    last_fd: int = 0
    last_issued_at: int | None = None
    fn_is_closed: bool = False
    ffd: str = ""
    shift_number: int | None = None
    shift_is_open: bool | None = None
    shift_opened_at: int | None = None
    shift_is_whole: bool = False
    shift_documents: int = 0
    shift_receipts: int = 0
    shift_totals: tuple[int, ...] = ()
    last_receipt_number: int | None = None
    fn_totals: tuple[int, ...] = ()
    taxation_systems: int | None = None
    agent_types: int | None = None
    allows_excise: bool | None = None
    allows_gambling: bool | None = None
    allows_lottery: bool | None = None
    is_autonomous: bool | None = None


def advance(facts: SequenceFacts | None, document: Document) -> SequenceFacts:
    """The facts after a document; `facts` stays as it is. An older document that arrives late changes nothing."""
    fields = document.root.by_tag
    fd = number(fields, _FD, 4)
    if facts is None:
        new = SequenceFacts()
        follows = False
    else:
        if fd is None or fd <= facts.last_fd:
            return facts
        new = copy.copy(facts)
        follows = fd == facts.last_fd + 1
    if fd is not None:
        new.last_fd = fd
    issued_at = number(fields, _DATE_TIME, 4)
    if issued_at is not None:
        new.last_issued_at = issued_at
    new.ffd = document.ffd
    if not follows:
        _forget_shift(new)
    code = document.code
    shift = number(fields, _SHIFT, 4)
    if shift is not None:
        new.shift_number = shift
    new.shift_documents += 1
    if code in _RECEIPTS:
        _count_receipt(new, code, fields)
    elif code == _OPENING:
        _open_shift(new, issued_at)
    elif code == _CLOSING:
        _close_shift(new, fields)
    elif code in (_REGISTRATION, _REREGISTRATION):
        _register(new, fd, fields)
    elif code == _FN_CLOSING:
        new.fn_is_closed = True
    return new


def group_totals(fields: Mapping[int, bytes | Structure], tag: int) -> tuple[int, ...]:
    """Count and kopecks of operation types 1 to 4 in a block of counters; zeros for a group that is left out.

    Empty when the block is absent, or a group is there without its sum.
    """
    block = fields.get(tag)
    if not isinstance(block, Structure):
        return ()
    totals: list[int] = []
    for group_tag in GROUPS:
        group = block.by_tag.get(group_tag)
        if not isinstance(group, Structure):
            totals += (0, 0)
            continue
        count, total = number(group.by_tag, _GROUP_COUNT, 4), money(group.by_tag, _GROUP_SUM)
        if count is None or (total is None and count):
            return ()
        totals += (count, total or 0)
    return tuple(totals)


def _forget_shift(new: SequenceFacts) -> None:
    """After a gap nothing is known of the shift: documents that did not arrive may have closed it."""
    new.shift_is_open = None
    new.shift_opened_at = None
    new.shift_is_whole = False
    new.shift_documents = 0
    new.shift_receipts = 0
    new.shift_totals = ()
    new.last_receipt_number = None
    new.fn_totals = ()


def _count_receipt(new: SequenceFacts, code: int, fields: Mapping[int, bytes | Structure]) -> None:
    new.shift_is_open = True
    new.shift_receipts += 1
    new.last_receipt_number = number(fields, _RECEIPT, 4)
    operation = number(fields, _OPERATION, 1) or 0
    if new.shift_is_whole and code in _SALES and 1 <= operation <= OPERATIONS:
        totals = list(new.shift_totals)
        totals[2 * operation - 2] += 1
        totals[2 * operation - 1] += money(fields, _TOTAL) or 0
        new.shift_totals = tuple(totals)


def _open_shift(new: SequenceFacts, issued_at: int | None) -> None:
    new.shift_is_open = True
    new.shift_opened_at = issued_at
    new.shift_is_whole = True
    new.shift_documents = 1
    new.shift_receipts = 0
    new.shift_totals = _NO_TOTALS
    new.last_receipt_number = 0


def _close_shift(new: SequenceFacts, fields: Mapping[int, bytes | Structure]) -> None:
    new.shift_is_open = False
    new.shift_is_whole = False
    new.shift_opened_at = None
    new.last_receipt_number = None
    new.fn_totals = group_totals(fields, _FN_TOTALS)


def _register(new: SequenceFacts, fd: int | None, fields: Mapping[int, bytes | Structure]) -> None:
    new.taxation_systems = number(fields, _TAXATION, 1)
    new.agent_types = number(fields, _AGENTS, 1)
    new.is_autonomous = _flag(fields, _AUTONOMOUS)
    usage = number(fields, _USAGE, 4)
    if usage is None:
        new.allows_excise = _flag(fields, _EXCISE)
        new.allows_gambling = _flag(fields, _GAMBLING)
        new.allows_lottery = _flag(fields, _LOTTERY)
    else:
        new.allows_excise = bool(usage >> _EXCISE_BIT & 1)
        new.allows_gambling = bool(usage >> _GAMBLING_BIT & 1)
        new.allows_lottery = bool(usage >> _LOTTERY_BIT & 1)
    if fd == 1:
        new.shift_number = 0
        new.shift_is_open = False
        new.fn_totals = _NO_TOTALS


def _flag(fields: Mapping[int, bytes | Structure], tag: int) -> bool | None:
    value = number(fields, tag, 1)
    return None if value is None else bool(value)
