"""Facts of one FN (фискальный накопитель), each with the document it came from."""

from __future__ import annotations

from datetime import date, datetime

import msgspec

from ofd_gateway.alerts.facts.numbering import Gap

__all__ = ["Conflict", "DayRun", "FnFacts", "FnMode", "KeyLife", "Shift", "Unsent"]


class Shift(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The last shift (смена) that was heard of. `opened_at` is UTC, never later than the arrival that told it."""

    number: int
    opened_at: datetime
    fd: int
    open: bool


class FnMode(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """What a registration report says of the use of the FN, as far as the life of its keys depends on it.

    `general_taxation` is ОСН among the systems of taxation (1062), `excise` excisable goods (1207, 1290 bit 6),
    `gambling` games of chance (1193, 1290 bit 10), `services_only` (1109, 1290 bit 9), `autonomous` 1002.
    """

    autonomous: bool = False
    general_taxation: bool = False
    services_only: bool = False
    excise: bool = False
    gambling: bool = False


class KeyLife(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Days the keys still live (ресурс ключей, 1213) as of document `fd`, and the moment that makes of it."""

    days: int
    expires_at: datetime
    fd: int
    code: int


class Unsent(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Documents that are stuck in the FN (непереданные ФД), as a report tells.

    `count` is tag 1097, `dated` 1098, `first_fd` 1116; None where the report has none. `since` is the moment from which
    the oldest of them waits, on our clock. `key` names the backlog and stays while its oldest document does.
    `told_by_flag`: nothing is known but the flag 1053.
    """

    key: str
    since: datetime
    report_fd: int
    report_code: int
    count: int | None = None
    dated: date | None = None
    first_fd: int | None = None
    told_by_flag: bool = False


class DayRun(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """From document `first_fd` on, the FN's documents are dated `day`.

    `arrived_at` is the arrival of the last of them, while the day lasts that of the first.
    """

    day: date
    first_fd: int
    arrived_at: datetime


class Conflict(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Another content came under the number `fd`."""

    fd: int
    seen_at: datetime


class FnFacts(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is known of one FN. Times are aware UTC.

    `generation` grows when a debug FN starts again. `activated_at` is the date of its registration report, FD 1;
    `mode` is that of the last registration report.
    `exhausting`, `replace_urgently`, `memory_full` are the flags 1050, 1051 and 1052 as of document `flags_fd`.
    """

    number: str
    generation: int = 0
    seen_at: datetime
    first_fd: int
    max_fd: int
    ffd: str = "1.0"
    activated_at: datetime | None = None
    mode: FnMode = FnMode()
    key_life: KeyLife | None = None
    flags_fd: int = 0
    exhausting: bool = False
    replace_urgently: bool = False
    memory_full: bool = False
    operator_message: int = 0
    closed_at: datetime | None = None
    replaced_at: datetime | None = None
    shift: Shift | None = None
    unsent: Unsent | None = None
    runs: tuple[DayRun, ...] = ()
    gaps: tuple[Gap, ...] = ()
    conflicts: tuple[Conflict, ...] = ()

    @property
    def in_use(self) -> bool:
        """Whether documents are still made with this FN: neither closed nor replaced."""
        return self.closed_at is None and self.replaced_at is None

    @property
    def key(self) -> str:
        """Number and, for a debug FN that started again, generation: what episodes of this FN are named by."""
        return f"{self.number}/{self.generation}" if self.generation else self.number
