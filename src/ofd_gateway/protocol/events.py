"""What a connection has found in the bytes it was given."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageReceived:
    """A register's message (сообщение): a container under a session header; `raw` is both."""

    header: SessionHeader
    container: Container
    raw: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRequested:
    """A header without a body from a register (служебный режим)."""

    header: SessionHeader


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmationReceived:
    """The operator's answer (квитанция) to the message sent last; `raw` is header and container."""

    header: SessionHeader
    container: Container
    raw: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAnswered:
    """The operator's answer to a service request."""

    header: SessionHeader


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerClosed:
    """The peer will send nothing more, and nothing was cut short; `probe`: it never sent a byte."""

    probe: bool


Event = MessageReceived | ServiceRequested | ConfirmationReceived | ServiceAnswered | PeerClosed
