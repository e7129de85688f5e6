"""What is wrong with a message, and what must be done about it."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final, Literal

from ofd_gateway.errors import OfdGatewayError

if TYPE_CHECKING:
    from ofd_gateway.protocol.session import SessionHeader

__all__ = ["Consequence", "ProtocolError", "Reason"]

Reason = Literal[
    "session_signature",
    "marking_protocol",
    "session_version",
    "session_fn",
    "session_length",
    "session_flags",
    "session_crc_mode",
    "session_crc",
    "message_too_long",
    "truncated",
    "unasked",
    "container_length",
    "container_crc",
    "container_type",
    "container_version",
    "container_fn",
    "container_fd",
    "container_plain_length",
    "trailer",
    "confirmation",
]
"""Every reason there is, a stable word for logs, metrics and the quarantine; the protocol's page explains each."""


class Consequence(enum.Enum):
    """What the caller must do with the connection after an error."""

    #: No answer exists in the protocol for what came: close without a byte.
    CLOSE = "close"


class ProtocolError(OfdGatewayError):
    """The peer sent what the exchange protocol does not allow.

    `field` is the field concerned, `offset` its place in the message (bytes from the start of the session header; from
    the start of the container where there is no session header), `rule` what should have been there and `detail` what
    was there. `header` is set when the session header was readable, `fd` when the container's head was; `raw`, which a
    `Connection` fills in, is as much of the message as has arrived, and never more than one message.

    After it was raised the connection is of no use any more: the caller does what `consequence` says.
    """

    consequence: Final = Consequence.CLOSE

    def __init__(
        self,
        reason: Reason,
        *,
        field: str,
        offset: int,
        rule: str,
        detail: str,
        header: SessionHeader | None = None,
        fd: int | None = None,
        raw: bytes = b"",
    ) -> None:
        super().__init__(reason)
        self.reason: Reason = reason
        self.field = field
        self.offset = offset
        self.rule = rule
        self.detail = detail
        self.header = header
        self.fd = fd
        self.raw = raw

    def __str__(self) -> str:
        """One line for people: field, offset, what was found, what the rule is."""
        return f"{self.field} at byte {self.offset}: {self.detail}; {self.rule}"
