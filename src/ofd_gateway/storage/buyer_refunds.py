"""Refunds: what a message to a phone has cost goes back into the package when it will not go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ofd_gateway.alerts import MessagesSpent
from ofd_gateway.storage.packages import give_back
from ofd_gateway.storage.watches import key_of_customer

if TYPE_CHECKING:
    from datetime import datetime

    from ofd_gateway.buyers.model import Key
    from ofd_gateway.storage.migrations import Connection
    from ofd_gateway.storage.watches import WatchTransaction

__all__ = ["REFUNDED_STATES", "refund"]

_REFUNDED: Final = """
UPDATE buyer_messages SET refunded = refunded + $4 WHERE fn = $1 AND generation = $2 AND fd = $3 AND channel = 'sms'
"""
_REASONS: Final = {
    "refused": "центр СМС отказал",
    "failed": "отправить не удалось",
    "erased": "контакт удалён",
}
REFUNDED_STATES: Final = frozenset(_REASONS)
"""States in which a message has cost nothing."""


async def refund(
    connection: Connection, watches: WatchTransaction, key: Key, inn: str, messages: int, state: str, now: datetime
) -> None:
    """Gives messages back inside the caller's transaction; `watches` holds the watch of the customer."""
    reason = f"возврат: ФН {key[0]}, ФД {key[2]}: {_REASONS[state]}"
    balance = await give_back(connection, inn, messages, reason, now)
    await connection.execute(_REFUNDED, *key, messages)
    watches.step(key_of_customer(inn), MessagesSpent(at=now, messages=-messages, balance=balance), now)
