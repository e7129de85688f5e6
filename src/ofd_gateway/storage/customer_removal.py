"""A customer who goes: what hangs on it is let go of in one transaction, what was done for it stays on record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ofd_gateway.errors import OfdGatewayError
from ofd_gateway.storage.alert_records import record_findings
from ofd_gateway.storage.ended_alerts import ALERT_COLUMNS, ending
from ofd_gateway.storage.registers import release
from ofd_gateway.storage.watches import WatchTransaction, key_of_customer

if TYPE_CHECKING:
    from datetime import datetime

    from ofd_gateway.storage.directory import Directory
    from ofd_gateway.storage.migrations import Connection

__all__ = ["PackageNotEmpty", "let_go"]

_BALANCE: Final = "SELECT balance FROM packages WHERE customer_inn = $1 FOR UPDATE"
_OPEN_ALERTS: Final = f"""
SELECT {ALERT_COLUMNS} FROM alerts WHERE subject_kind = 'customer' AND subject = $1 AND resolved_at IS NULL
ORDER BY rule, episode
"""  # noqa: S608  constants
_CANCEL_LETTERS: Final = """
WITH cancelled AS (
    UPDATE letters SET state = 'failed', next_attempt_at = NULL, ended_at = $2 WHERE id IN (
        SELECT id FROM letters WHERE recipient = $1 AND state = 'queued' ORDER BY id FOR UPDATE SKIP LOCKED
    ) RETURNING id
)
INSERT INTO letter_attempts (letter_id, at, outcome, code, reply)
SELECT id, $2, 'given_up', NULL, 'the customer was removed' FROM cancelled
"""


class PackageNotEmpty(OfdGatewayError):
    """A customer has bought messages and not used them."""

    def __init__(self, inn: str, balance: int) -> None:
        super().__init__(
            f"у клиента {inn} осталось сообщений: {balance}, спишите их сначала: packages spend / "
            "messages are left in the customer's package"
        )


async def let_go(connection: Connection, inn: str, directory: Directory, now: datetime, *, who: str) -> None:
    """Undoes inside the caller's transaction what refers to a customer that is there no more.

    Registers that were given to it belong to their taxpayers again, its own alerts end, letters that wait are given up
    but for one that is being sent at this moment. Letters that went out and movements of its package stay. Added again,
    it begins anew. Raises PackageNotEmpty.
    """
    watches = WatchTransaction(connection, directory)
    await release(connection, watches, inn, now)
    balance = await connection.fetchval(_BALANCE, inn)
    if balance:
        raise PackageNotEmpty(inn, balance)
    await connection.execute("DELETE FROM watches WHERE subject = $1", key_of_customer(inn))
    rows = await connection.fetch(_OPEN_ALERTS, inn)
    await record_findings(connection, [ending(row, now) for row in rows], directory.notices, now, who=who)
    await connection.execute(_CANCEL_LETTERS, inn, now)
    await connection.execute("DELETE FROM letter_groups WHERE recipient = $1", inn)
    await connection.execute("DELETE FROM told WHERE recipient = $1", inn)
