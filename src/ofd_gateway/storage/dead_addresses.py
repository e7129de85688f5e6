"""Addresses that mail servers refuse for good: buried with word to the operator, revived by a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ofd_gateway.alerts.model import (
    AlertType,
    EndReason,
    FactValue,
    Level,
    Subject,
    SubjectKind,
    Transition,
    TransitionKind,
)
from ofd_gateway.alerts.notices import NoticeParameters, Urgency
from ofd_gateway.storage.alert_records import OPERATOR, Finding, note_news, record_findings
from ofd_gateway.storage.ended_alerts import ALERT_COLUMNS, ending

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ofd_gateway.storage.migrations import Connection

__all__ = ["ADDRESS_DEAD", "bury", "leave_behind", "revive", "revive_address"]

ADDRESS_DEAD: Final = "address_dead"
"""The rule name of the operator's alert; its subject is the customer."""

_GATEWAY: Final = "gateway"
_BURY: Final = (
    "INSERT INTO dead_addresses (address, since, reply) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING 1"
)
_HOLD: Final = """
UPDATE letters SET next_attempt_at = NULL WHERE id IN (
    SELECT id FROM letters WHERE address = $1 AND state = 'queued' AND next_attempt_at IS NOT NULL
    ORDER BY id FOR UPDATE SKIP LOCKED
)
"""
_READERS: Final = """
SELECT inn, name, NOT EXISTS (
    SELECT FROM unnest(emails) AS email WHERE email NOT IN (SELECT address FROM dead_addresses)
) AS last_address
FROM customers WHERE $1 = ANY (emails) ORDER BY inn
"""
_OPEN_ALERTS: Final = f"""
SELECT {ALERT_COLUMNS} FROM alerts
WHERE rule = $1 AND resolved_at IS NULL AND (
    subject = $2 AND facts ->> 'address' <> ALL ($4::text[]) OR facts ->> 'address' = ANY ($3::text[])
) ORDER BY subject, episode
"""  # noqa: S608  constants
_UNTELL: Final = """
DELETE FROM told WHERE recipient = $1 AND alert_id IN (
    SELECT alert_id FROM letter_alerts JOIN letters ON letters.id = letter_id
    WHERE recipient = $1 AND (state = 'refused' OR state = 'queued' AND next_attempt_at IS NULL)
        AND address IN (SELECT address FROM dead_addresses) AND address <> ALL ($2::text[])
) AND alert_id NOT IN (
    SELECT alert_id FROM letter_alerts JOIN letters ON letters.id = letter_id
    WHERE recipient = $1 AND (state = 'sent' OR state = 'queued' AND next_attempt_at IS NOT NULL)
)
"""
_DROP_HELD: Final = """
UPDATE letters SET state = 'refused', ended_at = $2
WHERE recipient = $1 AND state = 'queued' AND next_attempt_at IS NULL AND address <> ALL ($3::text[])
"""
_RELEASE: Final = """
UPDATE letters SET next_attempt_at = $2
WHERE address = ANY ($1::text[]) AND state = 'queued' AND next_attempt_at IS NULL
"""


async def bury(
    connection: Connection,
    recipient: str,
    address: str,
    reply: str,
    now: datetime,
    notices: NoticeParameters,
    *,
    letter_id: int | None = None,
) -> bool:
    """Notes inside the caller's transaction that the address takes no letters. Whether that was news.

    Letters that wait for it are held, and the operator is told. Letters that another process is sending at this moment
    are left to it.
    """
    if await connection.fetchval(_BURY, address, now, reply) is None:
        return False
    await connection.execute(_HOLD, address)
    customers = {row["inn"]: row for row in await connection.fetch(_READERS, address)}
    findings = []
    for who in sorted({recipient, *customers}):
        row = customers.get(who)
        facts: dict[str, FactValue] = {"address": address, "reply": reply, "letter": letter_id}
        last = True if row is None else row["last_address"]
        if row is not None:
            facts |= {"inn": who, "customer": row["name"]}
        elif who != OPERATOR:
            facts["inn"] = who
        findings.append(_finding(who, address, facts | {"last_address": last}, now, is_critical=last))
    await record_findings(connection, findings, notices, now)
    return True


async def revive(
    connection: Connection,
    recipient: str,
    addresses: Sequence[str],
    now: datetime,
    notices: NoticeParameters,
    *,
    who: str,
) -> None:
    """The recipient's addresses were set to these by a person: inside the caller's transaction they live again.

    What was never delivered to the recipient is told anew, as it is now, and the operator's alert is over. Letters of
    others that wait for one of the addresses go out.
    """
    await connection.execute(_UNTELL, recipient, [])
    await connection.execute(_DROP_HELD, recipient, now, [])
    await connection.execute("DELETE FROM dead_addresses WHERE address = ANY ($1::text[])", list(addresses))
    await connection.execute(_RELEASE, list(addresses), now)
    await _resolve(connection, _subject(recipient).id, addresses, now, notices, who=who)
    await note_news(connection, {(recipient, Urgency.PROMPT)}, now, notices)


async def leave_behind(
    connection: Connection, addresses: Sequence[str], now: datetime, notices: NoticeParameters, *, who: str
) -> None:
    """The operator's addresses are these: what dead ones that are no longer among them never got is told anew."""
    kept = list(addresses)
    await connection.execute(_UNTELL, OPERATOR, kept)
    await connection.execute(_DROP_HELD, OPERATOR, now, kept)
    await _resolve(connection, _GATEWAY, [], now, notices, who=who, kept=kept)
    await note_news(connection, {(OPERATOR, urgency) for urgency in Urgency}, now, notices)


async def revive_address(
    connection: Connection, address: str, now: datetime, notices: NoticeParameters, *, who: str
) -> None:
    """A person says that the address was refused by mistake: letters that wait for it go out as they are."""
    await connection.execute("DELETE FROM dead_addresses WHERE address = $1", address)
    await connection.execute(_RELEASE, [address], now)
    await _resolve(connection, "", [address], now, notices, who=who)


async def _resolve(
    connection: Connection,
    subject: str,
    addresses: Sequence[str],
    now: datetime,
    notices: NoticeParameters,
    *,
    who: str,
    kept: Sequence[str] = (),
) -> None:
    rows = await connection.fetch(_OPEN_ALERTS, ADDRESS_DEAD, subject, list(addresses), list(kept))
    findings = [ending(row, now, EndReason.OVER) for row in rows]
    await record_findings(connection, findings, notices, now, who=who)


def _finding(who: str, address: str, facts: dict[str, FactValue], now: datetime, *, is_critical: bool) -> Finding:
    subject = _subject(who)
    return Finding(
        watch="gateway" if who == OPERATOR else f"inn:{who}",
        customer_inn=None if who == OPERATOR else who,
        change=Transition(
            kind=TransitionKind.OPENED,
            rule=ADDRESS_DEAD,
            type=AlertType.OPERATOR,
            subject=subject,
            # An address may die again after it was revived: that is another episode.
            episode=f"{address} {now.isoformat()}",
            level=Level("dead", 1, is_critical),
            at=now,
            opened_at=now,
            facts=facts,
        ),
    )


def _subject(recipient: str) -> Subject:
    if recipient == OPERATOR:
        return Subject(SubjectKind.GATEWAY, _GATEWAY)
    return Subject(SubjectKind.CUSTOMER, recipient)
