"""What is wrong with a message, and what must be done about it."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from ofd_gateway.errors import OfdGatewayError

if TYPE_CHECKING:
    from ofd_gateway.protocol.session import SessionHeader

__all__ = ["Consequence", "ProtocolError"]


class Consequence(enum.Enum):
    """What the caller must do with the connection after an error."""

    #: No answer exists in the protocol for what came: close without a byte.
    CLOSE = "close"


class ProtocolError(OfdGatewayError):
    """The peer sent what the exchange protocol does not allow.

    `reason` is a stable word for logs and metrics, `field` the field concerned, `offset` its place in the message
    (bytes from the start of the session header; from the start of the container where there is no session header),
    `rule` what should have been there and `detail` what was there. `header` is set when the session header was
    readable; `raw` is as much of the message as has arrived.

    After it was raised the connection is of no use any more: the caller does what `consequence` says.
    """

    consequence = Consequence.CLOSE

    def __init__(
        self,
        reason: str,
        *,
        field: str,
        offset: int,
        rule: str,
        detail: str,
        header: SessionHeader | None = None,
        raw: bytes = b"",
    ) -> None:
        super().__init__(f"{field} at byte {offset}: {detail}; {rule}")
        self.reason = reason
        self.field = field
        self.offset = offset
        self.rule = rule
        self.detail = detail
        self.header = header
        self.raw = raw
