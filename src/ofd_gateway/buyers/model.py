"""Receipts and messages on their way between the database and those who plan and send. Pure."""

from __future__ import annotations

from datetime import datetime

import msgspec

from ofd_gateway.ffd import Document, decode
from ofd_gateway.protocol import parse_container

__all__ = ["Backlog", "Key", "OutgoingMessage", "QueuedReceipt", "SmsReport", "WrittenMessage", "document_of"]

Key = tuple[str, int, int]
"""FN, generation and FD number."""


class QueuedReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """A receipt that nobody has looked at, and whose it is; `customer_inn` is None for registers of nobody.

    `receipts` are the channels that the customer wants. The container is None when the document is gone.
    """

    key: Key
    container: bytes | None
    ffd: str | None
    customer_inn: str | None
    receipts: tuple[str, ...]


class WrittenMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message as it was planned: one that its package cannot pay for has become `no_package`."""

    key: Key
    channel: str
    customer_inn: str | None
    state: str
    reason: str
    contact: str | None
    balance: int | None = None


class OutgoingMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message that is due, with its receipt. `attempts` counts those before this one.

    `accepted` are the parts that the centre has already. The container is None when the document is gone.
    """

    key: Key
    customer_inn: str | None
    contact: str
    attempts: int
    planned_at: datetime
    container: bytes | None
    ffd: str | None
    accepted: frozenset[int] = frozenset()


class SmsReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the centre reports of one part. `spellings` are its id and others that may mean the same.

    `outcome` is delivered or undelivered, `reply` what it said, `address` the number that the part went to.
    """

    spellings: tuple[str, ...]
    outcome: str
    reply: str
    address: str


class Backlog(msgspec.Struct, frozen=True, kw_only=True):
    """What waits: receipts to be looked at, messages by channel."""

    unplanned: int
    email: int
    sms: int


def document_of(container: bytes, ffd: str | None) -> Document:
    """The document in a stored container.

    Raises:
        OfdGatewayError: it cannot be read; it could when it was stored.
    """
    return decode(parse_container(container).body, version_hint=ffd)
