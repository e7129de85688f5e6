"""The exchange protocol between cash registers and the operator, without input or output."""

from ofd_gateway.protocol.confirmation import (
    CONFIRMATION_CODE,
    OPERATOR_SIGN_PREFIX,
    OPERATOR_SIGN_SUFFIX,
    Confirmation,
    confirmation_body,
    parse_confirmation,
)
from ofd_gateway.protocol.connection import Connection, Role
from ofd_gateway.protocol.container import (
    CONTAINER_HEADER_BYTES,
    FROM_FN,
    FROM_OPERATOR,
    MAX_BODY_BYTES,
    TRAILER_BYTES,
    Container,
    build_container,
    parse_container,
)
from ofd_gateway.protocol.crc import crc16
from ofd_gateway.protocol.errors import Consequence, ProtocolError, Reason
from ofd_gateway.protocol.events import (
    ConfirmationReceived,
    Event,
    MessageReceived,
    Need,
    PeerClosed,
    ServiceAnswered,
    ServiceRequested,
)
from ofd_gateway.protocol.proxy import (
    MAX_PROXY_HEADER_BYTES,
    PROXY_SIGNATURE,
    ProxyError,
    ProxyHeader,
    parse_proxy_header,
)
from ofd_gateway.protocol.session import SESSION_HEADER_BYTES, CrcMode, SessionHeader, parse_session_header

__all__ = [
    "CONFIRMATION_CODE",
    "CONTAINER_HEADER_BYTES",
    "FROM_FN",
    "FROM_OPERATOR",
    "MAX_BODY_BYTES",
    "MAX_PROXY_HEADER_BYTES",
    "OPERATOR_SIGN_PREFIX",
    "OPERATOR_SIGN_SUFFIX",
    "PROXY_SIGNATURE",
    "SESSION_HEADER_BYTES",
    "TRAILER_BYTES",
    "Confirmation",
    "ConfirmationReceived",
    "Connection",
    "Consequence",
    "Container",
    "CrcMode",
    "Event",
    "MessageReceived",
    "Need",
    "PeerClosed",
    "ProtocolError",
    "ProxyError",
    "ProxyHeader",
    "Reason",
    "Role",
    "ServiceAnswered",
    "ServiceRequested",
    "SessionHeader",
    "build_container",
    "confirmation_body",
    "crc16",
    "parse_confirmation",
    "parse_container",
    "parse_proxy_header",
    "parse_session_header",
]
