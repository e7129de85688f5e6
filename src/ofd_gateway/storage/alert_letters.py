"""What was told of an alert and to whom, and what would be decided on it now. Reads only."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from ofd_gateway.alerts.incident import INCIDENT_RULE
from ofd_gateway.alerts.notices import Decision, NoticeParameters, Subscription, Told, decide
from ofd_gateway.storage.alert_records import OPERATOR
from ofd_gateway.storage.letter_groups import OPERATORS_SUBSCRIPTION, subscription_of

if TYPE_CHECKING:
    from ofd_gateway.storage.alerts import AlertRecord
    from ofd_gateway.storage.database import Database
    from ofd_gateway.storage.migrations import Connection

__all__ = ["AlertLetters", "ToldRecord"]

_TOLD: Final = "SELECT recipient, weight, told_at, ended FROM told WHERE alert_id = $1 ORDER BY recipient"
_CUSTOMER: Final = """
SELECT notify, tell_resolved, quiet_hours, timezone, emails <@ ARRAY(SELECT address FROM dead_addresses) AS paused
FROM customers WHERE inn = $1
"""
_HELD: Final = """
SELECT facts ->> 'rule' AS rule, opened_at FROM alerts WHERE rule = $1 AND resolved_at IS NULL AND opened_at > $2
"""


class ToldRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What a recipient was last told of the alert."""

    recipient: str
    weight: float
    told_at: datetime
    ended: bool


class AlertLetters:
    """Who was told of one alert, and what would be decided on it now."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def told(self, alert_id: int) -> list[ToldRecord]:
        """Who was told of the alert."""
        async with self._database.reading() as connection:
            return [ToldRecord(**dict(row)) for row in await connection.fetch(_TOLD, alert_id)]

    async def decision(
        self, alert: AlertRecord, now: datetime, notices: NoticeParameters, *, holds_for: timedelta, timezone: str
    ) -> Decision | None:
        """What would be decided for the alert's recipient now; None: there is nobody to tell.

        An incident of the operator holds letters for `holds_for`; `timezone` is that of customers without their own.
        """
        recipient = alert.recipient
        if recipient is None:
            return None
        async with self._database.reading() as connection:
            subscription = await _subscription(connection, recipient, timezone)
            held = {
                row["rule"]: row["opened_at"] for row in await connection.fetch(_HELD, INCIDENT_RULE, now - holds_for)
            }
        if subscription is None:
            return None
        known = {
            record.recipient: Told(weight=record.weight, told_at=record.told_at, ended=record.ended)
            for record in await self.told(alert.id)
        }
        return decide(alert.view(), known.get(recipient), subscription, now, notices, held)


async def _subscription(connection: Connection, recipient: str, timezone: str) -> Subscription | None:
    if recipient == OPERATOR:
        return OPERATORS_SUBSCRIPTION
    row = await connection.fetchrow(_CUSTOMER, recipient)
    if row is None:
        return None
    wanted = subscription_of(row, row["timezone"] or timezone)
    return msgspec.structs.replace(wanted, paused=row["paused"])
