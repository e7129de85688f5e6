"""Incidents of the operator (инцидент): many registers at once, which holds the letters to their owners back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from ofd_gateway.alerts.incident import INCIDENT_RULE, INCIDENT_RULES, judge_incident
from ofd_gateway.alerts.model import AlertType, EndReason, Level, Subject, SubjectKind, Transition, TransitionKind
from ofd_gateway.storage.alert_records import Finding, record_findings
from ofd_gateway.storage.watches import WatchOutcome

if TYPE_CHECKING:
    from ofd_gateway.alerts.incident import IncidentParameters, IncidentVerdict
    from ofd_gateway.alerts.notices import NoticeParameters
    from ofd_gateway.storage.migrations import Connection

__all__ = ["IncidentBook"]

_COUNT_EVERY: Final = timedelta(minutes=1)
_LEVEL: Final = Level("incident", 1, critical=True)
_SUBJECT: Final = Subject(SubjectKind.GATEWAY, "gateway")

_SINGLE: Final = "SELECT pg_try_advisory_xact_lock(hashtext('ofd-gateway incidents'))"
_OPEN: Final = """
SELECT facts ->> 'rule' AS rule, episode, opened_at FROM alerts WHERE rule = $1 AND resolved_at IS NULL
"""
_COUNTS: Final = """
SELECT rule, count(DISTINCT watch) FILTER (WHERE opened_at > $2) AS recent, count(DISTINCT watch) AS lasting
FROM alerts WHERE rule = ANY($1::text[]) AND resolved_at IS NULL GROUP BY rule
"""
_WATCHED: Final = "SELECT count(*) FROM watches WHERE next_check_at IS NOT NULL AND subject NOT LIKE 'inn:%'"


class IncidentBook:
    """Opens and ends incidents; one process at a time judges."""

    def __init__(self, parameters: IncidentParameters) -> None:
        self._parameters = parameters
        self._watched = 0
        self._counted_at: datetime | None = None

    async def judge(self, connection: Connection, notices: NoticeParameters, now: datetime) -> WatchOutcome | None:
        """Judges each rule that may have one cause on our side, inside the caller's transaction.

        None: another process is at it.
        """
        if not await connection.fetchval(_SINGLE):
            return None
        open_ = {row["rule"]: row for row in await connection.fetch(_OPEN, INCIDENT_RULE)}
        counts = {
            row["rule"]: (row["recent"], row["lasting"])
            for row in await connection.fetch(_COUNTS, sorted(INCIDENT_RULES), now - self._parameters.window)
        }
        if not open_ and all(recent < self._parameters.least for recent, _ in counts.values()):
            return None
        watched = await self._count_watched(connection, now)
        findings = []
        for rule in sorted(INCIDENT_RULES):
            recent, lasting = counts.get(rule, (0, 0))
            known = open_.get(rule)
            verdict = judge_incident(
                opened_at=known["opened_at"] if known else None,
                recent=recent,
                lasting=lasting,
                watched=watched,
                now=now,
                parameters=self._parameters,
            )
            if verdict.is_open != (known is not None):
                episode = known["episode"] if known else f"{rule} {now.isoformat()}"
                opened_at = known["opened_at"] if known else now
                registers = lasting if known else recent
                findings.append(_finding(rule, verdict, episode, opened_at, registers, watched, now))
        await record_findings(connection, findings, notices, now)
        return WatchOutcome(findings=tuple(findings), failures=())

    async def _count_watched(self, connection: Connection, now: datetime) -> int:
        if self._counted_at is None or not timedelta() <= now - self._counted_at < _COUNT_EVERY:
            self._watched = await connection.fetchval(_WATCHED)
            self._counted_at = now
        return self._watched


def _finding(
    rule: str, verdict: IncidentVerdict, episode: str, opened_at: datetime, registers: int, watched: int, now: datetime
) -> Finding:
    return Finding(
        watch=_SUBJECT.id,
        customer_inn=None,
        change=Transition(
            kind=TransitionKind.OPENED if verdict.is_open else TransitionKind.RESOLVED,
            rule=INCIDENT_RULE,
            type=AlertType.OPERATOR,
            subject=_SUBJECT,
            episode=episode,
            level=_LEVEL,
            at=now,
            opened_at=opened_at,
            facts={
                "rule": rule,
                "recent": registers,
                "watched": watched,
                "share_percent": round(verdict.share_percent, 1),
            },
            end_reason=None if verdict.is_open else EndReason.OVER,
        ),
    )
