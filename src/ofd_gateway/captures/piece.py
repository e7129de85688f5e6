"""Pieces of recorded traffic: what one side of a connection sent, cut where messages begin and end."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import NamedTuple

import msgspec

__all__ = ["Address", "Piece", "Sender", "Sort"]


class Sender(enum.Enum):
    """Who sent: the register opened the connection, the operator answers on it."""

    REGISTER = "register"
    OPERATOR = "operator"

    @property
    def other(self) -> Sender:
        """The other side."""
        return Sender.OPERATOR if self is Sender.REGISTER else Sender.REGISTER


class Sort(enum.Enum):
    """What a piece is."""

    #: As many bytes as a session header announces; whether they are right is for the reading to say.
    MESSAGE = "message"
    #: A message that began and has no end: the connection ended, or bytes of it are missing.
    PARTIAL = "partial"
    #: Bytes that begin no message.
    FOREIGN = "foreign"
    #: Bytes that were sent and are not in the recording.
    GAP = "gap"


class Address(NamedTuple):
    """An IP address as text, and a TCP port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of one side of one connection.

    `connection` counts the connections of a recording from 1. `at` is when its last byte was seen, aware UTC, None
    where the recording does not say. `missing_bytes` is the size of a GAP, 0 for any other sort.
    """

    connection: int
    sender: Sender
    sort: Sort
    raw: bytes
    at: datetime | None
    source: str
    destination: str
    missing_bytes: int = 0
