"""Whether the endpoint of the tax service (ФНС) answers, as all processes know it, and how the queue stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from ofd_gateway.alerts.fns_delay import FNS_DELAYED, judge_delay
from ofd_gateway.alerts.model import AlertType, EndReason, Level, Subject, SubjectKind, Transition, TransitionKind
from ofd_gateway.storage.alert_records import Finding, record_findings
from ofd_gateway.storage.fns_outbox import storable
from ofd_gateway.storage.watches import WatchOutcome

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta

    from ofd_gateway.alerts.fns_delay import DelayParameters
    from ofd_gateway.dispatch import Trouble
    from ofd_gateway.storage.database import Database
    from ofd_gateway.storage.migrations import Connection
    from ofd_gateway.storage.watches import OnWatched, RuleBook

__all__ = ["FnsEndpoint", "QueueState"]

_LEVEL: Final = Level("delayed", 1, critical=True)
_SUBJECT: Final = Subject(SubjectKind.GATEWAY, "gateway")

_LOCK: Final = "SELECT failing_since, failures, next_attempt_at FROM fns_endpoint FOR UPDATE"
_FAILED: Final = "UPDATE fns_endpoint SET failing_since = $1, failures = $2, next_attempt_at = $3, trouble = $4"
_ANSWERED: Final = """
UPDATE fns_endpoint AS e SET failing_since = NULL, failures = 0, next_attempt_at = NULL, trouble = ''
FROM (SELECT failing_since FROM fns_endpoint FOR UPDATE) AS former
WHERE e.failing_since IS NOT NULL RETURNING former.failing_since
"""
_STATE: Final = """
SELECT (SELECT min(queued_at) FROM fns_queue) AS oldest_queued_at,
    (SELECT failing_since FROM fns_endpoint) AS failing_since
"""
_COUNT: Final = "SELECT count(*) FROM fns_queue"
_FORGET_PACE: Final = "DELETE FROM fns_pace WHERE at < $1::timestamptz - interval '10 minutes'"
_SINGLE: Final = "SELECT pg_try_advisory_xact_lock(hashtext('ofd-gateway fns delay'))"
_OPEN: Final = "SELECT episode, opened_at FROM alerts WHERE rule = $1 AND resolved_at IS NULL"
_FACTS: Final = """
SELECT (SELECT count(*) FROM fns_queue) AS queued, (SELECT count(*) FROM fns_lines) AS paused_fns, e.failing_since,
    coalesce(nullif(e.trouble, ''), (SELECT trouble FROM fns_lines ORDER BY failing_since LIMIT 1)) AS trouble
FROM fns_endpoint AS e
"""


class QueueState(msgspec.Struct, frozen=True, kw_only=True):
    """How the queue stands. `queued` None: not counted this time."""

    oldest_queued_at: datetime | None
    failing_since: datetime | None
    queued: int | None


class FnsEndpoint:
    """The one endpoint of this database's leg. Everything raises DatabaseUnavailable.

    A pause that is longer than `longest_pause` was begun by a clock that was ahead: it counts as over.
    """

    def __init__(
        self,
        database: Database,
        rules: RuleBook,
        on_watched: OnWatched,
        delay: DelayParameters,
        *,
        longest_pause: timedelta,
    ) -> None:
        self._database = database
        self._rules = rules
        self._on_watched = on_watched
        self._delay = delay
        self._longest_pause = longest_pause

    async def failed(self, trouble: Trouble, now: datetime, pause_of: Callable[[int], timedelta]) -> bool:
        """Nobody sends for `pause_of` so many failures; True when the endpoint answered until now.

        Requests that were on their way when the pause began count as one failure with it.
        """
        async with self._database.reading() as connection, connection.transaction():
            failing_since, failures, next_attempt_at = await connection.fetchrow(_LOCK) or (None, 0, None)
            is_paused = next_attempt_at is not None and now < next_attempt_at <= now + self._longest_pause
            if failing_since is not None and is_paused:
                return False
            failures += 1
            until = now + pause_of(failures)
            await connection.execute(_FAILED, failing_since or now, failures, until, storable(str(trouble)))
            return failing_since is None

    async def answered(self, now: datetime) -> timedelta | None:
        """The endpoint answers; how long it did not, None when it did."""
        async with self._database.reading() as connection:
            since: datetime | None = await connection.fetchval(_ANSWERED)
        return None if since is None else now - since

    async def look(self, now: datetime, *, count: bool) -> QueueState:
        """How the queue stands; opens and ends the operator's alert about it."""
        async with self._database.reading() as connection:
            oldest, failing_since = await connection.fetchrow(_STATE) or (None, None)
            queued = await connection.fetchval(_COUNT) if count else None
            await connection.execute(_FORGET_PACE, now)
            async with connection.transaction():
                outcome = await self._judge(connection, oldest, now)
        if outcome is not None:
            self._on_watched(outcome)
        return QueueState(oldest_queued_at=oldest, failing_since=failing_since, queued=queued)

    async def switched_off(self, now: datetime) -> None:
        """Ends the operator's alert: with the leg off nobody looks at the queue, and nothing of it is late."""
        async with self._database.reading() as connection, connection.transaction():
            outcome = await self._judge(connection, None, now)
        if outcome is not None:
            self._on_watched(outcome)

    async def _judge(self, connection: Connection, oldest: datetime | None, now: datetime) -> WatchOutcome | None:
        known = await connection.fetchrow(_OPEN, FNS_DELAYED)
        verdict = judge_delay(was_open=known is not None, oldest_queued_at=oldest, now=now, parameters=self._delay)
        if verdict.is_open == (known is not None) or not await connection.fetchval(_SINGLE):
            return None
        known = await connection.fetchrow(_OPEN, FNS_DELAYED)
        if verdict.is_open == (known is not None):
            return None
        row = await connection.fetchrow(_FACTS)
        if row is None:
            return None
        finding = Finding(
            watch=_SUBJECT.id,
            customer_inn=None,
            change=Transition(
                kind=TransitionKind.OPENED if verdict.is_open else TransitionKind.RESOLVED,
                rule=FNS_DELAYED,
                type=AlertType.OPERATOR,
                subject=_SUBJECT,
                episode=known["episode"] if known else now.isoformat(),
                level=_LEVEL,
                at=now,
                opened_at=known["opened_at"] if known else now,
                facts={
                    "queued": row["queued"],
                    "oldest_queued_at": _iso(oldest),
                    "failing_since": _iso(row["failing_since"]),
                    "last_error": row["trouble"],
                    "paused_fns": row["paused_fns"],
                }
                if verdict.is_open
                else {"queued": row["queued"], "oldest_queued_at": _iso(oldest)},
                end_reason=None if verdict.is_open else EndReason.OVER,
            ),
        )
        await record_findings(connection, [finding], self._rules.notices, now)
        return WatchOutcome(findings=(finding,), failures=())


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
