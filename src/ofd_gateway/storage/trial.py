"""A trial of what storing a document takes: writing, space on the disk, and tables that nobody has locked."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ofd_gateway.storage.migrations import Connection

__all__ = ["try_to_store"]

_BYTES: Final = 65_536
"""Several pages, so that the tables have to grow where earlier trials have used up what was free."""
_LOCK: Final = "LOCK TABLE documents, fn_states, watches IN ROW EXCLUSIVE MODE NOWAIT"
_WRITE: Final = """
INSERT INTO quarantine (fn, fd, reason, detail, received_at, peer, connection_id, raw)
VALUES ('', NULL, 'trial', '', now(), '', '', $1)
"""


async def try_to_store(connection: Connection) -> None:
    """Writes and rolls back; raises what the driver raises, and the connection is then to be rolled back by the caller.

    Rows of single FNs may still be locked, and a disk may still be too full for the server's log: those only a commit
    finds out.
    """
    await connection.execute("BEGIN")
    await connection.execute(_LOCK)
    await connection.execute(_WRITE, os.urandom(_BYTES))
    await connection.execute("ROLLBACK")
