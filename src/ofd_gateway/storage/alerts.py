"""Alerts as people see them: found, read with their history, acknowledged and silenced."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ofd_gateway.alerts.model import AlertType, EndReason, Evidence, FactValue, Level
from ofd_gateway.alerts.notices import AlertView, NoticeParameters, Urgency, urgency
from ofd_gateway.alerts.rules import RULES
from ofd_gateway.alerts.state import StateUnreadable, decode_state
from ofd_gateway.errors import OfdGatewayError
from ofd_gateway.storage.alert_records import OPERATOR, note_news

if TYPE_CHECKING:
    import builtins
    from collections.abc import AsyncIterator

    from ofd_gateway.alerts.state import State
    from ofd_gateway.storage.database import Database
    from ofd_gateway.storage.migrations import Connection

__all__ = ["AlertBook", "AlertChange", "AlertEnded", "AlertRecord", "AlertUnchanged", "AlertUnknown"]

_COLUMNS: Final = """
SELECT a.id, a.watch, a.type, a.rule, a.subject_kind, a.subject, a.episode, a.customer_inn, c.inn AS customer, a.level,
       a.weight, a.critical, a.opened_at, a.raised_at, a.resolved_at, a.end_reason, a.acked_at, a.acked_weight,
       a.acked_critical, a.silenced_until, a.facts::text AS facts, a.evidence::text AS evidence
FROM alerts AS a LEFT JOIN customers AS c ON c.inn = a.customer_inn
"""
_LIST: Final = (
    _COLUMNS
    + """
WHERE (NOT $1 OR a.resolved_at IS NULL) AND ($2::text IS NULL OR a.customer_inn = $2)
  AND ($3::text IS NULL OR a.rule = $3) AND ($4::text IS NULL OR a.type = $4)
  AND ($5::text IS NULL OR a.subject = $5) AND ($6::timestamptz IS NULL OR a.opened_at >= $6)
ORDER BY a.opened_at DESC, a.id DESC LIMIT $7
"""
)
_GET: Final = _COLUMNS + "WHERE a.id = $1"
_LOCK: Final = _COLUMNS + "WHERE a.id = $1 FOR UPDATE OF a"
_CHANGES: Final = """
SELECT kind, at, level, who, why FROM alert_changes WHERE alert_id = $1 ORDER BY id
"""
_WATCHED: Final = "SELECT state FROM watches WHERE subject = $1"
_NOTE: Final = """
INSERT INTO alert_changes (alert_id, kind, at, rule, subject, episode, level, who, why, facts, evidence)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, '{}', '[]')
"""
_ACK: Final = "UPDATE alerts SET acked_at = $2, acked_weight = weight, acked_critical = critical WHERE id = $1"
_UNACK: Final = "UPDATE alerts SET acked_at = NULL, acked_weight = NULL, acked_critical = NULL WHERE id = $1"
_SILENCE: Final = "UPDATE alerts SET silenced_until = $2 WHERE id = $1"

_MOMENTARY: Final = frozenset(rule.name for rule in RULES if rule.momentary)


class AlertRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One alert. `customer_inn` is who is to hear of it, `customer` the same if it is a customer of this gateway.

    `facts` and `evidence` are JSON as stored.
    """

    id: int
    watch: str
    type: str
    rule: str
    subject_kind: str
    subject: str
    episode: str
    customer_inn: str | None
    customer: str | None
    level: str
    weight: float
    critical: bool
    opened_at: datetime
    raised_at: datetime
    resolved_at: datetime | None
    end_reason: str | None
    acked_at: datetime | None
    acked_weight: float | None
    acked_critical: bool | None
    silenced_until: datetime | None
    facts: str
    evidence: str

    @property
    def recipient(self) -> str | None:
        """Who hears of it: an INN or the operator; None: nobody."""
        return OPERATOR if self.type == AlertType.OPERATOR.value else self.customer_inn

    @property
    def is_acked(self) -> bool:
        """Whether it is acknowledged as it stands: what was not critical then and is now was not acknowledged."""
        return self.acked_at is not None and (bool(self.acked_critical) or not self.critical)

    def state(self, now: datetime) -> str:
        """`firing`, `acked`, `silenced` or `resolved`."""
        if self.resolved_at is not None:
            return "resolved"
        if self.silenced_until is not None and self.silenced_until > now:
            return "silenced"
        return "acked" if self.is_acked else "firing"

    def view(self) -> AlertView:
        """The alert as far as letters care."""
        acked = None
        if self.acked_at is not None:
            acked = Level("", self.acked_weight or 0, critical=bool(self.acked_critical))
        return AlertView(
            id=self.id,
            rule=self.rule,
            type=AlertType(self.type),
            level=Level(self.level, self.weight, critical=self.critical),
            opened_at=self.opened_at,
            resolved_at=self.resolved_at,
            end_reason=EndReason[self.end_reason.upper()] if self.end_reason else None,
            acked_level=acked,
            silenced_until=self.silenced_until,
            momentary=self.rule in _MOMENTARY,
        )

    def line(self, now: datetime) -> dict[str, Any]:
        """The alert as `alerts list --json` and the HTTP API show it."""
        return {
            "id": self.id,
            "type": self.type,
            "rule": self.rule,
            "subject": self.subject,
            "customer": self.customer,
            "level": self.level,
            "state": self.state(now),
            "opened_at": self.opened_at.isoformat(),
            "resolved_at": None if self.resolved_at is None else self.resolved_at.isoformat(),
            "facts": self.read_facts(),
        }

    def read_facts(self) -> dict[str, FactValue]:
        """The facts by name."""
        return msgspec.json.decode(self.facts, type=dict[str, FactValue])

    def read_evidence(self) -> tuple[Evidence, ...]:
        """The documents and values it rests on."""
        return msgspec.json.decode(self.evidence, type=tuple[Evidence, ...])


class AlertChange(msgspec.Struct, frozen=True, kw_only=True):
    """One change of an alert. `who` is `engine` or a person; `why` of the engine is the reason of an end."""

    kind: str
    at: datetime
    level: str
    who: str
    why: str


class AlertUnknown(OfdGatewayError):
    """There is no alert with this number."""

    def __init__(self, id_: int) -> None:
        super().__init__(f"нет уведомления {id_} / no such alert")


class AlertEnded(OfdGatewayError):
    """The alert is resolved: there is nothing left to mute."""

    def __init__(self, id_: int) -> None:
        super().__init__(f"уведомление {id_} уже закрыто / this alert is resolved")


class AlertUnchanged(OfdGatewayError):
    """The alert is not in the state that was to be ended; `missing` says in which."""

    def __init__(self, id_: int, missing: str) -> None:
        super().__init__(f"уведомление {id_}: {missing}")


class AlertBook:
    """The alerts in the database.

    To acknowledge and to silence mutes letters, never the rules. `notices` is how letters are grouped.
    """

    def __init__(self, database: Database, notices: NoticeParameters | None = None) -> None:
        self._database = database
        self._notices = notices or NoticeParameters()

    async def list(
        self,
        *,
        open_only: bool = False,
        customer: str | None = None,
        rule: str | None = None,
        type_: str | None = None,
        subject: str | None = None,
        since: datetime | None = None,
        limit: int = 100,
    ) -> builtins.list[AlertRecord]:
        """Alerts in the order in which they were opened; with a limit the latest of them, 0 for all."""
        async with self._database.reading() as connection:
            rows = await connection.fetch(_LIST, open_only, customer, rule, type_, subject, since, limit or None)
        return [AlertRecord(**dict(row)) for row in reversed(rows)]

    async def get(self, id_: int) -> AlertRecord:
        """One alert; raises AlertUnknown."""
        async with self._database.reading() as connection:
            return await _one(connection, _GET, id_)

    async def changes(self, id_: int) -> builtins.list[AlertChange]:
        """All that happened to the alert, in order."""
        async with self._database.reading() as connection:
            rows = await connection.fetch(_CHANGES, id_)
        return [AlertChange(**dict(row)) for row in rows]

    async def watched(self, watch: str) -> State | None:
        """The state of the watch that the alert came from; None when there is none or it cannot be read."""
        async with self._database.reading() as connection:
            stored = await connection.fetchval(_WATCHED, watch)
        try:
            return decode_state(stored) if stored else None
        except StateUnreadable:
            return None

    async def ack(self, id_: int, *, who: str, why: str, now: datetime) -> AlertRecord:
        """Covers the alert until it is resolved or turns critical; raises AlertUnknown, AlertEnded."""
        async with self._changing(id_, "acked", who, why, now) as (connection, _):
            await connection.execute(_ACK, id_, now)
        return await self.get(id_)

    async def unack(self, id_: int, *, who: str, why: str, now: datetime) -> AlertRecord:
        """Takes the acknowledgement back; raises AlertUnknown, AlertEnded, AlertUnchanged."""
        async with self._changing(id_, "unacked", who, why, now) as (connection, alert):
            if alert.acked_at is None:
                raise AlertUnchanged(id_, "не подтверждено / it is not acknowledged")
            await connection.execute(_UNACK, id_)
            await self._note_news(connection, alert, now)
        return await self.get(id_)

    async def silence(self, id_: int, until: datetime, *, who: str, why: str, now: datetime) -> AlertRecord:
        """Holds letters about the alert back until then; raises AlertUnknown, AlertEnded."""
        async with self._changing(id_, "silenced", who, why, now) as (connection, alert):
            await connection.execute(_SILENCE, id_, until)
            if alert.silenced_until is not None and alert.silenced_until > until:
                await self._note_news(connection, alert, now)
        return await self.get(id_)

    async def unsilence(self, id_: int, *, who: str, why: str, now: datetime) -> AlertRecord:
        """Ends the silence; raises AlertUnknown, AlertEnded, AlertUnchanged."""
        async with self._changing(id_, "unsilenced", who, why, now) as (connection, alert):
            if alert.silenced_until is None or alert.silenced_until <= now:
                raise AlertUnchanged(id_, "не заглушено / it is not silenced")
            await connection.execute(_SILENCE, id_, None)
            await self._note_news(connection, alert, now)
        return await self.get(id_)

    @asynccontextmanager
    async def _changing(
        self, id_: int, kind: str, who: str, why: str, now: datetime
    ) -> AsyncIterator[tuple[Connection, AlertRecord]]:
        """A transaction that holds the alert, with the change written down; an error undoes both."""
        async with self._database.reading() as connection, connection.transaction():
            alert = await _one(connection, _LOCK, id_)
            if alert.resolved_at is not None:
                raise AlertEnded(id_)
            await connection.execute(
                _NOTE, id_, kind, now, alert.rule, alert.subject, alert.episode, alert.level, who, why
            )
            yield connection, alert

    async def _note_news(self, connection: Connection, alert: AlertRecord, now: datetime) -> None:
        """Has the letters of the recipient planned anew."""
        if alert.recipient is not None:
            group: tuple[str, Urgency] = (alert.recipient, urgency(alert.view()))
            await note_news(connection, {group}, now, self._notices)


async def _one(connection: Connection, query: str, id_: int) -> AlertRecord:
    row = await connection.fetchrow(query, id_)
    if row is None:
        raise AlertUnknown(id_)
    return AlertRecord(**dict(row))
