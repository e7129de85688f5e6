"""From news to letters: one group of a recipient is planned, composed and written in one transaction."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import asyncpg
import msgspec

from ofd_gateway.alerts.fns_delay import FNS_DELAYED
from ofd_gateway.alerts.incident import INCIDENT_RULE, IncidentParameters
from ofd_gateway.alerts.letters import LetterLine, Recipient, build_message, make_message_id, wire_address
from ofd_gateway.alerts.letters.delivery import Planned
from ofd_gateway.alerts.model import AlertType, EndReason, Level
from ofd_gateway.alerts.notices import (
    AlertView,
    NoticeParameters,
    NoticePlan,
    NoticeReason,
    Subscription,
    Told,
    Urgency,
    group_due_at,
    plan,
    told_by,
)
from ofd_gateway.alerts.quiet import parse_quiet_hours
from ofd_gateway.alerts.rules import RULES
from ofd_gateway.storage.alert_records import ENGINE, OPERATOR
from ofd_gateway.storage.dead_addresses import bury, leave_behind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from ofd_gateway.alerts.letters import Composer, Letter
    from ofd_gateway.storage.database import Database
    from ofd_gateway.storage.migrations import Connection

__all__ = ["OPERATORS_SUBSCRIPTION", "LetterPlanner", "OperatorRecipient", "subscription_of"]

_MOMENTARY: Final = [rule.name for rule in RULES if rule.momentary]
_MOMENTARY_FOR: Final = timedelta(days=7)
_ENDS_FOR: Final = timedelta(days=31)
"""An end that could not be told for so long is told no more."""
_FAILED_PAUSE: Final = timedelta(minutes=5)
_INCIDENT_PAUSE: Final = timedelta(minutes=10)
"""How often a group that an incident holds is looked at: the end of an incident is no news of its own."""

_DUE: Final = """
SELECT recipient, urgency, waiting_since, last_sent_at FROM letter_groups WHERE due_at <= $1
ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED
"""
_CUSTOMER: Final = """
SELECT name, emails, notify, locale, timezone, tell_resolved, quiet_hours FROM customers WHERE inn = $1
"""
_COLUMNS: Final = """
SELECT a.id, a.rule, a.type, a.level, a.weight, a.critical, a.subject_kind, a.subject, a.facts, a.opened_at,
    a.resolved_at, a.end_reason, a.acked_at, a.acked_weight, a.acked_critical, a.silenced_until,
    t.weight AS told_weight, t.told_at, t.ended, r.name AS register_name, r.place AS register_place,
    r.timezone AS register_timezone
FROM alerts a LEFT JOIN told t ON t.alert_id = a.id AND t.recipient = $1
LEFT JOIN registers r ON r.registration_number = coalesce(a.facts ->> 'registration_number', a.subject)
"""
_OPEN: Final = " AND a.resolved_at IS NULL AND (t.alert_id IS NULL OR t.weight < a.weight OR a.critical)"
"""Open alerts whose level the recipient knows are no news unless they are repeated."""
_ENDED: Final = """
 AND a.resolved_at > $2
 AND CASE WHEN t.alert_id IS NULL THEN a.resolved_at > $3 AND a.rule = ANY ($4) ELSE NOT t.ended END
"""
_OF_CUSTOMER: Final = _COLUMNS + "WHERE a.customer_inn = $1 AND a.type <> 'operator'"
_OF_OPERATOR: Final = _COLUMNS + "WHERE a.type = 'operator' AND a.critical = "
_CUSTOMER_OPEN: Final = _OF_CUSTOMER + _OPEN
_CUSTOMER_ENDED: Final = _OF_CUSTOMER + _ENDED
_OPERATOR_OPEN: Final = _OF_OPERATOR + "$2" + _OPEN
_OPERATOR_ENDED: Final = _OF_OPERATOR + "$5" + _ENDED
# While the tax service cannot be reached at all, no customer is told that documents are late.
_INCIDENTS: Final = """
SELECT facts ->> 'rule' AS rule, opened_at FROM alerts WHERE rule = $1 AND resolved_at IS NULL
UNION ALL
SELECT 'fns_rejected', opened_at FROM alerts
WHERE rule = $2 AND resolved_at IS NULL AND EXISTS (SELECT 1 FROM fns_endpoint WHERE failing_since IS NOT NULL)
ORDER BY opened_at DESC
"""
_LETTER: Final = """
INSERT INTO letters (recipient, address, subject, message_id, message, state, created_at, next_attempt_at)
VALUES ($1, $2, $3, $4, $5, 'queued', $6, $6) RETURNING id
"""
_LETTER_ALERTS: Final = """
INSERT INTO letter_alerts (letter_id, alert_id, level, reason)
SELECT $1, * FROM unnest($2::bigint[], $3::text[], $4::text[])
"""
_TOLD: Final = """
INSERT INTO told (alert_id, recipient, weight, told_at, ended)
SELECT alert_id, $1, weight, $2, ended FROM unnest($3::bigint[], $4::float8[], $5::boolean[])
    AS line (alert_id, weight, ended)
ON CONFLICT (alert_id, recipient) DO UPDATE SET
    weight = excluded.weight, told_at = excluded.told_at, ended = excluded.ended
"""
_GROUP: Final = """
UPDATE letter_groups SET waiting_since = $3, due_at = $4, last_sent_at = coalesce($5, last_sent_at)
WHERE recipient = $1 AND urgency = $2
"""
_POSTPONE: Final = "UPDATE letter_groups SET due_at = $3 WHERE recipient = $1 AND urgency = $2"


class OperatorRecipient(msgspec.Struct, frozen=True, kw_only=True):
    """Who gets what is no customer's business."""

    emails: tuple[str, ...]
    name: str
    timezone: str
    locale: str = "ru"


class _Reader(msgspec.Struct, frozen=True, kw_only=True):
    """A recipient with what it wants, and its addresses: live ones and those that mail cannot be written to."""

    recipient: Recipient
    subscription: Subscription
    addresses: tuple[str, ...]
    impossible: tuple[str, ...]


class LetterPlanner:
    """Writes the letters that are due. `sender` is their address; `new_id` gives a text that no other letter has."""

    def __init__(
        self,
        database: Database,
        composer: Composer,
        *,
        sender: str,
        operator: OperatorRecipient,
        notices: NoticeParameters,
        incident: IncidentParameters | None = None,
        new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
    ) -> None:
        self._database = database
        self._composer = composer
        self._sender = sender
        self._operator = operator
        self._notices = notices
        self._holds_for = (incident or IncidentParameters()).holds_for
        self._new_id = new_id

    async def start(self, now: datetime) -> None:
        """Looks at the operator's groups once, whose addresses may have changed with the settings."""
        async with self._database.reading() as connection, connection.transaction():
            await leave_behind(connection, self._operator.emails, now, self._notices, who=ENGINE)

    async def next_due_at(self) -> datetime | None:
        """When the next group is due; None when none is."""
        async with self._database.reading() as connection:
            at: datetime | None = await connection.fetchval("SELECT min(due_at) FROM letter_groups")
            return at

    async def plan_due(self, now: datetime) -> Planned | None:
        """Plans one group that is due and writes its letters; None when none is due that nobody else has in hand.

        A group that cannot be planned is named with its failure and put off, so that it keeps no other waiting.

        Raises:
            DatabaseUnavailable: nothing was written.
        """
        async with self._database.reading() as connection, connection.transaction():
            group = await connection.fetchrow(_DUE, now)
            if group is None:
                return None
            recipient, urgency = group["recipient"], Urgency(group["urgency"])
            try:
                async with connection.transaction():
                    return await self._plan(connection, group, recipient, urgency, now)
            except Exception as error:
                if connection.is_closed() or isinstance(error, _LOST):
                    raise
                reason = f"{type(error).__name__}: {error}"
            await connection.execute(_POSTPONE, recipient, urgency.value, now + _FAILED_PAUSE)
            return Planned(recipient=recipient, urgency=urgency.value, failure=reason)

    async def _plan(
        self, connection: Connection, group: asyncpg.Record, recipient: str, urgency: Urgency, now: datetime
    ) -> Planned:
        reader = await self._reader(connection, recipient)
        if reader is None:
            await connection.execute("DELETE FROM letter_groups WHERE recipient = $1", recipient)
            return Planned(recipient=recipient, urgency=urgency.value)
        for address in reader.impossible:
            await bury(connection, recipient, address, "no address of mail", now, self._notices)
        rows = await self._rows(connection, recipient, urgency, now)
        alerts = {row["id"]: _view(row) for row in rows}
        told = {row["id"]: _told(row) for row in rows if row["told_at"] is not None}
        earliest = group_due_at(
            group["waiting_since"] or now - self._notices.group_wait, group["last_sent_at"], urgency, self._notices
        )
        incidents = await self._incidents(connection, now)
        planned = plan(
            alerts.values(), told, reader.subscription, now, self._notices, due_at=earliest, held_rules=incidents
        )
        if planned.letter:
            lines = [_line(row, decision.reason) for row, decision in _paired(rows, planned)]
            letter = self._composer.compose(reader.recipient, lines)
            await self._write(connection, reader, letter, planned, now)
            await connection.execute(
                _TOLD,
                recipient,
                now,
                [decision.alert_id for decision in planned.letter],
                [decision.level.weight for decision in planned.letter],
                [told_by(decision, alerts[decision.alert_id], now).ended for decision in planned.letter],
            )
        waits = not planned.letter and planned.next_at == earliest
        await connection.execute(
            _GROUP,
            recipient,
            urgency.value,
            group["waiting_since"] if waits else None,
            self._look_again_at(planned, incidents, now),
            now if planned.letter else None,
        )
        return Planned(
            recipient=recipient,
            urgency=urgency.value,
            letters=len(reader.addresses) if planned.letter else 0,
            dead=reader.impossible,
        )

    async def _reader(self, connection: Connection, recipient: str) -> _Reader | None:
        if recipient == OPERATOR:
            timezone = self._operator.timezone
            who = Recipient(id=OPERATOR, name=self._operator.name, locale=self._operator.locale, timezone=timezone)
            emails: Sequence[str] = self._operator.emails
            wanted = OPERATORS_SUBSCRIPTION
        else:
            row = await connection.fetchrow(_CUSTOMER, recipient)
            if row is None:
                return None
            timezone = row["timezone"] or self._operator.timezone
            who = Recipient(id=recipient, name=row["name"], locale=row["locale"], timezone=timezone)
            emails = row["emails"]
            wanted = subscription_of(row, timezone)
        dead = {
            row["address"]
            for row in await connection.fetch(
                "SELECT address FROM dead_addresses WHERE address = ANY ($1::text[])", list(emails)
            )
        }
        alive = [address for address in dict.fromkeys(emails) if address not in dead]
        addresses = tuple(address for address in alive if _can_be_written(address))
        return _Reader(
            recipient=who,
            subscription=msgspec.structs.replace(wanted, paused=not addresses),
            addresses=addresses,
            impossible=tuple(address for address in alive if address not in addresses),
        )

    async def _rows(
        self, connection: Connection, recipient: str, urgency: Urgency, now: datetime
    ) -> list[asyncpg.Record]:
        """What may be told: open alerts that are news or repeated, ends that are not told yet."""
        window = (now - _ENDS_FOR, now - _MOMENTARY_FOR, _MOMENTARY)
        if recipient == OPERATOR:
            critical = urgency is Urgency.PROMPT
            open_ones = await connection.fetch(_OPERATOR_OPEN, recipient, critical)
            return open_ones + await connection.fetch(_OPERATOR_ENDED, recipient, *window, critical)
        open_ones = await connection.fetch(_CUSTOMER_OPEN, recipient)
        return open_ones + await connection.fetch(_CUSTOMER_ENDED, recipient, *window)

    async def _incidents(self, connection: Connection, now: datetime) -> dict[str, datetime]:
        rows = await connection.fetch(_INCIDENTS, INCIDENT_RULE, FNS_DELAYED)
        return {
            row["rule"]: row["opened_at"] for row in rows if row["rule"] and now - row["opened_at"] < self._holds_for
        }

    def _look_again_at(self, planned: NoticePlan, incidents: dict[str, datetime], now: datetime) -> datetime | None:
        moments = [planned.next_at] if planned.next_at is not None else []
        if any(decision.reason is NoticeReason.INCIDENT for decision in planned.decisions):
            moments.append(min(now + _INCIDENT_PAUSE, *(at + self._holds_for for at in incidents.values())))
        return min(moments, default=None)

    async def _write(
        self, connection: Connection, reader: _Reader, letter: Letter, planned: NoticePlan, now: datetime
    ) -> None:
        for address in reader.addresses:
            message_id = make_message_id(self._new_id(), self._sender)
            message = build_message(
                letter,
                sender=self._sender,
                sender_name=self._operator.name,
                address=address,
                message_id=message_id,
                written_at=now,
            )
            letter_id = await connection.fetchval(
                _LETTER, reader.recipient.id, address, letter.subject, message_id, message, now
            )
            await connection.execute(
                _LETTER_ALERTS,
                letter_id,
                [decision.alert_id for decision in planned.letter],
                [decision.level.name for decision in planned.letter],
                [decision.reason.name for decision in planned.letter],
            )


OPERATORS_SUBSCRIPTION: Final = Subscription(types=frozenset({AlertType.OPERATOR}))


def subscription_of(row: asyncpg.Record, timezone: str) -> Subscription:
    """What a customer wants, of a row with `notify`, `tell_resolved` and `quiet_hours`; by the clocks of `timezone`."""
    return Subscription(
        types=frozenset(AlertType(name) for name in row["notify"]),
        tell_resolved=row["tell_resolved"],
        quiet=parse_quiet_hours(row["quiet_hours"], timezone) if row["quiet_hours"] else None,
    )


_LOST: Final = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
)
"""Errors that say nothing of the group: the connection or the server is in trouble."""


def _can_be_written(address: str) -> bool:
    try:
        wire_address(address)
    except ValueError:
        return False
    return True


def _paired(rows: Sequence[asyncpg.Record], planned: NoticePlan) -> list[tuple[asyncpg.Record, Any]]:
    by_id = {row["id"]: row for row in rows}
    return [(by_id[decision.alert_id], decision) for decision in planned.letter]


def _view(row: asyncpg.Record) -> AlertView:
    acked = row["acked_at"] is not None
    return AlertView(
        id=row["id"],
        rule=row["rule"],
        type=AlertType(row["type"]),
        level=Level(row["level"], row["weight"], row["critical"]),
        opened_at=row["opened_at"],
        resolved_at=row["resolved_at"],
        end_reason=EndReason.__members__.get((row["end_reason"] or "").upper()),
        acked_level=Level("", row["acked_weight"] or 0.0, bool(row["acked_critical"])) if acked else None,
        silenced_until=row["silenced_until"],
        momentary=row["rule"] in _MOMENTARY,
    )


def _told(row: asyncpg.Record) -> Told:
    return Told(weight=row["told_weight"], told_at=row["told_at"], ended=row["ended"])


def _line(row: asyncpg.Record, reason: NoticeReason) -> LetterLine:
    facts = msgspec.json.decode(row["facts"], type=dict[str, str | int | float | bool | None])
    kind, subject = row["subject_kind"], row["subject"]
    number = facts.get("registration_number") or (subject if kind == "register" else None)
    fn = facts.get("fn") or (subject if kind == "fn" else None)
    if kind == "fn" and reason is NoticeReason.RESOLVED:
        fn = subject
    return LetterLine(
        alert_id=row["id"],
        rule=row["rule"],
        type=AlertType(row["type"]),
        level=row["level"],
        critical=row["critical"],
        subject=subject,
        facts=facts,
        opened_at=row["opened_at"],
        resolved_at=row["resolved_at"],
        reason=reason,
        register_name=row["register_name"],
        place=_text(row["register_place"] or facts.get("place")),
        registration_number=_text(number),
        fn=_text(fn),
        timezone=row["register_timezone"],
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)
