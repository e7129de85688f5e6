"""What the rules found, written in the transaction that found it: alerts, their changes, and who has news."""

from __future__ import annotations

from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ofd_gateway.alerts.model import AlertType, Transition, TransitionKind
from ofd_gateway.alerts.notices import NoticeParameters, Urgency

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ofd_gateway.storage.migrations import Connection

__all__ = ["ENGINE", "OPERATOR", "Finding", "groups_of", "note_news", "record_findings", "write_findings"]

ENGINE: Final = "engine"
"""Who changed an alert, when it was no person."""
OPERATOR: Final = "operator"
"""The recipient of what is not a customer's business."""

_IDS: Final = "SELECT nextval(pg_get_serial_sequence('alerts', 'id')) FROM generate_series(1, $1::int)"
_OPEN: Final = """
WITH change AS (
    INSERT INTO alert_changes (alert_id, kind, at, rule, subject, episode, level, who, why, facts, evidence)
    SELECT $1::bigint, 'opened', $10::timestamptz, $4::text, $6::text, $7::text, $9::text, $15::text, '', $11::jsonb,
        $12::jsonb
    WHERE NOT EXISTS (SELECT 1 FROM alerts WHERE rule = $4 AND subject = $6 AND episode = $7 AND resolved_at IS NULL)
    ON CONFLICT DO NOTHING
    RETURNING alert_id
)
INSERT INTO alerts (id, watch, type, rule, subject_kind, subject, episode, customer_inn, level, weight, critical,
                    opened_at, raised_at, facts, evidence)
SELECT alert_id, $2::text, $3::text, $4, $5::text, $6, $7, $8::text, $9, $13::float8, $14::boolean, $10, $10, $11, $12
FROM change
"""
_RAISE: Final = """
WITH change AS (
    INSERT INTO alert_changes (alert_id, kind, at, rule, subject, episode, level, who, why, facts, evidence)
    SELECT id, 'raised', $5::timestamptz, rule, subject, episode, $4::text, $10::text, '', $8::jsonb, $9::jsonb
    FROM alerts WHERE rule = $1 AND subject = $2 AND episode = $3 AND resolved_at IS NULL
    ON CONFLICT DO NOTHING
    RETURNING alert_id
)
UPDATE alerts SET level = $4, weight = $6::float8, critical = $7::boolean, raised_at = $5, facts = $8, evidence = $9
FROM change WHERE id = alert_id
"""
_RESOLVE: Final = """
WITH over AS (
    UPDATE alerts SET resolved_at = $4::timestamptz, end_reason = $5::text, facts = facts || $6::jsonb
    WHERE rule = $1 AND subject = $2 AND episode = $3 AND resolved_at IS NULL
    RETURNING id, level
)
INSERT INTO alert_changes (alert_id, kind, at, rule, subject, episode, level, who, why, facts, evidence)
SELECT id, 'resolved', $4, $1::text, $2::text, $3::text, level, $7::text, $5, $6, '[]' FROM over
"""
_NEWS: Final = """
INSERT INTO letter_groups AS g (recipient, urgency, waiting_since, due_at)
SELECT recipient, urgency, at, at + $4::interval FROM unnest($1::text[], $2::text[], $3::timestamptz[])
    AS news (recipient, urgency, at) ORDER BY recipient, urgency
ON CONFLICT (recipient, urgency) DO UPDATE SET
    waiting_since = coalesce(g.waiting_since, excluded.waiting_since),
    due_at = least(g.due_at, greatest(coalesce(g.waiting_since, excluded.waiting_since) + $4::interval,
        g.last_sent_at + CASE g.urgency WHEN 'daily' THEN $6::interval ELSE $5::interval END))
"""

_encode = msgspec.json.Encoder(enc_hook=str).encode


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One transition, with the watch (key of the `watches` row) it came from and the customer it concerns."""

    watch: str
    customer_inn: str | None
    change: Transition


async def record_findings(
    connection: Connection, findings: Sequence[Finding], notices: NoticeParameters, now: datetime, *, who: str = ENGINE
) -> None:
    """Writes the findings, in order, inside the caller's transaction, and notes who has news.

    The caller holds the locks of the watches, sorted; the groups of letters are locked here, sorted too, last of all.
    """
    await write_findings(connection, findings, who=who)
    await note_news(connection, groups_of(findings), now, notices)


async def write_findings(connection: Connection, findings: Sequence[Finding], *, who: str = ENGINE) -> None:
    """Writes the findings alone; the caller notes the news of `groups_of` them.

    An alert that is known by (rule, subject, episode, level) is not told again, whatever the state said; one that rises
    although no row is open (its beginning was known already) opens at that level.
    """
    for kind, same in groupby(findings, key=lambda finding: finding.change.kind):
        rows = list(same)
        if kind is not TransitionKind.RESOLVED:
            ids = [row[0] for row in await connection.fetch(_IDS, len(rows))]
            await connection.executemany(
                _OPEN, [(id_, *_opened(finding, who)) for id_, finding in zip(ids, rows, strict=True)]
            )
        if kind is TransitionKind.RAISED:
            await connection.executemany(_RAISE, [_raised(finding.change, who) for finding in rows])
        elif kind is TransitionKind.RESOLVED:
            await connection.executemany(_RESOLVE, [_resolved(finding.change, who) for finding in rows])


def groups_of(findings: Iterable[Finding]) -> set[tuple[str, Urgency]]:
    """The groups of letters that the findings are news for."""
    return {(recipient, _urgency(finding.change)) for finding in findings if (recipient := _recipient(finding))}


async def note_news(
    connection: Connection, groups: Iterable[tuple[str, Urgency]], now: datetime, notices: NoticeParameters
) -> None:
    """Notes inside the caller's transaction that these groups of letters have news since now."""
    ordered = sorted((recipient, urgency.value) for recipient, urgency in groups)
    if ordered:
        await connection.execute(
            _NEWS,
            [recipient for recipient, _ in ordered],
            [urgency for _, urgency in ordered],
            [now] * len(ordered),
            notices.group_wait,
            notices.group_interval,
            notices.daily_interval,
        )


def _recipient(finding: Finding) -> str | None:
    return OPERATOR if finding.change.type is AlertType.OPERATOR else finding.customer_inn


def _urgency(change: Transition) -> Urgency:
    daily = change.type is AlertType.OPERATOR and not change.level.critical
    return Urgency.DAILY if daily else Urgency.PROMPT


def _opened(finding: Finding, who: str) -> tuple[Any, ...]:
    change = finding.change
    return (
        finding.watch,
        change.type.value,
        change.rule,
        change.subject.kind.value,
        change.subject.id,
        change.episode,
        finding.customer_inn,
        change.level.name,
        change.at,
        _json(change.facts),
        _json(change.evidence),
        change.level.weight,
        change.level.critical,
        who,
    )


def _raised(change: Transition, who: str) -> tuple[Any, ...]:
    return (
        change.rule,
        change.subject.id,
        change.episode,
        change.level.name,
        change.at,
        change.level.weight,
        change.level.critical,
        _json(change.facts),
        _json(change.evidence),
        who,
    )


def _resolved(change: Transition, who: str) -> tuple[Any, ...]:
    reason = change.end_reason.name.lower() if change.end_reason else ""
    return (change.rule, change.subject.id, change.episode, change.at, reason, _json(change.facts), who)


def _json(value: object) -> str:
    """JSON text that PostgreSQL takes: its jsonb holds no NUL, which a register's text may bring along."""
    return _encode(value).replace(b"\\u0000", b"\\ufffd").decode()
