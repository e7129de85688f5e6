"""After the wall clock was set back: what waits for a moment of the clock that was ahead is due at once.

To be looked at too early harms nobody: a watch is armed anew, a group of letters postponed, an attempt made sooner.
The queue for the tax service needs none of it, because its pauses are bounded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

    from ofd_gateway.storage.migrations import Connection

__all__ = ["make_due_after_step_back"]

_WATCHES: Final = """
UPDATE watches SET next_check_at = $1
WHERE subject IN (SELECT subject FROM watches WHERE next_check_at > $1 ORDER BY subject FOR UPDATE)
"""
_GROUPS: Final = """
UPDATE letter_groups SET
    waiting_since = CASE WHEN waiting_since > $1 THEN $1 ELSE waiting_since END,
    last_sent_at = CASE WHEN last_sent_at > $1 THEN $1 ELSE last_sent_at END,
    due_at = CASE WHEN due_at > $1 THEN $1 ELSE due_at END
WHERE (recipient, urgency) IN (
    SELECT recipient, urgency FROM letter_groups WHERE due_at > $1 OR last_sent_at > $1
    ORDER BY recipient, urgency FOR UPDATE
)
"""
_TOLD: Final = "UPDATE told SET told_at = $1 WHERE told_at > $1"
_LETTERS: Final = """
UPDATE letters SET next_attempt_at = $1 WHERE id IN (
    SELECT id FROM letters WHERE next_attempt_at > $1 AND state = 'queued' FOR UPDATE SKIP LOCKED
)
"""
_BUYERS: Final = """
UPDATE buyer_messages SET next_attempt_at = $1 WHERE (fn, generation, fd, channel) IN (
    SELECT fn, generation, fd, channel FROM buyer_messages WHERE next_attempt_at > $1 FOR UPDATE SKIP LOCKED
)
"""


async def make_due_after_step_back(connection: Connection, now: datetime) -> None:
    """Brings every moment after `now` forward to it, each table in a transaction of its own; may be done again.

    Raises what the driver raises.
    """
    for statement in (_WATCHES, _GROUPS, _TOLD, _LETTERS, _BUYERS):
        await connection.execute(statement, now)
