"""What is wrong with a database, measured by what the registers were told. Pure: every function gives findings."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from ofd_gateway.alerts import TransitionKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ofd_gateway.storage.alert_records import Finding

__all__ = [
    "AlertRow",
    "LetterRow",
    "StoredRow",
    "ToldRow",
    "alert_findings",
    "alert_rows",
    "digest",
    "document_findings",
    "is_premature",
    "letter_findings",
]

_SHOWN: Final = 10
"""Examples of one kind of finding; the rest is counted."""

Key = tuple[str, int]
"""FN and FD."""
AlertRow = tuple[str, str, str, str, datetime, datetime, datetime | None, str]
"""Rule, subject, episode, level, opened, raised, resolved, and why it ended."""


@dataclass(frozen=True, slots=True)
class StoredRow:
    """One stored document; `digest` is that of its container."""

    fn: str
    generation: int
    fd: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class LetterRow:
    """One letter of the database."""

    message_id: str
    state: str


@dataclass(frozen=True, slots=True)
class ToldRow:
    """One alert of a customer: at which level and why letters told of it. Short ones need not be told."""

    alert: str
    lasted: timedelta | None
    told: tuple[tuple[str, str], ...]


def digest(container: bytes) -> bytes:
    """Of a container's bytes: equal digests are equal bytes."""
    return hashlib.sha256(container).digest()


def document_findings(confirmed: Mapping[Key, bytes], stored: Iterable[StoredRow]) -> list[str]:
    """Every confirmed document is stored with the same bytes, once, and no number before it is missing."""
    rows: dict[Key, list[StoredRow]] = defaultdict(list)
    numbers: dict[str, set[int]] = defaultdict(set)
    for row in stored:
        rows[row.fn, row.fd].append(row)
        numbers[row.fn].add(row.fd)
    last: dict[str, int] = defaultdict(int)
    for fn, fd in confirmed:
        last[fn] = max(last[fn], fd)
    lost = [key for key in confirmed if key not in rows]
    changed = [key for key, own in confirmed.items() if any(row.digest != own for row in rows.get(key, ()))]
    doubled = [key for key, found in rows.items() if len(found) > 1]
    missing = [(fn, fd) for fn, until in last.items() for fd in range(1, until + 1) if fd not in numbers[fn]]
    return [
        *_some("confirmed and not stored", lost),
        *_some("stored with other bytes", changed),
        *_some("stored more than once", doubled),
        *_some("missing before a confirmed document", missing),
    ]


def alert_rows(findings: Iterable[Finding]) -> list[AlertRow]:
    """The rows that these findings leave in the table of alerts."""
    rows: list[list[Any]] = []
    open_: dict[tuple[str, str, str], list[Any]] = {}
    for finding in findings:
        change = finding.change
        key = (change.rule, change.subject.id, change.episode)
        if change.kind is TransitionKind.OPENED:
            open_[key] = [*key, change.level.name, change.at, change.at, None, ""]
            rows.append(open_[key])
        elif change.kind is TransitionKind.RAISED:
            open_[key][3], open_[key][5] = change.level.name, change.at
        else:
            assert change.end_reason is not None
            open_.pop(key)[6:] = [change.at, change.end_reason.name.lower()]
    return sorted((tuple(row) for row in rows), key=lambda row: (*row[:3], row[4]))


def alert_findings(expected: Iterable[AlertRow], found: Iterable[AlertRow]) -> list[str]:
    """The alerts are those of a clean run: each once, opened and resolved at the same moments.

    Nothing but a premature alert may be there besides.
    """
    due, there = Counter(expected), Counter(found)
    for row in [row for row in there if is_premature(row) and row not in due]:
        del there[row]
    return [
        *_some("alert lost or different", sorted((due - there).elements(), key=repr)),
        *_some("alert too many or different", sorted((there - due).elements(), key=repr)),
    ]


def is_premature(row: AlertRow) -> bool:
    """Whether time opened it while the document that ended it had arrived and was not stored yet.

    A clean run, in which nothing takes time, does not know such an alert. It is over as soon as it is there.
    """
    opened_at, resolved_at = row[4], row[6]
    return resolved_at is not None and resolved_at <= opened_at


def letter_findings(
    letters: Sequence[LetterRow],
    received: Mapping[str, int],
    alerts: Sequence[ToldRow],
    *,
    crashes: int,
    in_hand: int,
    short: timedelta,
) -> list[str]:
    """Each letter arrived; a second copy only where a crash met a letter in hand; each alert was told, nothing twice.

    `received` counts copies by Message-ID, `in_hand` is how many letters one crash can meet. Alerts that were over
    within `short` need not have been told.
    """
    known = {letter.message_id for letter in letters}
    copies = sum(count - 1 for count in received.values() if count > 1)
    untold = [row.alert for row in alerts if not row.told and (row.lasted is None or row.lasted > short)]
    twice = [row.alert for row in alerts if len(row.told) != len(set(row.told))]
    return [
        *_some("letter not sent", [letter for letter in letters if letter.state != "sent"]),
        *_some("letter never arrived", sorted(known - received.keys())),
        *_some("letter that nobody wrote", sorted(received.keys() - known)),
        *_some("letter in more copies than crashes", [id_ for id_, count in received.items() if count > 1 + crashes]),
        *([f"{copies} second copies of letters after {crashes} crashes"] if copies > crashes * in_hand else []),
        *_some("alert nobody was told of", untold),
        *_some("alert told twice", twice),
    ]


def _some(what: str, cases: Sequence[object]) -> list[str]:
    shown = [f"{what}: {case}" for case in cases[:_SHOWN]]
    return shown + ([f"{what}: {len(cases) - _SHOWN} more"] if len(cases) > _SHOWN else [])
