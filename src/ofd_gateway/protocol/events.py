"""What a connection has found in the bytes it was given."""

from __future__ import annotations

import enum

import msgspec

from ofd_gateway.protocol.container import Container
from ofd_gateway.protocol.session import SessionHeader

__all__ = [
    "ConfirmationReceived",
    "Event",
    "MessageReceived",
    "Need",
    "PeerClosed",
    "ServiceAnswered",
    "ServiceRequested",
]


class Need(enum.Enum):
    """Why there is no event now."""

    #: More bytes must arrive first.
    DATA = "data"
    #: The message in flight must be answered or skipped first.
    PAUSED = "paused"


class MessageReceived(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A register's message (сообщение): a container under a session header; `raw` is both."""

    header: SessionHeader
    container: Container
    raw: bytes


class ServiceRequested(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A header without a body from a register (служебный режим)."""

    header: SessionHeader


class ConfirmationReceived(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The operator's answer (квитанция) to the message sent last; `raw` is header and container."""

    header: SessionHeader
    container: Container
    raw: bytes


class ServiceAnswered(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The operator's answer to a service request."""

    header: SessionHeader


class PeerClosed(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The peer will send nothing more, and nothing was cut short; `probe`: it never sent a byte."""

    probe: bool


Event = MessageReceived | ServiceRequested | ConfirmationReceived | ServiceAnswered | PeerClosed
