"""What can go wrong with the database, told apart by what the caller can do."""

from __future__ import annotations

from typing import Literal

from ofd_gateway.errors import OfdGatewayError

__all__ = [
    "DatabaseBusy",
    "DatabaseError",
    "DatabaseUnavailable",
    "DatabaseUnsafe",
    "MigrationChanged",
    "SchemaMismatch",
    "SchemaOutdated",
    "StoreFailed",
    "reason_of",
]


class DatabaseError(OfdGatewayError):
    """Any failure of the database; a gateway that meets one at its start exits with 3."""


class DatabaseUnavailable(DatabaseError):
    """The database cannot be reached or started."""


class DatabaseBusy(DatabaseError):
    """Another process serves this state directory."""


class DatabaseUnsafe(DatabaseError):
    """The server would lose what it has confirmed: a durability setting is off."""


class SchemaMismatch(DatabaseError):
    """The schema is newer than this code, or has never been migrated."""


class SchemaOutdated(SchemaMismatch):
    """The schema lacks migrations that this code needs."""


class MigrationChanged(DatabaseError):
    """A migration that was applied has other content now."""


class StoreFailed(DatabaseError):
    """A transaction failed.

    `committed` is `no` when nothing of it was stored, and `unknown` when COMMIT was sent and no answer came. With `no`,
    `retryable` tells a lost connection from data that the database refuses, which it would refuse again. `sqlstate` is
    the server's code, None when it said nothing.
    """

    def __init__(
        self, reason: str, *, committed: Literal["no", "unknown"], retryable: bool = True, sqlstate: str | None = None
    ) -> None:
        super().__init__(reason)
        self.committed = committed
        self.retryable = retryable
        self.sqlstate = sqlstate


def reason_of(error: Exception) -> str:
    """What to say of a connection that was not made, without a word of its URI.

    The driver's complaints of a URI that it cannot read cite parts of it; a sign in the wrong place makes them parts of
    the password.
    """
    if isinstance(error, ValueError | OverflowError):
        return "the URI cannot be read; signs like / ? # @ in a password are written in per cent form, / as %2F"
    return str(error) or type(error).__name__
